package attempts

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestWhatOneConfirmationStandsFor: all of a batch, unless the connection was made
// anew in its midst: then for the last alone. Either way their room is free again.
func TestWhatOneConfirmationStandsFor(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		r, err := NewRecorder(i.Bus, "w")
		require.NoError(t, err)
		defer r.Stop(bustest.Within(t, 20*time.Second))
		of := r.of(i.ID)
		for _, c := range []struct {
			life    uint64
			answer  *nats.Msg
			dropped uint64
		}{
			{r.onWay.life(), &nats.Msg{Data: []byte(`{"stream":"` + of.stream + `"}`)}, 0},
			{r.onWay.life() + 1, &nats.Msg{Data: []byte(`{"stream":"` + of.stream + `"}`)}, 4},
			{r.onWay.life(), &nats.Msg{Data: []byte(`{"stream":"another"}`)}, 5},
			{r.onWay.life(), &nats.Msg{Header: nats.Header{"Status": {statusNobody}}}, 5},
		} {
			for range 5 {
				require.True(t, r.enter())
			}
			before := of.dropped.Load()
			r.answered(sent{of: of, records: 5, life: c.life}, c.answer)
			require.Equal(t, c.dropped, of.dropped.Load()-before)
			require.Empty(t, r.room)
		}
	})
}

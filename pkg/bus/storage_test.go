package bus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/wire"
)

// fill publishes events of a KiB until one is refused, a thousand times what fits, and
// tells how many are stored.
func fill(t *testing.T, i bus.Instance, most int) (stored int) {
	t.Helper()
	ctx := bustest.Within(t, time.Minute)
	for ; stored < most; stored++ {
		_, err := i.Publish(ctx, bus.NewEvent{AggregateID: "u", Type: "a", Body: make([]byte, 1024)})
		if err != nil {
			bustest.Code(t, action.CodeStreamFull, err)
			return stored
		}
	}
	require.Fail(t, "the stream takes any")
	return stored
}

// TestStorageIsShared: the streams of an instance hold together what its quota says. What
// one has the others have not, a smaller quota takes nothing away, another instance has
// its own, and a process that starts leaves the bound as it is.
func TestStorageIsShared(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{MaxStream: 8 << 20})
	pair := bustest.Pair(t, b)
	i, ctx := pair[0], bustest.Within(t, time.Minute)
	const most = 1 << 20
	held := func() (all uint64) {
		for _, stream := range []string{i.Events, i.Async, i.Dead} {
			info, err := i.State(ctx, stream)
			require.NoError(t, err)
			all += info.State.Bytes
		}
		return all
	}
	fits := func(most int64) bool {
		look, err := b.Look(ctx)
		require.NoError(t, err)
		return i.StorageFits(look, most)
	}
	for n := range 300 { // of async deliveries, more than a quarter
		require.NoError(t, i.StoreAsync(ctx, bus.AsyncDelivery{ID: "dlv_" + string(rune('a'+n%26)) + string(rune('0'+n/26)), Target: "hook", Phase: action.Request, Body: make([]byte, 1024)}))
	}
	require.True(t, fits(0))
	require.False(t, fits(most))
	require.NoError(t, i.FitStorage(ctx, most))
	require.True(t, fits(most))
	stored := fill(t, i, 1000)
	require.Less(t, stored, 750, "the async deliveries have their part of it")
	require.InDelta(t, most, held(), 8<<10)

	require.False(t, fits(most), "the async deliveries could still have what is used up by now")
	require.NoError(t, i.FitStorage(ctx, most))
	bustest.Code(t, action.CodeStreamFull, i.StoreAsync(ctx, bus.AsyncDelivery{ID: "dlv_last", Target: "hook", Phase: action.Request, Body: make([]byte, 1024)}))
	_, err := s.JetStream(t).PublishMsg(ctx, &nats.Msg{Subject: wire.DeadOf(i.ID)[:len(wire.DeadOf(i.ID))-1] + "9", Data: make([]byte, 1024)})
	require.NoError(t, err, "what waits can be given up")
	bustest.Publish(t, pair[1], "x", "u", "user.added")

	before := held()
	require.NoError(t, i.FitStorage(ctx, most/2))
	require.Equal(t, before, held(), "what is stored stays")
	other := s.Connect(t, bus.Options{MaxStream: 8 << 20})
	require.NoError(t, other.Instance(i.ID).SettleStreams(ctx))
	require.Zero(t, fill(t, i, 10), "who starts takes no quota away")
	require.NoError(t, i.FitStorage(ctx, 0))
	require.True(t, fits(0))
	bustest.Publish(t, i, "x", "u", "user.added")
	stream, err := s.JetStream(t).Stream(ctx, i.Events)
	require.NoError(t, err)
	require.EqualValues(t, 8<<20, stream.CachedInfo().Config.MaxBytes)
	require.Equal(t, jetstream.DiscardNew, stream.CachedInfo().Config.Discard)
}

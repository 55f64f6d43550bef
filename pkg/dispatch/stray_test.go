package dispatch_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestAnAsyncDeliveryWithoutItsTarget is stored by a call that began before its
// target was removed, when the line of that had drained. It is a dead letter, and so
// is what somebody else put there; what waits for a target that is there stays.
func TestAnAsyncDeliveryWithoutItsTarget(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i := f.bus().Instance(of.id)
		_, _, err := d.tryEdit(t, of.id, "api", func(sc *catalog.Scope) {
			there := hook("there", "https://a.example")
			there.Kind = action.Async
			sc.Targets["there"] = there
			sc.Sections[action.Request] = []action.Execution{execution("/a.S/M", "there")}
		})
		require.NoError(t, err)
		store := func(target string) string {
			id := ulid.Make().String()
			require.NoError(t, i.StoreAsync(within(t, 10*time.Second), bus.AsyncDelivery{ID: id, Target: target, Phase: action.Request, Body: []byte(`{"of":"` + target + `"}`), Revision: 1}))
			return id
		}
		store("there")
		gone := store("gone")
		again := store("gone")
		for _, rest := range []string{"=.gone", "x", "=.*", "=.a.b"} { // somebody else's
			_, err := f.js.PublishMsg(within(t, 10*time.Second), &nats.Msg{Subject: "callout.async." + wire.Token(of.id) + "." + rest, Data: []byte("rubbish")})
			require.NoError(t, err)
		}
		var kept []letters.Letter
		require.Eventually(t, func() bool {
			kept, err = letters.Of(i).All(within(t, 10*time.Second))
			info, infoErr := i.State(within(t, 10*time.Second), i.Async)
			return err == nil && infoErr == nil && len(kept) == 6 && info.State.Msgs == 1
		}, time.Minute, 20*time.Millisecond, "%+v", kept)
		reasons := map[string]int{}
		for _, l := range kept {
			reasons[string(l.Reason)+" "+l.Target]++
			switch l.DeliveryID {
			case gone, again:
				require.Equal(t, []any{action.Request, `{"of":"gone"}`, of.id}, []any{l.Phase, string(l.Body), l.Instance})
			default:
				require.Equal(t, "rubbish", string(l.Body))
			}
		}
		require.Equal(t, map[string]int{"no_target gone": 3, "malformed ": 3}, reasons)
	})
}

package node_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
)

// TestHalfRemovedLineIsRemoved is what a dispatcher finds that takes over from
// one that died while it removed a drained line. It is removed. Where it is still
// configured, another begins where it ended: nothing is sent again, and what comes
// is sent, before the next edit and behind it.
func TestHalfRemovedLineIsRemoved(t *testing.T) {
	t.Parallel()
	for name, deleted := range map[string]bool{"before its consumer was deleted": false, "and its consumer was deleted": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hooks := newTargets(t)
			r := run(t, hooks, oneHook, nil)
			stored := r.publish(t, event("u", "user.added", 1))[0]
			hooks.await(t, "hook", 1)
			r.drained(t)
			l := r.lines(t)[0]
			js, ctx := jetStreamOf(t, r), within(t, 60*time.Second)
			events, err := js.Stream(ctx, r.bus.Instance(l.Instance).Events)
			require.NoError(t, err)
			l.DrainTo, l.Drained = stored.StreamSequence+1, true
			raw, err := json.Marshal(l)
			require.NoError(t, err)
			kept, err := js.KeyValue(ctx, "callout_lines")
			require.NoError(t, err)
			_, err = kept.Put(ctx, "default.line."+l.Name, raw)
			require.NoError(t, err)
			if deleted { // behind the entry: one that is missed before would be made again
				if err := events.DeleteConsumer(ctx, l.Name); !errors.Is(err, jetstream.ErrConsumerNotFound) {
					require.NoError(t, err)
				}
			}

			require.Eventually(t, func() bool {
				all := r.lines(t)
				return len(all) == 1 && all[0].DrainTo == 0
			}, time.Minute, 5*time.Millisecond)
			r.publish(t, event("u", "user.added", 2))
			hooks.await(t, "hook", 2)
			r.apply(t, hooks, hooked("user.added", "user.more"))
			r.publish(t, event("u", "user.added", 3))
			hooks.await(t, "hook", 3)
			r.drained(t)
			for n, one := range hooks.got("hook") {
				require.EqualValues(t, n+1, markOf(t, one).n, "each once, in their order")
			}
			require.Len(t, hooks.got("hook"), 3)
		})
	}
}

// TestLineMadeAgainAndAgain removes an execution and makes it again, as fast as
// lines can drain in between: every worker takes from each line that there is.
func TestLineMadeAgainAndAgain(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, "", nil)
	n := uint64(0)
	for range times(t, 10) {
		for _, matches := range [][]string{{"user.added"}, {}} {
			r.apply(t, hooks, hooked(matches...))
			if len(matches) > 0 {
				n++
				r.publish(t, event("u", "user.added", n))
				hooks.await(t, "hook", int(n))
			}
		}
		require.Eventually(t, func() bool { return len(r.lines(t)) == 1 }, time.Minute, time.Millisecond)
	}
	r.drained(t)
	require.Len(t, hooks.got("hook"), int(n))
}

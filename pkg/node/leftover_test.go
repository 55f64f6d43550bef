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
// one that died while it removed a drained line. The line is not taken for one
// whose consumer was lost: nothing is sent again.
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
			js, ctx := jetStreamOf(t, r), within(t, 20*time.Second)
			events, err := js.Stream(ctx, l.Stream())
			require.NoError(t, err)
			if deleted {
				require.NoError(t, events.DeleteConsumer(ctx, l.Name))
			}
			l.DrainTo, l.Drained = stored.StreamSequence+1, true
			raw, err := json.Marshal(l)
			require.NoError(t, err)
			kept, err := js.KeyValue(ctx, "callout_lines")
			require.NoError(t, err)
			_, err = kept.Put(ctx, "default.line."+l.Name, raw)
			require.NoError(t, err)

			require.Eventually(t, func() bool { return len(r.lines(t)) == 0 }, 10*time.Second, 5*time.Millisecond)
			_, err = events.Consumer(ctx, l.Name)
			require.True(t, errors.Is(err, jetstream.ErrConsumerNotFound), "%v", err)
			require.Len(t, hooks.got("hook"), 1)

			// The next edit makes it again, and it goes on from there.
			_, err = r.Dispatcher().Apply(ctx, hooked(t, hooks, "user.added", "user.more"))
			require.NoError(t, err)
			r.publish(t, event("u", "user.added", 2))
			require.Equal(t, uint64(2), markOf(t, hooks.await(t, "hook", 2)[1]).n)
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
			_, err := r.Dispatcher().Apply(within(t, 10*time.Second), hooked(t, hooks, matches...))
			require.NoError(t, err)
			if len(matches) > 0 {
				n++
				r.publish(t, event("u", "user.added", n))
				hooks.await(t, "hook", int(n))
			}
		}
		require.Eventually(t, func() bool { return len(r.lines(t)) == 1 }, 10*time.Second, time.Millisecond)
	}
	r.drained(t)
	require.Len(t, hooks.got("hook"), int(n))
}

package node_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/node"
)

// TestOldEventsGoUnlessSomebodyWaits keeps history for a second: what was
// delivered goes, what a line still waits for stays, and so do the markers.
func TestOldEventsGoUnlessSomebodyWaits(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "slow", 503)
	r := run(t, hooks, "targets: {fast: {type: webhook, url: HOOKS/fast}, slow: {type: webhook, url: HOOKS/slow, retry: {initial: 1h, max: 1h}}}\nevents: {user.added: {targets: [{target: fast}]}, user.changed: {targets: [{target: slow}]}}",
		func(o *node.Options) { o.History = time.Second })
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	held := r.publish(t, event("u", "user.changed", 3), event("u", "user.added", 4))[0].StreamSequence
	r.awaitState(t, "user.changed/slow", action.SubscriptionRetrying)
	var l lines.Line
	for _, l = range r.lines(t) {
		if l.Target == "fast" {
			break
		}
	}
	require.Eventually(t, func() bool {
		first, ok, err := r.book().NextOf(within(t, time.Second), l, 1)
		return err == nil && ok && first.Sequence == held+1
	}, time.Minute, 50*time.Millisecond, "what lies below what waits has gone")
	status.Store(200)
	require.NoError(t, r.Dispatcher().Instance("default").RetryNow(within(t, 5*time.Second), "user.changed/slow", dispatch.AllLanes))
	hooks.await(t, "slow", 2)
	require.Eventually(t, func() bool {
		_, ok, err := r.book().NextOf(within(t, time.Second), l, 1)
		return err == nil && !ok
	}, time.Minute, 50*time.Millisecond, "all has gone")
	r.publish(t, event("u", "user.added", 5))
	hooks.await(t, "fast", 4) // the marker that tells its catalog is still there
}

// TestLineThatStoodTooLongIsEmptied lets a line stop for longer than its
// max_stop.
func TestLineThatStoodTooLongIsEmptied(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 503)
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 5ms, max: 5ms, attempts: 1}}, better: {type: webhook, url: HOOKS/better}}\nevents: {'user.*': {on_exhausted: stop, max_stop: 1s, targets: [{target: hook}]}, user.changed: {targets: [{target: better}]}}", nil)
	r.publish(t, event("u", "user.added", 1), event("u", "user.changed", 2), event("u", "user.added", 3))
	r.awaitState(t, "user.*/hook", action.SubscriptionStopped)
	letters := r.deadLetters(t, 2)
	require.Len(t, letters, 2, "not the one that a better match had")
	require.Equal(t, []any{action.CodeStopped, 1, action.CodeStopped, 0}, []any{letters[0].Reason, letters[0].Attempts, letters[1].Reason, letters[1].Attempts})
	status.Store(200)
	r.awaitState(t, "user.*/hook", action.SubscriptionRunning) // what comes before that still stands
	r.publish(t, event("u", "user.added", 4))
	arrivals := hooks.await(t, "hook", 2)
	require.Equal(t, uint64(4), markOf(t, arrivals[1]).n, "the line goes on")
}

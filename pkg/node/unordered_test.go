package node_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/dispatch"
)

const stoppingAsync = `targets: {hook: {type: async, url: HOOKS/hook, retry: {initial: 5ms, max: 5ms, attempts: 2}}}
events: {user.added: {on_exhausted: stop, targets: [{target: hook}]}}`

func (r *running) act(t *testing.T, do func(ctx context.Context, name string, lane int) error, name string) error {
	t.Helper()
	return do(within(t, 10*time.Second), name, dispatch.AllLanes)
}

// TestUnorderedLineStopsAndIsResumed: it has no head, so that every delivery
// that was exhausted has all its attempts again.
func TestUnorderedLineStopsAndIsResumed(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 500)
	r := run(t, hooks, stoppingAsync, nil)
	r.publish(t, event("a", "user.added", 1))
	s := r.awaitState(t, "user.added/hook", action.SubscriptionStopped)
	require.Equal(t, action.CodeExhausted, s.Reason)
	require.WithinDuration(t, time.Now(), s.StoppedSince, 10*time.Second)
	require.Len(t, hooks.got("hook"), 2)

	require.NoError(t, r.act(t, r.Dispatcher().Instance("default").ResumeSubscription, "user.added/hook"))
	hooks.await(t, "hook", 4)
	r.awaitState(t, "user.added/hook", action.SubscriptionStopped)

	status.Store(200)
	require.NoError(t, r.act(t, r.Dispatcher().Instance("default").ResumeSubscription, "user.added/hook"))
	require.Equal(t, "1", hooks.await(t, "hook", 5)[4].header.Get("Callout-Attempt"))
	r.drained(t)
	require.Empty(t, r.deadLetters(t, 0))
	r.awaitState(t, "user.added/hook", action.SubscriptionRunning)
}

// TestSkipGivesUpWhatStoppedAnUnorderedLine and nothing else.
func TestSkipGivesUpWhatStoppedAnUnorderedLine(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 500)
	r := run(t, hooks, stoppingAsync, nil)
	err := r.act(t, r.Dispatcher().Instance("default").Skip, "user.added/hook")
	require.Equal(t, action.CodeNotFound, action.CodeOf(err))
	r.publish(t, event("a", "user.added", 1))
	r.awaitState(t, "user.added/hook", action.SubscriptionStopped)
	status.Store(200)
	r.publish(t, event("a", "user.added", 2))
	require.NoError(t, r.act(t, r.Dispatcher().Instance("default").Skip, "user.added/hook"))
	letter := r.deadLetters(t, 1)[0]
	require.Equal(t, []any{action.CodeSkipped, 2, 500}, []any{letter.Reason, letter.Attempts, letter.LastStatus})
	require.Equal(t, uint64(2), markOf(t, hooks.await(t, "hook", 3)[2]).n)
	r.drained(t)
	require.Len(t, r.deadLetters(t, 1), 1)
}

// TestUnorderedLineThatStandsTooLong moves what waits to the dead letters, and
// nothing that was delivered.
func TestUnorderedLineThatStandsTooLong(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answer("hook", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("Callout-Sequence"), "3") {
			// The line must not stop before the two events behind are on their way.
			assert.Eventually(t, func() bool { return len(hooks.got("hook")) >= 3 }, time.Minute, time.Millisecond)
			w.WriteHeader(500)
		}
	})
	r := run(t, hooks, strings.Replace(stoppingAsync, "stop,", "stop, max_stop: 1s,", 1), nil)
	r.publish(t, event("a", "user.added", 1), event("a", "user.added", 2), event("a", "user.added", 3))
	r.awaitState(t, "user.added/hook", action.SubscriptionStopped)
	r.publish(t, event("a", "user.added", 4))
	letters := r.deadLetters(t, 2)
	require.Len(t, letters, 2)
	for _, l := range letters {
		require.Equal(t, action.CodeStopped, l.Reason)
	}
	r.drained(t)
	r.publish(t, event("a", "user.added", 5))
	hooks.await(t, "hook", 5)
	require.Len(t, r.deadLetters(t, 2), 2)
}

// TestRetryNowOfAnUnorderedLine ends waits and repeats nothing.
func TestRetryNowOfAnUnorderedLine(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, strings.ReplaceAll(oneHook, "webhook", "async"), nil)
	status := obey(hooks, "hook", 500)
	r.publish(t, event("a", "user.added", 1), event("a", "user.added", 2))
	hooks.await(t, "hook", 2)
	status.Store(200)
	r.publish(t, event("a", "user.added", 3), event("a", "user.added", 4))
	hooks.await(t, "hook", 4)
	require.Eventually(t, func() bool { return r.subscription(t, "user.added/hook").InWork == 2 }, time.Minute, 5*time.Millisecond)
	require.Eventually(t, func() bool { return r.act(t, r.Dispatcher().Instance("default").RetryNow, "user.added/hook") == nil }, time.Minute, 5*time.Millisecond)
	r.drained(t)
	require.Len(t, hooks.got("hook"), 6, "each of the two once more")
}

// TestAttemptsAreCountedWhenALineLosesOrKeepsItsOrder: a live target becomes
// async and webhook again.
func TestAttemptsAreCountedWhenALineLosesOrKeepsItsOrder(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 200)
	webhook := strings.Replace(strings.Replace(stoppingAsync, "async", "webhook", 1), "on_exhausted: stop, ", "", 1)
	r := run(t, hooks, webhook, nil)
	r.publish(t, event("a", "user.added", 1))
	hooks.await(t, "hook", 1)
	status.Store(500)
	calls, dead := 1, 0
	for _, config := range []string{strings.Replace(webhook, "webhook", "async", 1), webhook} {
		r.apply(t, hooks, config)
		for n := range uint64(4) {
			r.publish(t, event("a", "user.added", 2+n))
		}
		calls, dead = calls+8, dead+4
		for _, l := range r.deadLetters(t, dead) {
			require.Equal(t, 2, l.Attempts)
		}
		require.Len(t, hooks.got("hook"), calls)
	}
}

package node_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

const pausable = `targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 5ms, max: 5ms, max_age: 1s}}}
events: {user.added: {targets: [{target: hook}]}}`

// outlast waits until a pause has lasted longer than max_age.
func outlast(t *testing.T, since time.Time) {
	t.Helper()
	require.Eventually(t, func() bool { return time.Since(since) > 1200*time.Millisecond }, time.Minute, 10*time.Millisecond)
}

func (r *running) awaitTargetPaused(t *testing.T, reason action.Code) {
	t.Helper()
	s := r.awaitState(t, "user.added/hook", action.SubscriptionPaused)
	require.Equal(t, reason, s.Reason)
}

func (r *running) resumeTarget(t *testing.T) {
	t.Helper()
	_, err := r.Dispatcher().Instance("default").ResumeTarget(within(t, 5*time.Second), "", "hook")
	require.NoError(t, err)
}

// TestTimePausedDoesNotCount towards max_age, whoever paused the target, and
// neither for what failed nor for what waited behind it.
func TestTimePausedDoesNotCount(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 410)
	r := run(t, hooks, pausable, nil)
	r.publish(t, event("u", "user.added", 1))
	r.awaitTargetPaused(t, action.CodeGone)
	since := time.Now()
	r.publish(t, event("u", "user.added", 2))
	outlast(t, since)
	status.Store(500)
	r.resumeTarget(t)
	failed := len(hooks.await(t, "hook", 4))
	require.NoError(t, r.Dispatcher().Instance("default").PauseTarget(within(t, 5*time.Second), "", "hook", "moving house"))
	r.awaitTargetPaused(t, "moving house")
	outlast(t, time.Now())
	r.resumeTarget(t)
	hooks.await(t, "hook", failed+2)
	status.Store(200)
	r.drained(t)
	require.Empty(t, r.deadLetters(t, 0))
}

// TestTimePausedByTheConfigurationDoesNotCount either.
func TestTimePausedByTheConfigurationDoesNotCount(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 500)
	slow := strings.Replace(pausable, "max_age: 1s", "max_age: 6s", 1)
	r := run(t, hooks, slow, nil)
	r.publish(t, event("u", "user.added", 1))
	hooks.await(t, "hook", 2)
	r.apply(t, hooks, strings.Replace(slow, "webhook,", "webhook, paused: true,", 1))
	r.awaitTargetPaused(t, action.CodePaused)
	since := time.Now()
	require.Eventually(t, func() bool { return time.Since(since) > 6500*time.Millisecond }, time.Minute, 10*time.Millisecond)
	failed := len(hooks.got("hook"))
	r.apply(t, hooks, slow)
	hooks.await(t, "hook", failed+2)
	status.Store(200)
	r.drained(t)
	require.Empty(t, r.deadLetters(t, 0))
}

// TestGoneIsNotCharged: a 410 uses up no attempt.
func TestGoneIsNotCharged(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 500)
	r := run(t, hooks, strings.Replace(strings.Replace(oneHook, "initial: 1h", "attempts: 3, initial: 1h", 1), "user.added: {", "user.added: {on_exhausted: stop, ", 1), nil)
	r.publish(t, event("u", "user.added", 1))
	r.awaitState(t, "user.added/hook", action.SubscriptionRetrying)
	status.Store(410)
	require.NoError(t, r.act(t, r.Dispatcher().Instance("default").RetryNow, "user.added/hook"))
	r.awaitTargetPaused(t, action.CodeGone)
	status.Store(500)
	r.resumeTarget(t)
	hooks.await(t, "hook", 3)
	s := r.awaitState(t, "user.added/hook", action.SubscriptionRetrying)
	require.Eventually(t, func() bool { s = r.subscription(t, "user.added/hook"); return s.Attempts == 2 }, time.Minute, 5*time.Millisecond)
	require.Empty(t, s.Reason)
}

// TestWhatWaitsForAPausedTarget can be skipped, and what else is done to it is
// refused with what helps.
func TestWhatWaitsForAPausedTarget(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 410)
	r := run(t, hooks, pausable, nil)
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	r.awaitTargetPaused(t, action.CodeGone)
	d := r.Dispatcher().Instance("default")
	for _, do := range []error{r.act(t, d.RetryNow, "user.added/hook"), r.act(t, d.ResumeSubscription, "user.added/hook")} {
		require.Equal(t, action.CodeConflict, action.CodeOf(do))
		require.ErrorContains(t, do, "resume the target hook")
	}
	require.NoError(t, r.act(t, d.Skip, "user.added/hook"))
	require.Equal(t, action.CodeSkipped, r.deadLetters(t, 1)[0].Reason)
	status.Store(200)
	r.resumeTarget(t)
	r.drained(t)
	require.Equal(t, uint64(2), markOf(t, hooks.await(t, "hook", 2)[1]).n)
	require.Len(t, r.deadLetters(t, 1), 1)
}

// TestAPausedTargetThatLeaves strands nothing: its lines drain.
func TestAPausedTargetThatLeaves(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 200)
	r := run(t, hooks, pausable, nil)
	require.NoError(t, r.act(t, r.Dispatcher().Instance("default").PauseSubscription, "user.added/hook"))
	require.NoError(t, r.Dispatcher().Instance("default").PauseTarget(within(t, 5*time.Second), "", "hook", "moving house"))
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	r.apply(t, hooks, "targets: {}")
	status.Store(200)
	r.resumeTarget(t)
	require.NoError(t, r.act(t, r.Dispatcher().Instance("default").Skip, "user.added/hook"))
	require.Equal(t, uint64(2), markOf(t, hooks.await(t, "hook", 1)[0]).n)
	require.Eventually(t, func() bool { return len(r.lines(t)) == 0 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, action.CodeSkipped, r.deadLetters(t, 1)[0].Reason)
}

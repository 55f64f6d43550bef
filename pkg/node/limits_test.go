package node_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

// TestOpenBreakerLetsTheLineWaitUncharged has a target that fails until its
// breaker opens: the waits behind it are no attempts.
func TestOpenBreakerLetsTheLineWaitUncharged(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 503)
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 5ms, max: 5ms, attempts: 3}, breaker: {failures: 2, open: 700ms}}}\nevents: {user.added: {targets: [{target: hook}]}}", nil)
	r.publish(t, event("u", "user.added", 1))
	hooks.await(t, "hook", 2)
	opened := time.Now()
	status.Store(200)
	arrivals := hooks.await(t, "hook", 3)
	require.Greater(t, time.Since(opened), 400*time.Millisecond, "nothing was sent while it was open")
	require.Equal(t, "3", arrivals[2].header.Get("Callout-Attempt"))
	r.drained(t)
	require.Empty(t, r.deadLetters(t, 0))
}

// TestBusyTargetFailsTheStepByTheDeadline allows one call at a time.
func TestBusyTargetFailsTheStepByTheDeadline(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	release := make(chan struct{})
	hooks.answerHere("hook", func(http.ResponseWriter, *http.Request) { <-release })
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, timeout: 5s, concurrency: 1, interrupt_on_error: true}}\nrequests: {'*': {targets: [{target: hook}]}}", nil)
	call := func(d time.Duration) action.Result {
		result, err := r.client.Request(within(t, d), callout.Call{Method: "/a.S/M", Request: []byte(`{}`)})
		require.NoError(t, err)
		return result
	}
	first := make(chan action.Result, 1)
	go func() { first <- call(10 * time.Second) }()
	hooks.await(t, "hook", 1)
	began := time.Now()
	second := call(400 * time.Millisecond)
	time.Sleep(time.Until(began.Add(time.Second))) // its time is over with the worker too, which would use a turn that comes free
	require.Equal(t, action.Failed, second.Outcome)
	require.Contains(t, []action.Code{action.CodeBusy, action.CodeDeadline}, second.Error.Code)
	close(release)
	require.Equal(t, action.Continue, (<-first).Outcome)
	require.Len(t, hooks.got("hook"), 1)
}

func TestPausedTargetFailsItsStep(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, paused: true}, hard: {type: webhook, url: HOOKS/hook, paused: true, interrupt_on_error: true}}\nrequests: {/a.S/Soft: {targets: [{target: hook}]}, /a.S/Hard: {targets: [{target: hard}]}}", nil)
	for method, outcome := range map[string]action.Outcome{"Soft": action.Continue, "Hard": action.Failed} {
		result, err := r.client.Request(within(t, 5*time.Second), callout.Call{Method: "/a.S/" + method, Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, outcome, result.Outcome)
		require.Equal(t, action.StepFailed, result.Steps[0].Outcome)
	}
	require.Empty(t, hooks.got("hook"))
}

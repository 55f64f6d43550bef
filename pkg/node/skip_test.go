package node_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// TestWhatIsUnderWayIsNeitherSkippedNorRepeated: it goes out once.
func TestWhatIsUnderWayIsNeitherSkippedNorRepeated(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	entered, release := make(chan struct{}, 8), make(chan struct{})
	letGo := sync.OnceFunc(func() { close(release) })
	t.Cleanup(letGo)
	hooks.answerHere("hook", func(http.ResponseWriter, *http.Request) { entered <- struct{}{}; <-release })
	r := run(t, hooks, oneHook, nil)
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	<-entered
	d := r.Dispatcher().Instance("default")
	for _, stands := range []bool{false, true} {
		if stands {
			require.NoError(t, r.act(t, d.PauseSubscription, "user.added/hook"))
		}
		err := r.act(t, d.Skip, "user.added/hook")
		require.Equal(t, action.CodeConflict, action.CodeOf(err))
		require.ErrorContains(t, err, "under way")
		err = r.act(t, d.RetryNow, "user.added/hook")
		require.Equal(t, action.CodeConflict, action.CodeOf(err))
	}
	require.NoError(t, r.act(t, d.ResumeSubscription, "user.added/hook"))
	letGo()
	hooks.await(t, "hook", 2)
	r.drained(t)
	require.Len(t, hooks.got("hook"), 2)
	require.Empty(t, r.deadLetters(t, 0))
	require.Equal(t, action.CodeNotFound, action.CodeOf(r.act(t, d.RetryNow, "user.added/hook")))
	require.Equal(t, action.CodeNotFound, action.CodeOf(r.act(t, d.Skip, "user.added/hook")))
}

// TestSkipPassesOverWhatABetterMatchTakes.
func TestSkipPassesOverWhatABetterMatchTakes(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, `targets: {hook: {type: webhook, url: HOOKS/hook}, all: {type: webhook, url: HOOKS/all}}
events: {user.added: {targets: [{target: hook}]}, "*": {targets: [{target: all}]}}`, nil)
	d := r.Dispatcher().Instance("default")
	require.NoError(t, r.act(t, d.PauseSubscription, "*/all"))
	r.publish(t, event("u", "user.added", 1))
	require.Equal(t, action.CodeNotFound, action.CodeOf(r.act(t, d.Skip, "*/all")), "nothing there is its own")
	require.Equal(t, action.SubscriptionPaused, r.subscription(t, "*/all").State)
	r.publish(t, event("u", "user.changed", 2), event("u", "user.changed", 3))
	hooks.await(t, "hook", 1)
	require.NoError(t, r.act(t, d.Skip, "*/all"))
	letter := r.deadLetters(t, 1)[0]
	require.Equal(t, []any{action.CodeSkipped, "user.changed"}, []any{letter.Reason, letter.EventType})
	require.Equal(t, uint64(3), markOf(t, hooks.await(t, "all", 1)[0]).n)
	r.drained(t)
	require.Len(t, r.deadLetters(t, 1), 1)
}

// TestResumeFreesLinesWhoseLanesChanged: those that drain go on, and then those
// behind them.
func TestResumeFreesLinesWhoseLanesChanged(t *testing.T) {
	t.Parallel()
	for name, lanes := range map[string][2]string{"fewer": {"lanes: 4", "lanes: 1"}, "more": {"lanes: 1", "lanes: 4"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hooks := newTargets(t)
			r := run(t, hooks, strings.Replace(oneHook, "webhook,", "webhook, "+lanes[0]+",", 1), nil)
			d := r.Dispatcher().Instance("default")
			require.NoError(t, r.act(t, d.PauseSubscription, "user.added/hook"))
			for n, aggregate := range []string{"a", "b", "c", "d"} {
				r.publish(t, event(aggregate, "user.added", uint64(n)))
			}
			r.apply(t, hooks, strings.Replace(oneHook, "webhook,", "webhook, "+lanes[1]+",", 1))
			r.publish(t, event("a", "user.added", 4))
			require.NoError(t, r.act(t, d.Skip, "user.added/hook"), "it passes over the new ones")
			require.NoError(t, r.act(t, d.ResumeSubscription, "user.added/hook"))
			require.Eventually(t, func() bool { return len(hooks.got("hook"))+len(r.deadLetters(t, 0)) == 5 }, time.Minute, 10*time.Millisecond)
			r.drained(t)
		})
	}
}

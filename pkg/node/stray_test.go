package node_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// TestLiteralWildcardsBecomeDeadLetters: a server takes an event whose subject
// has a literal wildcard, and stores it as it is, where no line can see it.
func TestLiteralWildcardsBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, oneHook, nil)
	js := jetStreamOf(t, r)
	bodies := map[string]string{}
	for _, rest := range []string{"=.u1.user.*", "=.u1.user.>", "=.u1.*", "*.u1.user.added", "=.*.user.added", "=.u1.a.b.*", "=.u1.a.b.c.>"} {
		subject := "callout.event.default." + rest
		bodies[subject] = `{"aggregateID":"u1","event_type":"` + rest + `"}`
		_, err := js.Publish(t.Context(), subject, []byte(bodies[subject]))
		require.NoError(t, err)
	}
	r.publish(t, event("u1", "user.added", 1))
	hooks.await(t, "hook", 1)
	kept := map[string]string{}
	for _, l := range r.deadLetters(t, len(bodies)) {
		require.Equal(t, []any{action.CodeMalformed, ""}, []any{l.Reason, l.Target})
		kept[l.Subject] = string(l.Body)
	}
	require.Equal(t, bodies, kept)
	require.Eventually(t, func() bool {
		_, found, err := r.book().NextStray(t.Context())
		return err == nil && !found
	}, time.Minute, 5*time.Millisecond)
	require.Len(t, hooks.got("hook"), 1)
}

package node_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

// TestAnEventOfAUsedID: what bears the id of another organization's event arrives,
// what bears that of another event of its own is a conflict, and what stands
// behind that arrives too.
func TestAnEventOfAUsedID(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {user.added: {targets: [{target: hook}]}}", nil)
	named := func(id, org string, n uint64) action.Event {
		e := event("u1", "user.added", n)
		e.ID, e.ResourceOwner = id, org
		return e
	}
	first := r.publish(t, named("a", "evil", 1), named("a", "acme", 1))
	require.NotEqual(t, first[0].StreamSequence, first[1].StreamSequence)
	again := r.publish(t, named("a", "acme", 1))
	require.Equal(t, []callout.Stored{{ID: "a", StreamSequence: first[1].StreamSequence, Duplicate: true}}, again)
	stored, err := r.client.Publish(within(t, 10*time.Second), named("a", "acme", 2), named("b", "acme", 3))
	require.Equal(t, action.CodeConflict, action.CodeOf(err))
	require.Len(t, stored, 2)
	require.Equal(t, callout.Stored{ID: "a", Error: action.AsError(err, "")}, stored[0])
	require.NotZero(t, stored[1].StreamSequence)
	for n, a := range hooks.await(t, "hook", 3) {
		require.Contains(t, a.body, []string{`"n":1`, `"n":1`, `"n":3`}[n])
	}
	r.drained(t)
}

package node_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

// thousand is one configuration of the instance, and a thousand organizations of which
// one has something of its own. REQUIRED is a request that nobody can replace, DEFAULT
// one that gives way.
const thousand = `
targets:
  must: {type: webhook, url: HOOKS/must}
  may: {type: webhook, url: HOOKS/may}
  offered: {type: webhook, url: HOOKS/offered}
requests:
  /s.S/Must: {targets: [{target: must}]}
  /s.S/May: {applies: default, targets: [{target: may}]}
  extra: {condition: /s.S/Extra, applies: available, targets: [{target: offered}]}
events:
  user.must: {targets: [{target: must}]}
  user.may: {applies: default, targets: [{target: may}]}
orgs:
  o7:
    targets: {own: {type: webhook, url: HOOKS/own}}
    requests:
      /s.S/Must: {targets: [{target: own}]}
      /s.S/May: {targets: [{target: own}]}
      /s.S/Extra: {targets: [{include: extra}, {target: own}]}
    events:
      user.must: {targets: [{target: own}]}
      "user.*": {targets: [{target: own}]}
  o8:
    requests: {/s.S/May: {targets: []}}
`

// TestOneExecutionForAThousandOrganizations: what the instance has runs for each of its
// organizations without a copy; what is required runs beside what one has of its own,
// what is a default gives way to it, and what is available runs where it is included.
func TestOneExecutionForAThousandOrganizations(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, thousand, func(o *node.Options) { o.AllowUndeclared = true })
	steps := func(method, org string) string {
		t.Helper()
		result, err := r.client.Request(within(t, 20*time.Second), callout.Call{Method: "/s.S/" + method, OrgID: org, Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, action.Continue, result.Outcome)
		var all []string
		for _, s := range result.Steps {
			all = append(all, s.Target)
		}
		return strings.Join(all, " ")
	}
	for org, want := range map[string][3]string{"": {"must", "may", ""}, "o1": {"must", "may", ""}, "unknown": {"must", "may", ""},
		"o7": {"must own", "own", "offered own"}, "o8": {"must", "", ""}} {
		require.Equal(t, want, [3]string{steps("Must", org), steps("May", org), steps("Extra", org)}, org)
	}
	lines := len(r.lines(t))
	const orgs = 1000
	var all []action.Event
	for n := range orgs {
		for _, kind := range []string{"user.must", "user.may"} {
			e := event(fmt.Sprintf("u%d", n), kind, uint64(n+1))
			e.ResourceOwner = fmt.Sprintf("o%d", n)
			all = append(all, e)
		}
	}
	for part := range slices.Chunk(all, 100) { // each has its own time
		r.publish(t, part...)
	}
	hooks.await(t, "must", 4+1+orgs) // calls before: one of each organization above
	hooks.await(t, "may", 3+orgs-1)
	hooks.await(t, "own", 3+2)
	r.drained(t)
	require.Len(t, r.lines(t), lines, "no line for an organization that configures nothing")
	require.Len(t, hooks.got("must"), 5+orgs)
	require.Len(t, hooks.got("may"), 3+orgs-1, "o7 has its own for it, though a less exact one")
	require.Len(t, hooks.got("own"), 3+2)
	require.Empty(t, r.deadLetters(t, 0))
}

package catalog

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

const beforeEdit = `
targets:
  a: {type: webhook, url: https://a.example/a}
  b: {type: call, url: https://a.example/b, allow: [/x]}
  gone: {type: webhook, url: https://a.example/gone}
requests:
  "*": {targets: [{target: a}]}
  add: {condition: /s.S/Add, targets: [{target: a}, {target: b}]}
  rest: {targets: [{target: a}]}
events:
  user.added: {targets: [{target: gone}]}
orgs:
  acme: {targets: {own: {type: webhook, url: https://a.example/own}}}
  left: {requests: {"*": {targets: [{target: a}]}}}
`

const afterEdit = `
targets:
  b: {type: webhook, timeout: 2s, url: https://a.example/b}
  a: {type: webhook, url: https://a.example/a, timeout: 10s, retry: {initial: 1s}}
  new: {type: async, url: https://a.example/new}
requests:
  add: {condition: /s.S/Add, targets: [{target: b}, {target: a}]}
  rest: {condition: /s.S/Rest, on_unavailable: fail, targets: [{target: a}]}
  "*": {targets: [{target: a}]}
events:
  "user.*": {targets: [{target: new}]}
orgs:
  acme: {targets: {own: {type: webhook, url: https://a.example/own, paused: true}}}
  empty: {}
`

func lines(changes []Change) []string {
	out := []string{}
	for _, c := range changes {
		out = append(out, c.String())
	}
	return out
}

func TestDiff(t *testing.T) {
	before, after := parsed(t, beforeEdit), parsed(t, afterEdit)
	require.Equal(t, []string{
		"~ target b: allow, timeout, type",
		"- target gone",
		"+ target new",
		"~ execution request add (/s.S/Add): targets",
		"~ execution request rest (/s.S/Rest): condition, on_unavailable",
		"+ execution event user.*",
		"- execution event user.added",
		"~ target own of organization acme: paused",
		"- execution request * of organization left",
	}, lines(Diff(before, after)))
	require.Empty(t, Diff(before, before))
	require.True(t, Equal(before, before))
	require.False(t, Equal(before, after))
	require.False(t, Equal(Empty("a"), Empty("b")))
	require.Len(t, Diff(Empty("default"), before), 9)
}

// TestDiffIgnoresWhatMeansNothing: the order of executions, and what is empty
// in one way or the other, as it comes back from where it is stored.
func TestDiffIgnoresWhatMeansNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		other := &Snapshot{Instance: s.Instance, Scopes: map[string]*Scope{"unused": {}}}
		for org, sc := range s.Scopes {
			copied := &Scope{Targets: sc.Targets, Sections: map[action.Phase][]action.Execution{}}
			for phase, section := range sc.Sections {
				if len(section) > 0 {
					copied.Sections[phase] = rapid.Permutation(section).Draw(t, "order")
				}
			}
			other.Scopes[org] = copied
		}
		require.Empty(t, Diff(s, other))
		require.True(t, Equal(s, other))
		require.True(t, Equal(other, s))
	})
}

func TestMergeInto(t *testing.T) {
	current, next := parsed(t, beforeEdit), parsed(t, `
targets: {b: {type: webhook, url: https://a.example/b}, c: {type: webhook, url: https://a.example/c}}
requests:
  mine: {condition: /s.S/Add, targets: [{target: c}]}
  rest: {targets: [{target: b}]}
orgs: {more: {targets: {z: {type: webhook, url: https://a.example/z}}}}
`)
	want := []string{
		"~ target b: allow, type",
		"+ target c",
		"- execution request add (/s.S/Add)", // its condition is that of another now
		"+ execution request mine (/s.S/Add)",
		"~ list request rest: targets",
		"+ target z of organization more",
	}
	untouched := everything(current)
	merged := MergeInto(current, next)
	require.Equal(t, want, lines(Diff(current, merged)))
	require.Empty(t, show(slices.DeleteFunc(Validate(merged), func(p Problem) bool { return p.Severity == Warning })))
	require.Equal(t, untouched, everything(current), "the catalog in force is not written to")
	require.Empty(t, Diff(merged, MergeInto(merged, next)), "twice is once")
	require.Empty(t, Diff(next, MergeInto(Empty("default"), next)))
}

func TestFindTarget(t *testing.T) {
	s := parsed(t, `
targets: {audit: {type: webhook, url: https://a.example/a}}
orgs: {acme: {targets: {crm_hook: {type: webhook, url: https://a.example/b}}}}
`)
	for _, c := range []struct{ org, name, err string }{
		{"", "audit", ""},
		{"acme", "crm_hook", ""},
		{"", "audti", `no target is named "audti"; did you mean "audit"?`},
		{"", "crm_hook", `no target is named "crm_hook"`},
		{"acme", "crm-hok", `no target is named "crm-hok" in organization "acme"; did you mean "crm_hook"?`},
		{"acme", "audit", `no target is named "audit" in organization "acme"; the instance has one, which all organizations share: leave the organization out to mean that`},
		{"nobody", "x", `no target is named "x" in organization "nobody"`},
	} {
		got, err := s.FindTarget(c.org, c.name)
		if c.err == "" {
			require.NoError(t, err)
			require.Equal(t, c.name, got.Name)
			continue
		}
		require.Equal(t, action.CodeNotFound, action.CodeOf(err))
		require.ErrorContains(t, err, "catalog: "+c.err+" (not_found)")
	}
}

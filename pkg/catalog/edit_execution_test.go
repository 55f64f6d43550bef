package catalog

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// TestExecutionsByIdentity: an execution is the one with its condition, whatever
// its name is, and a list the one with its name.
func TestExecutionsByIdentity(t *testing.T) {
	s := parsed(t, `
targets: {t: {type: call, url: https://a.example}}
requests:
  shared: {targets: [{target: t}]}
  add: {condition: /s.S/Add, targets: [{include: shared}]}
  "*": {targets: [{target: t}]}
`)
	names := func(s *Snapshot, org string) (out []string) {
		for _, e := range s.Scopes[org].Sections[action.Request] {
			out = append(out, e.Name+" "+e.Match)
		}
		return out
	}
	one := []action.Entry{{Target: "t"}}
	for _, c := range []struct {
		name, org string
		e         action.Execution
		want      []string
	}{
		{"another name for a condition", "", action.Execution{Name: "create", Match: "/s.S/Add", Entries: one}, []string{"shared ", "create /s.S/Add", "* *"}},
		{"a list again", "", action.Execution{Name: "shared", Entries: one}, []string{"shared ", "add /s.S/Add", "* *"}},
		{"a new list", "", action.Execution{Name: "add2", Entries: one}, []string{"shared ", "add /s.S/Add", "* *", "add2 "}},
		{"a new condition", "", action.Execution{Name: "s.S", Match: "s.S", Entries: one}, []string{"shared ", "add /s.S/Add", "* *", "s.S s.S"}},
		{"a list under the name of an execution", "", action.Execution{Name: "add", Entries: one}, []string{"shared ", "add /s.S/Add", "* *", "add "}},
		{"a new organization", "acme", action.Execution{Name: "*", Match: "*", Entries: one}, []string{"* *"}},
	} {
		before := everything(s)
		next := s.WithExecution(c.org, action.Request, c.e)
		require.Equal(t, before, everything(s), "it is not written to")
		require.Equal(t, c.want, names(next, c.org), c.name)
		found, ok := next.Execution(c.org, action.Request, action.Execution{Name: c.e.Name, Match: c.e.Match})
		require.True(t, ok)
		require.Equal(t, c.e, found)
	}

	gone := s.WithoutExecution(Place{"", entryOf(action.Request, "add")})
	require.Equal(t, []string{"shared ", "* *"}, names(gone, ""))
	_, ok := gone.Execution("", action.Request, action.Execution{Match: "/s.S/Add"})
	require.False(t, ok)
	_, ok = s.Execution("nobody", action.Request, action.Execution{Match: "*"})
	require.False(t, ok)
	only := s.WithExecution("acme", action.Request, action.Execution{Name: "*", Match: "*"})
	require.NotContains(t, only.WithoutExecution(Place{"acme", entryOf(action.Request, "*")}).Scopes, "acme", "an organization with nothing left")
}

func TestFindExecution(t *testing.T) {
	s := parsed(t, `
targets: {t: {type: call, url: https://a.example}}
requests:
  add: {condition: /s.S/Add, targets: [{target: t}]}
  shared: {targets: [{target: t}]}
  "*": {targets: [{include: shared}]}
`)
	for _, c := range []struct{ org, condition, name, want string }{
		{"", "/s.S/Add", "", "add"},
		{"", "/s.S/Add", "shared", "add"}, // a condition decides
		{"", "", "add", "add"},
		{"", "", "shared", "shared"},
		{"", "*", "", "*"},
		{"", "", "/s.S/Add", ""},
		{"", "/s.S/add", "", ""},
		{"acme", "", "add", ""},
	} {
		e, ok := s.FindExecution(c.org, action.Request, c.condition, c.name)
		require.Equal(t, c.want != "", ok, "%+v", c)
		require.Equal(t, c.want, e.Name, "%+v", c)
	}
	_, ok := s.FindExecution("", action.Response, "*", "")
	require.False(t, ok)
}

// TestWithAndWithoutIsNothing: what is put into a section and taken out again
// leaves the catalog as it was, and what is put in is found.
func TestWithAndWithoutIsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		before := everything(s)
		org := rapid.SampledFrom(orgIDs).Draw(t, "org")
		phase := rapid.SampledFrom(action.Phases).Draw(t, "phase")
		e := action.Execution{Name: "new one", Entries: []action.Entry{{Target: "t0"}}}
		if rapid.Bool().Draw(t, "fires") {
			e.Match = fmt.Sprint("never-", org, ".drawn")
		}
		next := s.WithExecution(org, phase, e)
		found, ok := next.FindExecution(org, phase, e.Match, e.Name)
		require.True(t, ok)
		require.Equal(t, e, found)
		require.Len(t, Diff(s, next), 1)
		back := next.WithoutExecution(Place{org, entryOf(phase, e.Name)})
		require.Equal(t, before, everything(s), "it is not written to")
		require.Empty(t, Diff(s, back))
	})
}

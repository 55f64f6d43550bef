package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// shown writes an explanation for a golden file.
func shown(x Explanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %q org %q\n", x.Phase, x.Name, x.Org)
	for _, sc := range x.Scopes {
		fmt.Fprintf(&b, "scope %q, %d others\n", sc.Org, sc.Others)
		for _, c := range sc.Candidates {
			fmt.Fprintf(&b, "  %s: %s (%s): %s\n", c.Verdict, c.Name, c.Match, c.Reason)
		}
	}
	for _, t := range x.Turns {
		fmt.Fprintf(&b, "turn %s/%s of %s by %q: %s via %q, %d", t.Owner, t.Target.Name, t.Condition, t.Scope, t.Execution, t.Includes, t.Occurrence)
		if t.Skipped {
			b.WriteString(", skipped")
		}
		b.WriteByte('\n')
	}
	if x.OnUnavailable != "" {
		fmt.Fprintf(&b, "unavailable: %s\n", x.OnUnavailable)
	}
	return b.String() + "\n"
}

func TestExplain(t *testing.T) {
	m := compiled(t, matchFile(t))
	var b strings.Builder
	for _, ask := range []struct {
		phase     action.Phase
		name, org string
	}{
		{action.Request, "/user.v2.User/Delete", ""},
		{action.Request, "/user.v2.User/Delete", "acme"},
		{action.Request, "/user.v2.User/DeleteMetadata", ""},
		{action.Request, "/user.v2.User/Quiet", "acme"},
		{action.Request, "/user.v2.UserX/Delete", "nobody"},
		{action.Request, "/other.S/M", "acme"},
		{action.Request, "/USER.v2.User/delete", ""},
		{action.Request, "no method", ""},
		{action.Response, "/user.v2.User/Delete", "acme"},
		{action.Function, "claims", "acme"},
		{action.Function, "claim", ""},
		{action.OnEvent, "user.human.added", "acme"},
		{action.OnEvent, "user.human", ""},
		{action.OnEvent, "user.added", "acme"},
		{action.OnEvent, "usergrant.added", "über.org"},
		{action.OnEvent, "user.silent", ""},
		{action.OnEvent, "later", ""},
	} {
		b.WriteString(shown(m.Explain(ask.phase, ask.name, ask.org)))
	}
	golden(t, "explain", b.String())
}

// TestExplainBoundsWhatItShows: of thousands of executions those that matter
// are shown and the others are counted.
func TestExplainBoundsWhatItShows(t *testing.T) {
	s := Empty("default")
	sc := &Scope{Targets: map[string]action.Target{"t": hook("t", action.Webhook)}, Sections: map[action.Phase][]action.Execution{}}
	s.Scopes[""] = sc
	add := func(match string) {
		sc.Sections[action.OnEvent] = append(sc.Sections[action.OnEvent], action.Execution{Name: match, Match: match, Entries: []action.Entry{{Target: "t"}}})
	}
	name := strings.Repeat("a", 100)
	for i := 1; i < 60; i++ {
		add(name[:i])
	}
	for i := range 500 {
		add(fmt.Sprintf("other.e%d", i))
	}
	add("*")
	m, err := Compile(s)
	require.NoError(t, err)
	got := m.Explain(action.OnEvent, name, "").Scopes[0]
	require.Len(t, got.Candidates, 1+maxNear)
	require.Equal(t, 560-1-maxNear, got.Others)
}

// TestExplainAgreesWithTheMatcher: what is said to run is what runs.
func TestExplainAgreesWithTheMatcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := Compile(anySnapshot(t))
		require.NoError(t, err)
		for range 20 {
			phase := rapid.SampledFrom(action.Phases).Draw(t, "phase")
			name := callName(phase).Draw(t, "name")
			org := rapid.SampledFrom(append([]string{"unknown"}, orgIDs...)).Draw(t, "org")
			x := m.Explain(phase, name, org)

			var said, want []Turn
			for _, turn := range x.Turns {
				if !turn.Skipped {
					said = append(said, turn.Turn)
				}
			}
			if phase == action.OnEvent {
				for _, match := range m.Event(name, org) {
					want = append(want, match.Turns...)
				}
			} else if plan := m.Call(phase, name, org); plan != nil {
				want = plan.Turns
				require.Equal(t, plan.OnUnavailable, x.OnUnavailable)
			}
			require.Equal(t, want, said, "%s %s %s", phase, name, org)

			for _, sc := range x.Scopes {
				requireWinner(t, m, sc, phase, name, org)
			}
		}
	})
}

// requireWinner holds the verdicts of a scope against the oracle.
func requireWinner(t require.TestingT, m *Matcher, sc ExplainedScope, phase action.Phase, name, org string) {
	best := bestOf(m.Snapshot(), sc.Org, phase, name)
	if best == nil {
		for _, c := range sc.Candidates {
			require.Contains(t, []Verdict{NoMatch, Available}, c.Verdict)
		}
		return
	}
	require.Equal(t, best.Name, sc.Candidates[0].Name)
	for i, c := range sc.Candidates {
		want := Lost
		switch {
		case i == 0 && sc.Org == "" && org != "" && best.GivesWay() && bestOf(m.Snapshot(), org, phase, name) != nil:
			want = Replaced
		case i == 0:
			want = Won
		case c.Verdict == Available:
			require.True(t, covers(action.Condition{Phase: phase, Match: c.Match}, name))
			want = Available
		case !covers(action.Condition{Phase: phase, Match: c.Match}, name):
			want = NoMatch
		}
		require.Equal(t, want, c.Verdict, c.Match)
		require.NotEmpty(t, c.Reason)
	}
}

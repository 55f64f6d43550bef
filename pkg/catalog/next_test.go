package catalog

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// tables shows everything that a matcher answers from.
func tables(m *Matcher) map[string]string {
	all := map[string]string{}
	for org, st := range m.scopes {
		for _, phase := range []action.Phase{action.Request, action.Response, action.Function} {
			for match, p := range *st.calls.byPhase(phase) {
				all[fmt.Sprint(org, "/", phase, "/", match)] = fmt.Sprint(p.OnUnavailable, p.configured, p.givesWay, label(p.Turns), settings(p.Turns))
			}
		}
		for match, e := range st.events.events {
			all[fmt.Sprint(org, "/event/", match)] = fmt.Sprint(e.match.Scope, e.match.Condition, *e.match.Execution, label(e.match.Turns), settings(e.match.Turns), e.targets, e.all)
		}
	}
	return all
}

func settings(turns []Turn) string {
	var out string
	for _, t := range turns {
		out += Etag(*t.Target) + string(t.Condition.Phase) + t.Condition.Match
	}
	return out
}

// anyEdit changes a draft in one place, not always to something legal.
func anyEdit(t *rapid.T, s *Snapshot) *Snapshot {
	org := rapid.SampledFrom(append([]string{"new org", "bad\x00org"}, orgIDs...)).Draw(t, "org")
	next, sc := s.Draft(org)
	phase := rapid.SampledFrom(action.Phases).Draw(t, "phase")
	section := sc.Sections[phase]
	at := rapid.IntRange(0, max(len(section)-1, 0)).Draw(t, "at")
	name := fmt.Sprintf("t%d", rapid.IntRange(0, 3).Draw(t, "target"))
	match := matchText(phase).Draw(t, "match")
	kind := rapid.IntRange(0, 11).Draw(t, "edit")
	if len(section) == 0 && kind >= 3 && kind != 11 {
		kind = 9
	}
	switch kind {
	case 0:
		delete(sc.Targets, name)
	case 1:
		sc.Targets[name] = hook(name, rapid.SampledFrom([]action.Kind{action.Webhook, action.Async, action.CallOut}).Draw(t, "kind"))
	case 2:
		target := hook(name, action.Webhook)
		target.Lanes = rapid.SampledFrom([]int{1, 4, 64, 7}).Draw(t, "lanes")
		sc.Targets[name] = target
	case 3:
		sc.Sections[phase] = slices.Delete(section, at, at+1)
	case 4:
		section[at].Match = match
	case 5:
		section[at].Name = rapid.SampledFrom([]string{"list0", "ownlist1", match}).Draw(t, "name")
	case 6:
		section[at].Entries = []action.Entry{{Include: section[rapid.IntRange(0, len(section)-1).Draw(t, "include")].Name}, {Target: name}}
	case 7:
		section[at].Match, section[at].Name = "", "list0"
	case 8:
		e := section[at]
		sc.Sections[phase] = append(slices.Delete(section, at, at+1), e)
	case 10:
		section[at].Applies = anyApplies(t)
	case 11:
		if target, ok := sc.Targets[name]; ok {
			target.UsableBy = rapid.SampledFrom([][]string{nil, {}, {"acme"}, {"acme", "acme.eu", "über org", "日本", "*", "new org"}, {""}}).Draw(t, "usable by")
			sc.Targets[name] = target
		}
	case 9:
		sc.Sections[phase] = append(section, action.Execution{Name: match, Match: match, Entries: []action.Entry{{Target: name}}})
	}
	if org != "" && rapid.IntRange(0, 20).Draw(t, "drop") == 0 {
		delete(next.Scopes, org)
	}
	return next
}

// TestNextIsCompile makes edit after edit and compares with what is made from
// the ground up.
func TestNextIsCompile(t *testing.T) {
	taken, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		m, err := Compile(s)
		require.NoError(t, err)
		for range 6 {
			next := anyEdit(t, m.Snapshot())
			if rapid.Bool().Draw(t, "two") {
				next = anyEdit(t, next)
			}
			before := tables(m)
			want, wantErr := Compile(next)
			quick := m.next(next, Delta{})
			got, err := m.Next(next, Delta{})
			require.Equal(t, before, tables(m), "the one before is left as it was")
			if wantErr != nil {
				require.Nil(t, quick, "what is refused is never taken over")
				require.EqualError(t, err, wantErr.Error())
				refused++
				continue
			}
			require.NotNil(t, quick, "what is legal goes the short way")
			taken++
			require.Equal(t, tables(want), tables(got))
			require.Equal(t, slices.Sorted(maps.Keys(want.scopes)), slices.Sorted(maps.Keys(got.scopes)))
			require.Equal(t, slices.Clone(want.Lines()), slices.Clone(got.Lines()))
			require.ElementsMatch(t, want.AsyncTargets(), got.AsyncTargets())
			require.Equal(t, want.turns, got.turns)
			require.Equal(t, want.Conditions(), got.Conditions())
			require.Same(t, next, got.Snapshot())
			m = got
		}
	})
	require.NotZero(t, taken)
	require.NotZero(t, refused)
}

func TestNextHoldsTheBoundOnLines(t *testing.T) {
	s := Empty("default")
	_, sc := s.Draft("")
	s.Scopes[""] = sc
	wide := hook("wide", action.Webhook)
	wide.Lanes = 64
	sc.Targets["wide"] = wide
	for i := range MaxLines / 64 {
		match := fmt.Sprintf("user.event%d", i)
		sc.Sections[action.OnEvent] = append(sc.Sections[action.OnEvent], action.Execution{Name: match, Match: match, Entries: []action.Entry{{Target: "wide"}}})
	}
	m, err := Compile(s)
	require.NoError(t, err)
	next, sc := s.Draft("")
	sc.Sections[action.OnEvent] = append(sc.Sections[action.OnEvent], action.Execution{Name: "one.more", Match: "one.more", Entries: []action.Entry{{Target: "wide"}}})
	_, err = m.Next(next, Delta{})
	require.ErrorContains(t, err, "at most 5000 lines")
}

// TestIncludesThatBringNothing: lists of lists of lists without a target would
// take for ever to expand.
func TestIncludesThatBringNothing(t *testing.T) {
	s, sc := Empty("default").Draft("")
	for i := range action.MaxIncludes {
		e := action.Execution{Name: fmt.Sprint("l", i)}
		for range 100 {
			e.Entries = append(e.Entries, action.Entry{Include: fmt.Sprint("l", i+1)})
		}
		sc.Sections[action.Function] = append(sc.Sections[action.Function], e)
	}
	sc.Sections[action.Function] = append(sc.Sections[action.Function], action.Execution{Name: fmt.Sprint("l", action.MaxIncludes)})
	problems := Validate(s)
	require.Contains(t, show(problems), "has more than 10000 includes once those within them are put in")
	require.Equal(t, 1, count(problems, Error), "said once, where it begins")
	_, err := s.Expand("", action.Function, "l0")
	require.ErrorContains(t, err, "at most 10000 includes")
	legal, sc := Empty("default").Draft("")
	sc.Sections[action.Function] = s.Scopes[""].Sections[action.Function][action.MaxIncludes-1:]
	m, err := Compile(legal)
	require.NoError(t, err)
	_, err = m.Next(s, Delta{})
	require.ErrorContains(t, err, "has more than 10000 includes")
}

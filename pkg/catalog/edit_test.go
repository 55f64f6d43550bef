package catalog

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// meaning gives, for every execution that fires, the targets that it reaches.
func meaning(s *Snapshot) map[string][]string {
	out := map[string][]string{}
	for org, sc := range s.Scopes {
		for phase, section := range sc.Sections {
			for i := range section {
				if e := &section[i]; !e.IsList() {
					out[fmt.Sprint(org, phase, e.Match)], _ = naive(s, org, phase, e)
				}
			}
		}
	}
	return out
}

// stampedSnapshot is a legal catalog as the store has it.
func stampedSnapshot(t *rapid.T) *Snapshot {
	c := &clock{}
	s := Stamp(Empty("default"), anySnapshot(t), c.how()).Snapshot
	require.False(t, HasErrors(Validate(s)))
	return s
}

// later is a clock that gives no id a second time.
func later() *clock { return &clock{ids: 1000, seconds: 1000} }

func anyTargetOf(t *rapid.T, s *Snapshot) Place {
	var places []Place
	for _, org := range s.Orgs() {
		for _, name := range sortedKeys(s.Scopes[org].Targets) {
			places = append(places, Place{org, Ref{Name: name}})
		}
	}
	return rapid.SampledFrom(places).Draw(t, "target")
}

// TestRenameMeansTheSame: every execution reaches what it reached, under the
// new name, and the id goes along.
func TestRenameMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := stampedSnapshot(t)
		p := anyTargetOf(t, s)
		to := rapid.SampledFrom([]string{"new", "own", "t0", "t1", "t2"}).Draw(t, "to")
		for _, org := range orgIDs {
			if org != "" && rapid.Bool().Draw(t, "has its own") {
				s = Stamp(s, s.WithTarget(org, hook("own", action.Webhook)), later().how()).Snapshot
			}
		}
		before := everything(s)
		renamed := s.Scopes[p.Org].Targets[p.Name]
		renamed.Name = to
		next, fault := s.Renamed(p.Org, p.Name, renamed)
		require.Equal(t, before, everything(s), "it is not written to")
		if to == "new" {
			require.Empty(t, fault)
		}
		if fault != "" {
			return
		}
		require.False(t, HasErrors(Validate(next)))
		want := meaning(s)
		for _, reached := range want {
			for i := range reached {
				if reached[i] == p.Org+"/"+p.Name {
					reached[i] = p.Org + "/" + to
				}
			}
		}
		require.Equal(t, want, meaning(next))
		id, _ := s.MetaOf(p.Org, p.Ref)
		kept := Stamp(s, next, later().how())
		meta, _ := kept.MetaOf(p.Org, Ref{Name: to})
		require.Equal(t, id.ID, meta.ID)
		require.Equal(t, everything(kept.Snapshot), everything(Stamp(s, next, later().how()).Snapshot))
	})
}

// TestWithoutUses: nothing names the target any more, the others are reached as
// before, and what is left with nothing is gone.
func TestWithoutUses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := stampedSnapshot(t)
		p := anyTargetOf(t, s)
		before := everything(s)
		next := s.WithoutUses(p)
		require.Empty(t, next.UsedBy(p))
		next = next.WithoutTarget(p.Org, p.Name)
		require.Equal(t, before, everything(s), "it is not written to")
		require.False(t, HasErrors(Validate(next)))
		stamped := Stamp(s, next, later().how())
		_, there := stamped.MetaOf(p.Org, p.Ref)
		require.False(t, there)
		was, is := meaning(s), meaning(next)
		for condition, reached := range was {
			left := slices.DeleteFunc(slices.Clone(reached), func(name string) bool { return name == p.Org+"/"+p.Name })
			now, stays := is[condition]
			if !stays {
				require.Empty(t, left, condition)
				continue
			}
			if len(left) == 0 {
				require.Empty(t, now)
				continue
			}
			require.Equal(t, left, now, condition)
		}
		for org, sc := range next.Scopes {
			require.True(t, org == "" || sc.objects() > 0)
		}
	})
}

// TestPartIsJudgedAsTheWhole: what keeps an object from being used is found in
// its part, and nothing that the whole has not.
func TestPartIsJudgedAsTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		for range 3 {
			next := anyEdit(t, s)
			if next.Scopes["bad\x00org"] != nil {
				continue
			}
			whole := Validate(next)
			for org, sc := range next.Scopes {
				sc.Each(func(ref Ref) {
					p := Place{org, ref}
					part := Validate(next.Part(p))
					if !HasErrors(whole) {
						require.False(t, HasErrors(part), "%v: %v", p, part)
					}
					if HasErrors(part) {
						require.True(t, HasErrors(whole), "%v: %v", p, part)
					}
					if ref.Phase == "" || !graphSound(whole) || duplicated(sc, ref) {
						return
					}
					require.Equal(t, codesWithin(whole, p), codesWithin(part, p), "%v", p)
				})
			}
			if !HasErrors(whole) {
				s = next
			}
		}
	})
}

// graphSound tells whether includes lead somewhere: in a ring the problem is
// told where it closes, which depends on where one begins.
func graphSound(found []Problem) bool {
	return !slices.ContainsFunc(found, func(p Problem) bool {
		return p.Code == ProblemCycle || p.Code == ProblemTooDeep || p.Code == ProblemTooMany
	})
}

// codesWithin are the codes of the errors of one object, but for those that
// depend on who uses it.
func codesWithin(found []Problem, p Place) []string {
	var codes []string
	for _, problem := range found {
		if problem.Severity == Error && problem.Code != ProblemCallInEvent && problem.Code != ProblemDuplicateCondition && problem.Code != ProblemDuplicateKey &&
			below(problem.Path, p.Path()) {
			codes = append(codes, problem.Code)
		}
	}
	return codes
}

// below tells whether a path is another, or within it.
func below(path, of string) bool {
	for ok := true; ok; path, ok = ParentPath(path) {
		if path == of {
			return true
		}
	}
	return false
}

func TestUsedBy(t *testing.T) {
	s := Stamp(Empty("default"), parsed(t, `
targets: {log: {type: webhook, url: "https://a.example"}, other: {type: webhook, url: "https://a.example"}}
requests:
  base: {targets: [{target: log}]}
  every: {condition: "*", targets: [{include: base}, {target: other}]}
events: {user.added: {targets: [{target: log}]}}
orgs:
  acme: {targets: {log: {type: webhook, url: "https://a.example"}}, events: {user.added: {targets: [{target: log}]}}}
  beta: {requests: {base: {targets: [{target: log}]}, "*": {targets: [{include: base}]}}}
  gamma: {requests: {"*": {targets: [{include: base}]}}}
`), (&clock{}).how()).Snapshot
	for _, tt := range []struct {
		place Place
		want  string
	}{
		{Place{"", target("log")}, "[requests.base events.user.added orgs.beta.requests.base]"},
		{Place{"acme", target("log")}, "[orgs.acme.events.user.added]"},
		{Place{"", entryOf(action.Request, "base")}, "[requests.every orgs.gamma.requests.*]"},
		{Place{"beta", entryOf(action.Request, "base")}, "[orgs.beta.requests.*]"},
		{Place{"", entryOf(action.OnEvent, "user.added")}, "[]"},
	} {
		require.Equal(t, tt.want, fmt.Sprint(s.UsedBy(tt.place)), "%v", tt.place)
	}
	reaches := s.Reaching("log")
	for place, want := range map[Place]bool{
		{"", entryOf(action.Request, "every")}: true, {"gamma", entryOf(action.Request, "*")}: true, {"acme", entryOf(action.OnEvent, "user.added")}: true,
		{"", entryOf(action.Request, "nobody")}: false,
	} {
		require.Equal(t, want, reaches(place), "%v", place)
	}
	require.False(t, s.Reaching("other")(Place{"gamma", entryOf(action.Request, "*")}))
	gone := s.WithoutUses(Place{"", target("log")}).WithoutTarget("", "log")
	left := parsed(t, `
targets: {other: {type: webhook, url: "https://a.example"}}
requests: {every: {condition: "*", targets: [{target: other}]}}
orgs: {acme: {targets: {log: {type: webhook, url: "https://a.example"}}, events: {user.added: {targets: [{target: log}]}}}}
`)
	require.Empty(t, lines(Diff(left, gone)), "what is left with nothing is gone")
	require.Equal(t, left.Orgs(), gone.Orgs(), "and an organization that has nothing")
}

package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
)

// The oracle reads the rules word for word: it looks at every execution, asks
// whether it covers the name, and takes the most exact one.

func covers(c action.Condition, name string) bool {
	switch c.Phase {
	case action.Function:
		return c.Match == name
	case action.OnEvent:
		if action.CheckEventType(name) != nil {
			return false
		}
		if c.Match == "*" || c.Match == name {
			return true
		}
		group, isGroup := strings.CutSuffix(c.Match, ".*")
		have, want := strings.Split(name, "."), strings.Split(group, ".")
		return isGroup && len(have) > len(want) && slices.Equal(have[:len(want)], want)
	}
	service, _, ok := action.SplitMethod(name)
	return ok && (c.Match == "*" || c.Match == service || c.Match == name)
}

func bestOf(s *Snapshot, org string, phase action.Phase, name string) *action.Execution {
	var best *action.Execution
	rank := func(e *action.Execution) int {
		return int(action.Condition{Phase: phase, Match: e.Match}.Level())*1000 + len(strings.Split(e.Match, "."))
	}
	sc := s.Scopes[org]
	if sc == nil {
		return nil
	}
	for i := range sc.Sections[phase] {
		e := &sc.Sections[phase][i]
		if !e.Fires() || !covers(action.Condition{Phase: phase, Match: e.Match}, name) {
			continue
		}
		if best == nil || rank(e) > rank(best) {
			best = e
		}
	}
	return best
}

// naive puts includes in by plain recursion: names in an entry of an
// organization mean its own first, in an entry of the instance the instance's.
func naive(s *Snapshot, org string, phase action.Phase, e *action.Execution) (out []string, interrupts bool) {
	for _, entry := range e.Entries {
		if entry.Target != "" {
			owner, t, _ := s.Target(org, entry.Target)
			out = append(out, owner+"/"+t.Name)
			interrupts = interrupts || t.InterruptOnError
			continue
		}
		for _, o := range []string{org, ""} {
			section := s.Scopes[o].Sections[phase]
			i := slices.IndexFunc(section, func(x action.Execution) bool { return x.Name == entry.Include })
			if i >= 0 {
				inner, stops := naive(s, o, phase, &section[i])
				out, interrupts = append(out, inner...), interrupts || stops
				break
			}
		}
	}
	return out, interrupts
}

// ran gives the scopes whose best match runs: that of the instance, but where it gives
// way to one that the organization has, then that of the organization.
func ran(s *Snapshot, phase action.Phase, name, org string) []string {
	instance, own := bestOf(s, "", phase, name), bestOf(s, org, phase, name)
	switch {
	case org == "":
		return []string{""}
	case instance != nil && own != nil && instance.GivesWay():
		return []string{org}
	}
	return []string{"", org}
}

var (
	orgIDs   = []string{"", "acme", "acme.eu", "über org", "日本", "*"}
	segments = []string{"user", "users", "user-x", "use", "u", "v2", "human", "added"}
	methods  = []string{"Delete", "DeleteUser", "DeleteUserMetadata", "D"}
)

func dotted(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(segments), 1, most).Draw(t, "segments"), ".")
	})
}

func serviceName() *rapid.Generator[string] {
	return rapid.Map(dotted(3), func(s string) string { return strings.ReplaceAll(s, "-", "_") })
}

func callName(phase action.Phase) *rapid.Generator[string] {
	switch phase {
	case action.Function:
		return dotted(2)
	case action.OnEvent:
		return rapid.OneOf(dotted(4), rapid.SampledFrom([]string{"", "user.", "user..added", "*", "user.*", ".user"}))
	}
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			return "/" + serviceName().Draw(t, "service") + "/" + rapid.SampledFrom(methods).Draw(t, "method")
		}),
		rapid.SampledFrom([]string{"", "*", "/", "//", "/user", "user/Delete", "/user/", "//Delete", "/user/v2/Delete", "user"}),
	)
}

func matchText(phase action.Phase) *rapid.Generator[string] {
	switch phase {
	case action.Function:
		return dotted(2)
	case action.OnEvent:
		return rapid.OneOf(rapid.Just("*"), dotted(3), rapid.Map(dotted(3), func(s string) string { return s + ".*" }))
	}
	return rapid.OneOf(rapid.Just("*"), serviceName(), rapid.Custom(func(t *rapid.T) string {
		return "/" + serviceName().Draw(t, "service") + "/" + rapid.SampledFrom(methods).Draw(t, "method")
	}))
}

// anySnapshot generates a catalog without errors: includes only name lists
// that were made before, so there is no cycle.
func anySnapshot(t *rapid.T) *Snapshot {
	s := &Snapshot{Instance: "default", Revision: rapid.Uint64().Draw(t, "revision"), Scopes: map[string]*Scope{}}
	seen := map[action.Phase][]string{} // lists of the instance
	for _, org := range orgIDs {
		sc := &Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}}
		s.Scopes[org] = sc
		for i := range 3 {
			if org != "" && rapid.Bool().Draw(t, "inherits") {
				continue
			}
			target := hook(fmt.Sprintf("t%d", i), rapid.SampledFrom([]action.Kind{action.Webhook, action.Async}).Draw(t, "kind"))
			target.InterruptOnError = rapid.Bool().Draw(t, "interrupts")
			sc.Targets[target.Name] = target
		}
		for _, phase := range action.Phases {
			sc.Sections[phase] = anySection(t, phase, org, seen)
		}
	}
	return s
}

func anyApplies(t *rapid.T) action.Applies {
	return rapid.SampledFrom([]action.Applies{"", "", action.AppliesRequired, action.AppliesDefault, action.AppliesAvailable}).Draw(t, "applies")
}

func anySection(t *rapid.T, phase action.Phase, org string, seen map[action.Phase][]string) []action.Execution {
	var section []action.Execution
	lists := slices.Clone(seen[phase])
	entries := func() []action.Entry {
		out := []action.Entry{}
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			if len(lists) > 0 && rapid.Bool().Draw(t, "include") {
				out = append(out, action.Entry{Include: rapid.SampledFrom(lists).Draw(t, "list")})
				continue
			}
			out = append(out, action.Entry{Target: fmt.Sprintf("t%d", rapid.IntRange(0, 2).Draw(t, "target"))})
		}
		return out
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "lists") {
		name := fmt.Sprintf("%slist%d", map[bool]string{false: "own"}[org == ""], i)
		section = append(section, action.Execution{Name: name, Entries: entries()})
		lists = append(lists, name)
		if org == "" {
			seen[phase] = append(seen[phase], name)
		}
	}
	for _, match := range rapid.SliceOfNDistinct(matchText(phase), 0, 8, rapid.ID[string]).Draw(t, "matches") {
		e := action.Execution{Name: match, Match: match, Entries: entries()}
		if phase != action.OnEvent {
			e.OnUnavailable = rapid.SampledFrom([]action.OnUnavailable{"", "", action.UnavailableFail, action.UnavailableContinue}).Draw(t, "unavailable")
		}
		if org == "" {
			e.Applies = anyApplies(t)
		}
		section = append(section, e)
	}
	return section
}

func TestCallAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		m, err := Compile(s)
		require.NoError(t, err)
		filter := CompileFilter(m.Conditions())
		for range 30 {
			phase := rapid.SampledFrom([]action.Phase{action.Request, action.Response, action.Function}).Draw(t, "phase")
			name := callName(phase).Draw(t, "name")
			org := rapid.SampledFrom(append([]string{"unknown"}, orgIDs...)).Draw(t, "org")

			var want []string
			wantFail, wantInterrupts := false, false
			for _, scope := range ran(s, phase, name, org) {
				e := bestOf(s, scope, phase, name)
				if e == nil {
					continue
				}
				targets, interrupts := naive(s, scope, phase, e)
				for _, target := range targets {
					want = append(want, scope+">"+target)
				}
				fails := e.OnUnavailable == action.UnavailableFail || e.OnUnavailable == "" && interrupts
				wantFail = wantFail || fails && len(targets) > 0
				wantInterrupts = wantInterrupts || interrupts
			}

			plan := m.Call(phase, name, org)
			anything, fail := filter.Call(phase, name, org)
			require.Equal(t, len(want) > 0, plan != nil, "%s %s %s", phase, name, org)
			require.Equal(t, len(want) > 0, anything)
			require.Equal(t, wantFail, fail)
			require.Equal(t, wantInterrupts, filter.Interrupts(phase, name, org))
			if plan != nil {
				require.Equal(t, strings.Join(want, " "), label(plan.Turns))
				require.Equal(t, wantFail, plan.OnUnavailable == action.UnavailableFail)
			}
		}
	})
}

func TestEventAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySnapshot(t)
		m, err := Compile(s)
		require.NoError(t, err)
		for range 30 {
			event := callName(action.OnEvent).Draw(t, "event")
			org := rapid.SampledFrom(append([]string{"unknown"}, orgIDs...)).Draw(t, "org")
			want := map[Line]bool{} // the lines the event belongs into
			var shown []string
			for _, scope := range ran(s, action.OnEvent, event, org) {
				e := bestOf(s, scope, action.OnEvent, event)
				if e == nil {
					continue
				}
				targets, _ := naive(s, scope, action.OnEvent, e)
				for i, target := range targets {
					if slices.Contains(targets[:i], target) {
						continue
					}
					cut := strings.LastIndexByte(target, '/')
					shown = append(shown, scope+">"+target)
					want[Line{Org: scope, Condition: action.Condition{Phase: action.OnEvent, Match: e.Match}, Owner: target[:cut], Target: target[cut+1:]}] = true
				}
			}

			var got []string
			for _, match := range m.Event(event, org) {
				got = append(got, label(match.Turns))
			}
			require.Equal(t, strings.Join(shown, " "), strings.Join(got, " "), "%s %s", event, org)
			for _, l := range m.Lines() {
				key := Line{Org: l.Org, Condition: l.Condition, Owner: l.Owner, Target: l.Target}
				require.Equal(t, want[key], m.Subscribed(l.Org, l.Condition, l.Owner, l.Target, event, org) != nil, "%+v %s %s", l, event, org)
				delete(want, key)
			}
			require.Empty(t, want, "a subscription without a line")
		}
	})
}

package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// Explanation tells what runs for a call or an event, and why. It is a value of
// its own and may be written to.
type Explanation struct {
	Instance string
	Revision uint64
	Phase    action.Phase
	Name     string // the full method, the function or the event type
	Org      string // as it was asked for
	// Scopes holds the instance, and the organization if it has anything
	// configured.
	Scopes []ExplainedScope
	// Turns is what runs, in order. Those not Skipped are the turns of
	// Matcher.Call, or for an event those of all matches of Matcher.Event.
	Turns []ExplainedTurn
	// OnUnavailable is that of the plan; empty for an event and when nothing
	// runs.
	OnUnavailable action.OnUnavailable
}

// ExplainedScope is what one scope has for a name: the winner first, then what
// covers the name and is less exact, then what only looks as if it covered it.
type ExplainedScope struct {
	Org        string // "" is the instance
	Candidates []Candidate
	Others     int // further executions of the phase, which do not cover the name
}

// Verdict is what became of a candidate.
type Verdict string

// The verdicts.
const (
	Won     Verdict = "won"
	Lost    Verdict = "lost"     // it covers the name, a more exact one won
	NoMatch Verdict = "no match" // it does not cover the name
	// Replaced is one of the instance in whose place the organization has its own.
	Replaced Verdict = "replaced"
	// Available is one that covers the name, and is only there to be included.
	Available Verdict = "available"
)

// Candidate is an execution that was considered.
type Candidate struct {
	Name    string
	Match   string
	Verdict Verdict
	Reason  string // for people

	rank int
}

// ExplainedTurn is a turn with the way that led to it.
type ExplainedTurn struct {
	Turn
	Execution  string   // name of the execution
	Includes   []string // names of the includes on the way, outermost first
	Occurrence int      // how often the target has come up to here, this turn included
	Skipped    bool     // of an event: the target stood in the execution before, which is one delivery
}

// maxNear bounds how many executions that do not cover the name are shown; the
// others are counted.
const maxNear = 20

// Explain tells what Call or Event would give for the same arguments, and which
// executions were considered. A name that is none of the phase matches nothing.
// It looks at every execution of the phase in both scopes.
func (m *Matcher) Explain(phase action.Phase, name, org string) Explanation {
	x := Explanation{Instance: m.Instance(), Revision: m.Revision(), Phase: phase, Name: name, Org: org}
	n := newNames(m.snapshot)
	for _, scope := range scopesOf(org) {
		sc := m.snapshot.Scopes[scope]
		if sc == nil {
			continue
		}
		shown, winner := explainScope(scope, phase, name, sc.Sections[phase])
		x.Scopes = append(x.Scopes, shown)
		if winner != nil && scope == "" && winner.GivesWay() && m.hasOwn(phase, name, org) {
			c := &x.Scopes[len(x.Scopes)-1].Candidates[0]
			c.Verdict, c.Reason = Replaced, "it gives way (applies: default): the organization has one of its own"
			continue
		}
		if winner != nil {
			w := way{names: n, phase: phase, scope: scope, execution: winner}
			w.walk(scope, winner.Entries, nil)
			x.Turns = append(x.Turns, w.turns...)
			if len(w.turns) == 0 {
				x.Scopes[len(x.Scopes)-1].Candidates[0].Reason += "; it reaches no target, so that nothing runs, not even what is less exact"
			}
		}
	}
	countTurns(x.Turns)
	if plan := m.Call(phase, name, org); plan != nil {
		x.OnUnavailable = plan.OnUnavailable
	}
	return x
}

// hasOwn tells whether an organization has an execution that covers a name.
func (m *Matcher) hasOwn(phase action.Phase, name, org string) bool {
	if org == "" {
		return false
	}
	if phase == action.OnEvent {
		return m.bestEvent(name, org) != nil
	}
	return m.scopePlan(phase, name, org) != nil
}

func scopesOf(org string) []string {
	if org == "" {
		return []string{""}
	}
	return []string{"", org}
}

// explainScope looks at every execution of a section. Whether one covers the
// name is asked of a table that holds it alone, so that the answer is the
// matcher's.
func explainScope(org string, phase action.Phase, name string, section []action.Execution) (ExplainedScope, *action.Execution) {
	out := ExplainedScope{Org: org}
	var all table[*action.Execution]
	var near []Candidate
	for i := range section {
		e := &section[i]
		if e.IsList() {
			continue
		}
		c := action.Condition{Phase: phase, Match: e.Match}
		if e.Fires() {
			all.put(c, e)
		}
		var alone table[bool]
		alone.put(c, true)
		shown := Candidate{Name: e.Name, Match: e.Match, rank: rank(c)}
		if covers, _ := lookUp(&alone, phase, name); covers && !e.Fires() {
			shown.Verdict, shown.Reason = Available, "is only there to be included (applies: available)"
			near = append(near, shown)
		} else if covers {
			out.Candidates = append(out.Candidates, shown)
		} else if shown.Reason = looksLike(c, name); shown.Reason != "" && len(near) < maxNear {
			shown.Verdict = NoMatch
			near = append(near, shown)
		} else {
			out.Others++
		}
	}
	winner, found := lookUp(&all, phase, name)
	slices.SortStableFunc(out.Candidates, func(a, b Candidate) int { return cmp.Compare(b.rank, a.rank) })
	for i := range out.Candidates {
		judge(&out.Candidates[i], phase, winner, len(out.Candidates))
	}
	out.Candidates = append(out.Candidates, near...)
	if !found {
		return out, nil
	}
	return out, winner
}

func lookUp[T any](t *table[T], phase action.Phase, name string) (T, bool) {
	if phase == action.OnEvent {
		return t.event(name)
	}
	return t.call(phase, name)
}

// rank orders what covers one name: by level, and groups by their length.
func rank(c action.Condition) int {
	return int(c.Level())<<8 + strings.Count(c.Match, ".")
}

func judge(c *Candidate, phase action.Phase, winner *action.Execution, of int) {
	if c.Match != winner.Match {
		c.Verdict = Lost
		c.Reason = "less exact: " + wins(phase, winner.Match, c.Match)
		return
	}
	c.Verdict, c.Reason = Won, "the only one that covers it"
	if of > 1 {
		c.Reason = fmt.Sprintf("the most exact of %d that cover it", of)
	}
}

// wins words the rule by which one condition beats another.
func wins(phase action.Phase, winner, loser string) string {
	best := action.Condition{Phase: phase, Match: winner}.Level()
	other := action.Condition{Phase: phase, Match: loser}.Level()
	exact, group := "a method", "a service"
	if phase == action.OnEvent {
		exact, group = "a type", "a group"
	}
	switch {
	case best == action.LevelGroup && other == action.LevelGroup:
		return "a longer group wins over a shorter one"
	case other == action.LevelAll && best == action.LevelGroup:
		return group + " wins over *"
	case other == action.LevelAll:
		return exact + " wins over *"
	}
	return exact + " wins over " + group
}

// looksLike tells why a condition that does not cover the name may be thought
// to cover it; empty when nobody would think so.
func looksLike(c action.Condition, name string) string {
	text := strings.TrimSuffix(c.Match, "*")
	switch {
	case text == "":
		return ""
	case c.Phase == action.OnEvent && text == name+".":
		return "does not cover it: a group covers what is below it, not the name itself"
	case strings.EqualFold(text, name) && text != name, len(name) > len(text) && strings.EqualFold(name[:len(text)], text) && name[:len(text)] != text:
		return "does not cover it: upper and lower case differ"
	case strings.HasPrefix(name, strings.TrimSuffix(text, ".")), strings.HasPrefix(strings.TrimPrefix(name, "/"), text):
		return "does not cover it: names are compared whole, not by how they begin"
	}
	return ""
}

// way goes through the entries of an execution as the matcher's expansion does,
// and remembers which includes led to each target. The snapshot was compiled,
// so every name is known and there is no ring.
type way struct {
	names     *names
	phase     action.Phase
	scope     string
	execution *action.Execution
	turns     []ExplainedTurn
}

func (w *way) walk(org string, entries []action.Entry, includes []string) {
	for _, e := range entries {
		if e.Include != "" {
			owner, list := w.names.entry(org, w.phase, e.Include)
			w.walk(owner, list.Entries, append(slices.Clip(includes), e.Include))
			continue
		}
		owner, target := w.names.target(org, e.Target)
		w.turns = append(w.turns, ExplainedTurn{
			Turn: Turn{Owner: owner, Scope: w.scope, Target: target,
				Condition: action.Condition{Phase: w.phase, Match: w.execution.Match}},
			Execution: w.execution.Name, Includes: includes,
		})
	}
}

// countTurns numbers the turns of each target, and skips those that an event
// execution repeats.
func countTurns(turns []ExplainedTurn) {
	type inScope struct {
		scope  string
		target targetRef
	}
	of, within := map[targetRef]int{}, map[inScope]bool{}
	for i := range turns {
		t := &turns[i]
		ref := targetRef{t.Owner, t.Target.Name}
		t.Skipped = t.Condition.Phase == action.OnEvent && within[inScope{t.Scope, ref}]
		if !t.Skipped {
			of[ref]++
		}
		t.Occurrence = of[ref]
		within[inScope{t.Scope, ref}] = true
	}
}

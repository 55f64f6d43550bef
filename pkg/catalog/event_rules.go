package catalog

import (
	"github.com/callout-hq/callout/pkg/action"
)

// events holds event executions against their rule: only webhook and async
// targets, includes counted in. The complaint stands where the target is
// written.
func (g *graph) events() {
	for _, x := range g.vertices {
		if x.phase == action.OnEvent && !x.exec.IsList() {
			reach(x, x)
		}
	}
	for _, x := range g.vertices {
		if x.reached == nil {
			continue
		}
		for i, e := range x.exec.Entries {
			if e.Include != "" {
				continue
			}
			_, t := g.names.target(x.org, e.Target)
			if t == nil || t.Kind != action.CallOut {
				continue
			}
			through := ""
			if x.reached != x {
				through = " (through the event " + Quote(x.reached.exec.Match) + ")"
			}
			g.errorf(JoinPath(x.entryPath(i), "target"), ProblemCallInEvent,
				"an event goes to webhook and async targets only, and %s is a call target%s", Quote(e.Target), through)
		}
	}
}

// reach marks everything that from includes.
func reach(x, from *vertex) {
	if x.reached != nil {
		return
	}
	x.reached = from
	for _, e := range x.edges {
		reach(e.to, from)
	}
}

// totals checks the bounds of the whole catalog, and warns of targets that an
// event execution names twice. It needs lists that can be expanded.
func (g *graph) totals() {
	if g.flawed {
		return
	}
	turns := 0
	for _, x := range g.vertices {
		if x.exec.Fires() {
			turns += x.count
		}
	}
	if turns > MaxTurns {
		g.errorf("", ProblemTooMany, "all executions together have at most %d targets once their includes are put in, here are %d", MaxTurns, turns)
		return
	}
	lines := 0
	for _, x := range g.vertices {
		if x.phase != action.OnEvent || !x.exec.Fires() {
			continue
		}
		expanded, err := g.names.expand(x.org, x.phase, x.exec)
		if err != nil {
			continue // its unknown names are reported already
		}
		g.twice(x, expanded)
		for _, t := range distinct(expanded.turns) {
			lines += lanesOf(t.Target)
		}
	}
	if lines > MaxLines {
		g.errorf("events", ProblemTooMany, "an instance has at most %d lines (an event execution times its targets times their lanes), here are %d", MaxLines, lines)
	}
}

func (g *graph) twice(x *vertex, expanded expansion) {
	seen := map[targetRef]int{}
	for i, t := range expanded.turns {
		ref := targetRef{t.Owner, t.Target.Name}
		if seen[ref]++; seen[ref] == 2 {
			key := "target"
			if x.exec.Entries[expanded.tops[i]].Include != "" {
				key = "include"
			}
			g.warnf(JoinPath(x.entryPath(expanded.tops[i]), key), ProblemTwice,
				"%s is in this event execution already; each event goes to it once", Quote(t.Target.Name))
		}
	}
}

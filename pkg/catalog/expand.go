package catalog

import (
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
)

// Turn is one target's place in the list of an execution.
type Turn struct {
	Owner     string           // organization that defines the target; "" is the instance
	Scope     string           // organization whose execution it is; "" is the instance
	Condition action.Condition // of that execution
	Target    *action.Target   // read only, shared by all who have the turn
}

// Expand gives the targets of an execution or list in order, with includes put
// in at their places, nested, duplicates kept. The name is looked up in org
// first and then in the instance. The error is an *action.Error with code
// bad_catalog: no such entry, an unknown name, a cycle or more than
// action.MaxIncludes levels, more than action.MaxTargets targets.
func (s *Snapshot) Expand(org string, phase action.Phase, name string) ([]Turn, error) {
	n := newNames(s)
	owner, e := n.entry(org, phase, name)
	if e == nil {
		return nil, badCatalog("no entry of the section %s is named %s", SectionKey(phase), Quote(name))
	}
	x, err := n.expand(owner, phase, e)
	return x.turns, err
}

func badCatalog(format string, args ...any) error {
	return action.NewError(action.CodeBadCatalog, action.StageCatalog, fmt.Sprintf(format, args...))
}

// maxSteps bounds the includes of one list, nested ones counted: even those that
// bring no target take time.
const maxSteps = 10000

// expansion is the list of an execution as it grows.
type expansion struct {
	names     *names
	scope     string
	condition action.Condition
	turns     []Turn
	tops      []int // for each turn the entry of the execution itself that brought it
	steps     int   // includes so far
}

func (n *names) expand(org string, phase action.Phase, e *action.Execution) (expansion, error) {
	x := expansion{names: n, scope: org, condition: action.Condition{Phase: phase, Match: e.Match}}
	for i := range e.Entries {
		if err := x.entry(org, e.Entries[i], i, 0); err != nil {
			return expansion{}, err
		}
	}
	return x, nil
}

// entry puts one line of a list, written in org, behind what is there.
func (x *expansion) entry(org string, e action.Entry, top, depth int) error {
	if e.Include == "" {
		owner, t := x.names.target(org, e.Target)
		if t == nil {
			return badCatalog("no target is named %s", Quote(e.Target))
		}
		if owner == "" && !t.IsUsableBy(org) && org != "" {
			return badCatalog("organization %s may not use the target %s of the instance", Quote(org), Quote(e.Target))
		}
		if len(x.turns) == action.MaxTargets {
			return badCatalog("an execution has at most %d targets once its includes are put in", action.MaxTargets)
		}
		x.turns = append(x.turns, Turn{Owner: owner, Scope: x.scope, Condition: x.condition, Target: t})
		x.tops = append(x.tops, top)
		return nil
	}
	owner, list := x.names.entry(org, x.condition.Phase, e.Include)
	if list == nil {
		return badCatalog("no entry of the section %s is named %s", SectionKey(x.condition.Phase), Quote(e.Include))
	}
	if depth == action.MaxIncludes {
		return badCatalog("includes are nested at most %d levels", action.MaxIncludes)
	}
	if x.steps++; x.steps > maxSteps {
		return badCatalog("a list has at most %d includes once those within them are put in", maxSteps)
	}
	for _, inner := range list.Entries {
		if err := x.entry(owner, inner, top, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// distinct keeps the first turn of each target: an event goes to a target once
// per execution.
func distinct(turns []Turn) []Turn {
	seen := make(map[targetRef]bool, len(turns))
	out := make([]Turn, 0, len(turns))
	for _, t := range turns {
		ref := targetRef{t.Owner, t.Target.Name}
		if !seen[ref] {
			seen[ref] = true
			out = append(out, t)
		}
	}
	return out
}

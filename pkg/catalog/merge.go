package catalog

import (
	"maps"

	"github.com/callout-hq/callout/pkg/action"
)

// MergeInto gives the catalog that is in force when next is applied and what it
// does not name is kept. An object takes the place of the one with its name in
// the same scope and section, and an execution also that of the one with its
// condition: the condition is its identity. The result is not checked; neither
// argument is written to, and the result shares their values.
func MergeInto(current, next *Snapshot) *Snapshot {
	out := &Snapshot{Instance: next.Instance, Scopes: maps.Clone(current.Scopes)}
	if out.Scopes == nil {
		out.Scopes = map[string]*Scope{}
	}
	for org, sc := range next.Scopes {
		out.Scopes[org] = mergeScope(out.Scopes[org], sc)
	}
	return out
}

func mergeScope(current, next *Scope) *Scope {
	if current == nil || next == nil {
		return next
	}
	out := &Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}}
	maps.Copy(out.Targets, current.Targets)
	maps.Copy(out.Targets, next.Targets)
	for _, phase := range action.Phases {
		names, conditions := map[string]bool{}, map[string]bool{}
		for _, e := range next.Sections[phase] {
			names[e.Name] = true
			conditions[e.Match] = !e.IsList()
		}
		var section []action.Execution
		for _, e := range current.Sections[phase] {
			if !names[e.Name] && (e.IsList() || !conditions[e.Match]) {
				section = append(section, e)
			}
		}
		if section = append(section, next.Sections[phase]...); section != nil {
			out.Sections[phase] = section
		}
	}
	return out
}

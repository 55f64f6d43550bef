package catalog

import (
	"fmt"
	"maps"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
)

// Draft gives a copy of the snapshot with a scope of its own in it, which may be
// written to; the others are shared. It is how an edit begins.
func (s *Snapshot) Draft(org string) (*Snapshot, *Scope) {
	next := &Snapshot{Instance: s.Instance, Revision: s.Revision, Scopes: maps.Clone(s.Scopes)}
	if next.Scopes == nil {
		next.Scopes = map[string]*Scope{}
	}
	sc := &Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}, Meta: map[Ref]Meta{}}
	if was := s.Scopes[org]; was != nil {
		if was.Targets != nil {
			sc.Targets = maps.Clone(was.Targets)
		}
		for phase, section := range was.Sections {
			sc.Sections[phase] = slices.Clone(section)
		}
		if was.Meta != nil {
			sc.Meta = maps.Clone(was.Meta)
		}
	}
	next.Scopes[org] = sc
	return next, sc
}

// WithTarget gives the catalog with one target more, or another in the place of
// the one of its name. Like all changes it is not checked, does not write to s,
// and shares what stays.
func (s *Snapshot) WithTarget(org string, t action.Target) *Snapshot {
	next, sc := s.sharing(org)
	sc.Targets = maps.Clone(sc.Targets)
	if sc.Targets == nil {
		sc.Targets = map[string]action.Target{}
	}
	sc.Targets[t.Name] = t
	return next
}

// sharing gives a copy of the snapshot with a scope of its own in it, whose
// fields are still those of s: who writes to one clones it first, which costs
// less than Draft where a scope is large. What is known of an object that goes
// may stay: Stamp looks only at what is new.
func (s *Snapshot) sharing(org string) (*Snapshot, *Scope) {
	next := &Snapshot{Instance: s.Instance, Revision: s.Revision, Scopes: maps.Clone(s.Scopes)}
	sc := &Scope{}
	if was := s.Scopes[org]; was != nil {
		*sc = *was
	}
	next.Scopes[org] = sc
	return next, sc
}

// setSection puts another section in the place of one that is shared.
func (sc *Scope) setSection(phase action.Phase, section []action.Execution) {
	sections := maps.Clone(sc.Sections)
	if sections == nil {
		sections = map[action.Phase][]action.Execution{}
	}
	sections[phase] = section
	sc.Sections = sections
}

// WithoutTarget gives the catalog without a target. What names it is left as it
// is, see WithoutUses.
func (s *Snapshot) WithoutTarget(org, name string) *Snapshot {
	next, sc := s.sharing(org)
	sc.Targets = maps.Clone(sc.Targets)
	delete(sc.Targets, name)
	return next.withoutEmpty(org)
}

// WithoutUses takes a target out of every execution and list that names it, and
// removes the ones that are then empty, and what includes those.
func (s *Snapshot) WithoutUses(p Place) *Snapshot {
	next := s
	for places := []Place{p}; len(places) > 0; places = places[1:] {
		gone := places[0]
		next = next.rewritten(gone, func(e *action.Execution) bool {
			e.Entries = slices.DeleteFunc(slices.Clone(e.Entries), gone.named)
			return len(e.Entries) > 0
		}, func(emptied Place) { places = append(places, emptied) })
	}
	return next
}

// rewritten gives the catalog in which whatever names an object is changed by
// change, or removed when it returns false; removed is told of those.
func (s *Snapshot) rewritten(p Place, change func(*action.Execution) bool, removed func(Place)) *Snapshot {
	next := s
	s.eachSeeing(p, func(org string, was *Scope) {
		var sc *Scope // made when it is needed
		for _, phase := range p.phases() {
			if !p.isNamedIn(was.Sections[phase]) {
				continue
			}
			if sc == nil {
				next, sc = next.sharing(org)
			}
			var section []action.Execution
			for _, e := range sc.Sections[phase] {
				if !slices.ContainsFunc(e.Entries, p.named) || change(&e) {
					section = append(section, e)
					continue
				}
				removed(Place{org, Ref{phase, e.Name}})
			}
			sc.setSection(phase, section)
		}
		if sc != nil {
			next = next.withoutEmpty(org)
		}
	})
	return next
}

// withoutEmpty leaves out an organization that has nothing left.
func (s *Snapshot) withoutEmpty(org string) *Snapshot {
	if sc := s.Scopes[org]; org == "" || sc == nil || sc.objects() > 0 {
		return s
	}
	scopes := maps.Clone(s.Scopes)
	delete(scopes, org)
	return &Snapshot{Instance: s.Instance, Revision: s.Revision, Scopes: scopes}
}

// Renamed gives the catalog in which a target has the name and the settings of
// t, and whatever named it names it so. The fault, for the field of the name,
// tells why that cannot be: another has the name, or an organization would come
// to mean another target than it did.
func (s *Snapshot) Renamed(org, name string, t action.Target) (next *Snapshot, fault string) {
	was, becomes := Place{org, Ref{Name: name}}, Place{org, Ref{Name: t.Name}}
	if s.Scopes[org].has(becomes.Ref) {
		return nil, fmt.Sprintf("there is a target %s already", Quote(t.Name))
	}
	for _, used := range s.UsedBy(was) {
		if sc := s.Scopes[used.Org]; used.Org != org && sc.has(becomes.Ref) {
			return nil, fmt.Sprintf("%s would then mean the target %s of organization %s", used, Quote(t.Name), Quote(used.Org))
		}
	}
	if org != "" {
		for _, used := range s.UsedBy(Place{"", becomes.Ref}) {
			if used.Org == org {
				return nil, fmt.Sprintf("%s names the target %s of the instance, and would then mean this one", used, Quote(t.Name))
			}
		}
	}
	next = s.rewritten(was, func(e *action.Execution) bool {
		e.Entries = slices.Clone(e.Entries)
		for i := range e.Entries {
			if was.named(e.Entries[i]) {
				e.Entries[i].Target = t.Name
			}
		}
		return true
	}, nil)
	next, sc := next.sharing(org)
	sc.Targets, sc.Meta = maps.Clone(sc.Targets), maps.Clone(sc.Meta)
	delete(sc.Targets, name)
	sc.Targets[t.Name] = t
	if meta, ok := sc.Meta[was.Ref]; ok {
		delete(sc.Meta, was.Ref)
		sc.Meta[becomes.Ref] = meta
	}
	return next, ""
}

// WithExecution gives the catalog with an execution or a list: in the place of
// the one with its condition, or of the list of its name, or behind the others
// of its section.
func (s *Snapshot) WithExecution(org string, phase action.Phase, e action.Execution) *Snapshot {
	next, sc := s.sharing(org)
	section := slices.Clone(sc.Sections[phase])
	if i := sc.find(phase, e); i >= 0 {
		section[i] = e
	} else {
		section = append(section, e)
	}
	sc.setSection(phase, section)
	return next
}

// WithoutExecution gives the catalog without an execution or a list.
func (s *Snapshot) WithoutExecution(p Place) *Snapshot {
	next, sc := s.sharing(p.Org)
	sc.setSection(p.Phase, slices.DeleteFunc(slices.Clone(sc.Sections[p.Phase]), func(e action.Execution) bool { return e.Name == p.Name }))
	return next.withoutEmpty(p.Org)
}

// Execution finds what has the identity of e in a scope: the execution with its
// condition, or the list of its name.
func (s *Snapshot) Execution(org string, phase action.Phase, e action.Execution) (action.Execution, bool) {
	sc := s.Scopes[org]
	if sc == nil {
		return action.Execution{}, false
	}
	i := sc.find(phase, e)
	if i < 0 {
		return action.Execution{}, false
	}
	return sc.Sections[phase][i], true
}

func (sc *Scope) find(phase action.Phase, e action.Execution) int {
	return slices.IndexFunc(sc.Sections[phase], func(have action.Execution) bool {
		if e.IsList() {
			return have.IsList() && have.Name == e.Name
		}
		return have.Match == e.Match
	})
}

// FindExecution finds an execution of a scope by its condition, or an execution
// or a list by its name when the condition is empty.
func (s *Snapshot) FindExecution(org string, phase action.Phase, condition, name string) (action.Execution, bool) {
	if sc := s.Scopes[org]; sc != nil {
		for _, e := range sc.Sections[phase] {
			if condition != "" && e.Match == condition || condition == "" && e.Name == name {
				return e, true
			}
		}
	}
	return action.Execution{}, false
}

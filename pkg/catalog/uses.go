package catalog

import (
	"slices"

	"github.com/callout-hq/callout/pkg/action"
)

// UsedBy lists what names a target, or includes an entry: by its own lines, not
// through others. The instance's come first, then those of the organizations by
// name, in the order in which they were written.
func (s *Snapshot) UsedBy(p Place) []Place {
	var places []Place
	s.eachSeeing(p, func(org string, sc *Scope) {
		for _, phase := range p.phases() {
			for i := range sc.Sections[phase] {
				if e := &sc.Sections[phase][i]; slices.ContainsFunc(e.Entries, p.named) {
					places = append(places, Place{org, Ref{phase, e.Name}})
				}
			}
		}
	})
	return places
}

// eachSeeing goes through the scopes in which the name of an object means that
// object: its own, and of an instance's those of the organizations that have
// none of that name themselves.
func (s *Snapshot) eachSeeing(p Place, do func(org string, sc *Scope)) {
	for _, org := range s.Orgs() {
		sc := s.Scopes[org]
		if sc == nil || org != p.Org && (p.Org != "" || sc.has(p.Ref)) {
			continue
		}
		do(org, sc)
	}
}

// phases are those in which an object can be named.
func (p Place) phases() []action.Phase {
	if p.Phase == "" {
		return action.Phases
	}
	return []action.Phase{p.Phase}
}

// named tells whether an entry of an execution names the object.
func (p Place) named(e action.Entry) bool {
	if p.Phase == "" {
		return e.Target == p.Name && e.Include == ""
	}
	return e.Include == p.Name && e.Target == ""
}

func (p Place) isNamedIn(section []action.Execution) bool {
	return slices.ContainsFunc(section, func(e action.Execution) bool { return slices.ContainsFunc(e.Entries, p.named) })
}

// has tells whether a scope itself has an object.
func (sc *Scope) has(ref Ref) bool {
	if ref.Phase == "" {
		_, ok := sc.Targets[ref.Name]
		return ok
	}
	return slices.ContainsFunc(sc.Sections[ref.Phase], func(e action.Execution) bool { return e.Name == ref.Name })
}

// Reaching tells of every entry whether it reaches a target of a name, by
// includes too, whoever defines the target. A catalog with cycles is none.
func (s *Snapshot) Reaching(target string) func(Place) bool {
	n, known := newNames(s), map[Place]bool{}
	var reaches func(p Place) bool
	reaches = func(p Place) bool {
		is, ok := known[p]
		if ok {
			return is
		}
		known[p] = false // a ring of includes ends here
		if _, e := n.entry(p.Org, p.Phase, p.Name); e != nil {
			is = slices.ContainsFunc(e.Entries, func(entry action.Entry) bool {
				if entry.Include == "" {
					return entry.Target == target
				}
				owner, included := n.entry(p.Org, p.Phase, entry.Include)
				return included != nil && reaches(Place{owner, Ref{p.Phase, entry.Include}})
			})
		}
		known[p] = is
		return is
	}
	return reaches
}

// UsersOfSecret names the targets of an organization, "" = the instance, that name a
// secret, sorted.
func (s *Snapshot) UsersOfSecret(org, secret string) (names []string) {
	sc := s.Scopes[org]
	if sc == nil {
		return nil
	}
	for name, t := range sc.Targets {
		for _, from := range t.Sources() {
			if from.Secret == secret {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	return names
}

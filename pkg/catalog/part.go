package catalog

import "github.com/callout-hq/callout/pkg/action"

// Part is one object of the catalog and what it reaches: the targets and the
// entries that it names, and those named by them. What can be said of the object
// alone, Validate says of the part as it does of the whole, whatever
// the size of the whole. The place must exist.
func (s *Snapshot) Part(p Place) *Snapshot {
	c := &partMaker{names: newNames(s), part: &Snapshot{Instance: s.Instance, Revision: s.Revision, Scopes: map[string]*Scope{}}, seen: map[Place]bool{}}
	if p.Phase == "" {
		c.target(p.Org, p.Name)
		return c.part
	}
	c.entry(p.Org, p.Phase, p.Name)
	// Another entry of its name, or of its condition, is in its way, whatever
	// else it has.
	section := s.Scopes[p.Org].Sections[p.Phase]
	own := c.names.section(p.Org, p.Phase)[p.Name]
	for i := range section {
		if e := &section[i]; e != own && (e.Name == p.Name || !e.IsList() && e.Match == own.Match) {
			c.put(p.Org, p.Phase, &action.Execution{Name: e.Name, Match: e.Match})
		}
	}
	return c.part
}

// partMaker is a part as it grows.
type partMaker struct {
	names *names
	part  *Snapshot
	seen  map[Place]bool
}

func (c *partMaker) scope(org string) *Scope {
	sc := c.part.Scopes[org]
	if sc == nil {
		sc = &Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}}
		c.part.Scopes[org] = sc
	}
	return sc
}

func (c *partMaker) target(org, name string) {
	if owner, t := c.names.target(org, name); t != nil {
		c.scope(owner).Targets[name] = *t
	}
}

func (c *partMaker) entry(org string, phase action.Phase, name string) {
	owner, e := c.names.entry(org, phase, name)
	p := Place{owner, Ref{phase, name}}
	if e == nil || c.seen[p] {
		return
	}
	c.seen[p] = true
	c.put(owner, phase, e)
	for _, entry := range e.Entries {
		if entry.Target != "" {
			c.target(owner, entry.Target)
		}
		if entry.Include != "" {
			c.entry(owner, phase, entry.Include)
		}
	}
}

func (c *partMaker) put(org string, phase action.Phase, e *action.Execution) {
	sc := c.scope(org)
	sc.Sections[phase] = append(sc.Sections[phase], *e)
}

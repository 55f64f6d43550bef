package dispatch_test

import (
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// baseOf is what an instance of a walk has at first: x and y for events of users,
// z for orders, and an organization with an x of its own.
func baseOf(r *receiver, id string) *catalog.Snapshot {
	next, sc := catalog.Empty(id).Draft("")
	for _, name := range []string{"x", "y", "z"} {
		sc.Targets[name] = hook(name, r.url(id, name))
	}
	sc.Sections[action.OnEvent] = []action.Execution{execution("user.*", "x", "y"), execution("order.placed", "z")}
	sc.Sections[action.Function] = []action.Execution{execution("f", "y")}
	next, acme := next.Draft("acme")
	acme.Targets["x"] = hook("x", r.url(id, "acme-x"))
	acme.Sections[action.OnEvent] = []action.Execution{execution("user.added", "x")}
	return next
}

func execution(match string, targets ...string) action.Execution {
	e := action.Execution{Name: match, Match: match}
	for _, name := range targets {
		e.Entries = append(e.Entries, action.Entry{Target: name})
	}
	return e
}

// lacking is a catalog without a target of the instance, also where it is used.
func lacking(s *catalog.Snapshot, name string) *catalog.Snapshot {
	next, sc := s.Draft("")
	delete(sc.Targets, name)
	for phase := range sc.Sections {
		for n, e := range sc.Sections[phase] {
			var left []action.Entry
			for _, entry := range e.Entries {
				if entry.Target != name {
					left = append(left, entry)
				}
			}
			sc.Sections[phase][n].Entries = left
		}
	}
	return next
}

// renamed is a catalog in which a target of the instance has another name.
func renamed(s *catalog.Snapshot, from, to string) *catalog.Snapshot {
	next, sc := s.Draft("")
	t := sc.Targets[from]
	t.Name = to
	sc.Targets[to], sc.Meta[target(to)] = t, sc.Meta[target(from)]
	delete(sc.Targets, from)
	for phase := range sc.Sections {
		for n, e := range sc.Sections[phase] {
			entries := append([]action.Entry(nil), e.Entries...)
			for k := range entries {
				if entries[k].Target == from {
					entries[k].Target = to
				}
			}
			sc.Sections[phase][n].Entries = entries
		}
	}
	return next
}

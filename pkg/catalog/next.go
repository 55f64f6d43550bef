package catalog

import (
	"maps"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
)

// mostChanges is up to how many changed objects Next looks at one by one.
const mostChanges = 2000

// Next is Compile for a snapshot that differs little from the one that m was
// made of: what nothing has touched is taken over. The result is the same, and
// so is the error. by tells the difference; the zero value has it looked for.
func (m *Matcher) Next(s *Snapshot, by Delta) (*Matcher, error) {
	if next := m.next(s, by); next != nil {
		return next, nil
	}
	return Compile(s)
}

// successor is a matcher that is being made from the one before.
type successor struct {
	*Matcher
	from    *Matcher
	names   *names
	found   []difference
	targets map[string]bool // names of targets that changed, in any scope
	entries map[Ref]bool    // names of executions and lists that changed or reach what changed, in any scope
	written map[string]map[action.Phase]bool

	linesMoved bool                                 // the list of lines is to be made anew
	asyncMoved bool                                 // and that of async targets
	calls      map[string]map[action.Condition]bool // conditions of calls that moved or changed, by organization
}

// next gives nil for whatever it cannot do, or would refuse: Compile then finds
// the words.
func (m *Matcher) next(s *Snapshot, by Delta) *Matcher {
	if s == nil || s.Instance != m.snapshot.Instance {
		return nil
	}
	x := &successor{from: m, names: newNames(s), found: by.found, targets: map[string]bool{}, entries: map[Ref]bool{},
		written: map[string]map[action.Phase]bool{}, calls: map[string]map[action.Condition]bool{}}
	if !by.known {
		differences(m.snapshot, s, func(d difference) {
			if len(x.found) <= mostChanges {
				x.found = append(x.found, d)
			}
		})
	}
	if len(x.found) > mostChanges || !x.sound() {
		return nil
	}
	x.Matcher = &Matcher{snapshot: s, scopes: maps.Clone(m.scopes), lines: m.lines, async: m.async, turns: m.turns, conditions: m.conditions}
	if !x.shape(s) {
		return nil
	}
	x.spread(s)
	x.remove()
	if !x.enterAll(s) {
		return nil
	}
	x.list()
	if len(x.lines) > MaxLines || x.turns > MaxTurns {
		return nil
	}
	return x.Matcher
}

// sound checks each changed object by itself, and that no name stands twice.
func (x *successor) sound() bool {
	v := &validator{names: x.names}
	added := map[Place]bool{}
	for i := range x.found {
		d := &x.found[i]
		switch {
		case d.nowTarget != nil:
			if d.nowTarget.Name != d.place.Name {
				return false
			}
			checkTarget(&v.Report, "", d.nowTarget)
			checkUsableBy(&v.Report, "", d.place.Org, d.nowTarget)
		case d.nowEntry != nil:
			v.execution(d.place.Org, d.place.Phase, "", d.nowEntry)
			if !x.alone(d) {
				return false
			}
			if d.wasEntry == nil {
				if added[d.place] || x.stands(d.place) {
					return false
				}
				added[d.place] = true
			}
		}
	}
	return !HasErrors(v.problems)
}

// alone tells whether the condition that an entry has come to is that of no other in
// its section. Those that only wait to be included stand in no table, and have theirs
// all the same.
func (x *successor) alone(d *difference) bool {
	if d.nowEntry.IsList() || d.wasEntry != nil && d.wasEntry.Match == d.nowEntry.Match {
		return true
	}
	same := 0
	for _, e := range x.names.snapshot.Scopes[d.place.Org].Sections[d.place.Phase] {
		if e.Match == d.nowEntry.Match {
			same++
		}
	}
	return same == 1
}

// stands tells whether the snapshot before has an entry of that name.
func (x *successor) stands(p Place) bool {
	sc := x.from.snapshot.Scopes[p.Org]
	return sc != nil && slices.ContainsFunc(sc.Sections[p.Phase], func(e action.Execution) bool { return e.Name == p.Name })
}

// shape takes scopes out and in.
func (x *successor) shape(s *Snapshot) bool {
	for org := range x.scopes {
		if s.Scopes[org] == nil {
			delete(x.scopes, org)
		}
	}
	for org, sc := range s.Scopes {
		if sc == nil {
			return false
		}
		if x.scopes[org] == nil {
			if action.CheckID(org) != nil {
				return false
			}
			x.scopes[org] = &scopeTable{}
		}
		if was := x.from.snapshot.Scopes[org]; was != sc {
			for phase := range sc.Sections {
				if SectionKey(phase) == "" {
					return false
				}
			}
		}
	}
	return true
}

// spread finds everything that a change reaches: what names a changed target or
// entry, and what includes that, by names alone.
func (x *successor) spread(s *Snapshot) {
	type including struct {
		ref     Ref
		entries []action.Entry
	}
	for i := range x.found {
		if p := x.found[i].place; p.Phase == "" {
			x.targets[p.Name] = true
		} else {
			x.entries[p.Ref] = true
		}
	}
	var lists []including
	for _, sc := range s.Scopes {
		for phase, section := range sc.Sections {
			for i := range section {
				e, includes := &section[i], false
				for _, entry := range e.Entries {
					if entry.Include != "" {
						includes = true
					} else if x.targets[entry.Target] {
						x.entries[Ref{phase, e.Name}] = true
					}
				}
				if includes {
					lists = append(lists, including{Ref{phase, e.Name}, e.Entries})
				}
			}
		}
	}
	for again := true; again; {
		again = false
		for _, l := range lists {
			if !x.entries[l.ref] && slices.ContainsFunc(l.entries, func(e action.Entry) bool {
				return e.Include != "" && x.entries[Ref{l.ref.Phase, e.Include}]
			}) {
				x.entries[l.ref], again = true, true
			}
		}
	}
}

// remove takes out the conditions that are gone or moved.
func (x *successor) remove() {
	for i := range x.found {
		d := &x.found[i]
		if d.wasEntry == nil || !d.wasEntry.Fires() || d.nowEntry != nil && d.nowEntry.Fires() && d.nowEntry.Match == d.wasEntry.Match {
			continue
		}
		if x.scopes[d.place.Org] == nil { // the scope is gone: so are its lines
			x.forget(d.place.Org, x.from.scopes[d.place.Org], action.Condition{Phase: d.place.Phase, Match: d.wasEntry.Match})
			continue
		}
		c := action.Condition{Phase: d.place.Phase, Match: d.wasEntry.Match}
		st := x.table(d.place.Org, c.Phase)
		x.forget(d.place.Org, st, c)
		st.remove(c)
	}
}

// forget takes what stands under a condition out of the counts.
func (x *successor) forget(org string, st *scopeTable, c action.Condition) {
	x.touch(org, c)
	if c.Phase == action.OnEvent {
		if e, ok := st.events.get(c); ok {
			x.turns -= e.all
		}
		return
	}
	if p, ok := st.calls.get(c); ok {
		x.turns -= len(p.Turns)
		x.asyncMoved = x.asyncMoved || len(appendAsync(nil, p.Turns)) > 0
	}
}

// touch notes which lists are to be made anew.
func (x *successor) touch(org string, c action.Condition) {
	if c.Phase == action.OnEvent {
		x.linesMoved = true
		return
	}
	if x.calls[org] == nil {
		x.calls[org] = map[action.Condition]bool{}
	}
	x.calls[org][c] = true
}

// table gives the tables of a scope with those of a phase ready to be written
// to.
func (x *successor) table(org string, phase action.Phase) *scopeTable {
	if x.written[org] == nil {
		x.written[org] = map[action.Phase]bool{}
		x.scopes[org] = clone(*x.scopes[org])
	}
	st := x.scopes[org]
	if !x.written[org][phase] {
		x.written[org][phase] = true
		if phase == action.OnEvent {
			st.events.own(phase)
		} else {
			st.calls.own(phase)
		}
	}
	return st
}

// enterAll expands and enters everything that a change reaches.
func (x *successor) enterAll(s *Snapshot) bool {
	if len(x.entries) == 0 {
		return true
	}
	changedMatch := map[Place]bool{}
	for i := range x.found {
		d := &x.found[i]
		changedMatch[d.place] = d.nowEntry != nil && (d.wasEntry == nil || !d.wasEntry.Fires() || d.wasEntry.Match != d.nowEntry.Match)
	}
	for org, sc := range s.Scopes {
		for phase, section := range sc.Sections {
			for i := range section {
				e := &section[i]
				if x.entries[Ref{phase, e.Name}] && !x.enterOne(org, phase, e, changedMatch[Place{org, Ref{phase, e.Name}}]) {
					return false
				}
			}
		}
	}
	return true
}

func (x *successor) enterOne(org string, phase action.Phase, e *action.Execution, newMatch bool) bool {
	expanded, err := x.names.expand(org, phase, e)
	if err != nil {
		return false
	}
	if phase == action.OnEvent && !e.IsList() && slices.ContainsFunc(expanded.turns, func(t Turn) bool { return t.Target.Kind == action.CallOut }) {
		return false // also of one that waits to be included
	}
	if !e.Fires() {
		return true
	}
	st := x.table(org, phase)
	if st.has(expanded.condition) == newMatch { // another has the condition
		return false
	}
	x.forget(org, st, expanded.condition)
	m := &Matcher{}
	m.enter(st, org, e, expanded)
	x.turns += m.turns
	x.asyncMoved = x.asyncMoved || len(m.async) > 0
	return true
}

// list makes the lists of lines and of async targets anew, when what they come
// from has changed.
func (x *successor) list() {
	if x.linesMoved {
		x.lines = nil
		for _, st := range x.scopes {
			for _, e := range st.events.events {
				x.lines = appendLines(x.lines, e)
			}
		}
		sortLines(x.lines)
	}
	if len(x.calls) > 0 {
		x.conditions = x.from.conditions.behind(x.calls)
	}
	if x.asyncMoved {
		x.async = nil
		for _, st := range x.scopes {
			for _, phase := range []action.Phase{action.Request, action.Response, action.Function} {
				for _, p := range *st.calls.byPhase(phase) {
					x.async = appendAsync(x.async, p.Turns)
				}
			}
		}
		x.async = asyncTargets(x.async)
	}
}

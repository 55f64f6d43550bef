package catalog

import (
	"github.com/callout-hq/callout/pkg/action"
)

// Matcher answers what runs for a call or an event. It is compiled once per
// revision, immutable, and safe for concurrent use.
type Matcher struct {
	snapshot *Snapshot
	scopes   map[string]*scopeTable
	plans    planCache
	lines    []Line
	async    []AsyncTarget
}

// scopeTable is what one scope runs under each condition.
type scopeTable struct {
	calls  table[*Plan]
	events table[*eventEntry]
}

// Compile prepares a snapshot for matching. The error lists what Validate
// refuses, as an *action.Error with code bad_catalog. The snapshot must not be
// written to afterwards.
func Compile(s *Snapshot) (*Matcher, error) {
	if err := refuse(Validate(s)); err != nil {
		return nil, err
	}
	m := &Matcher{snapshot: s, scopes: make(map[string]*scopeTable, len(s.Scopes))}
	n := newNames(s)
	for _, org := range s.Orgs() {
		sc := s.Scopes[org]
		if sc == nil {
			continue
		}
		st := &scopeTable{}
		m.scopes[org] = st
		for _, phase := range action.Phases {
			section := sc.Sections[phase]
			for i := range section {
				if section[i].IsList() {
					continue
				}
				if err := m.enter(st, n, org, phase, &section[i]); err != nil {
					return nil, err
				}
			}
		}
	}
	sortLines(m.lines)
	m.async = asyncTargets(m.async)
	return m, nil
}

func (m *Matcher) enter(st *scopeTable, n *names, org string, phase action.Phase, e *action.Execution) error {
	x, err := n.expand(org, phase, e)
	if err != nil {
		return err
	}
	if phase != action.OnEvent {
		st.calls.put(x.condition, newPlan(e, x.turns))
		m.async = appendAsync(m.async, x.turns)
		return nil
	}
	entry := newEventEntry(org, x.condition, e, distinct(x.turns))
	st.events.put(x.condition, entry)
	m.lines = appendLines(m.lines, entry)
	return nil
}

// Snapshot is what the matcher was compiled from; read only.
func (m *Matcher) Snapshot() *Snapshot { return m.snapshot }

// Revision is the snapshot's.
func (m *Matcher) Revision() uint64 { return m.snapshot.Revision }

// Instance is the snapshot's.
func (m *Matcher) Instance() string { return m.snapshot.Instance }

// AsyncTargets lists the async targets that calls can reach, each once, sorted
// by owner and name. The slice is shared and must not be written to.
func (m *Matcher) AsyncTargets() []AsyncTarget { return m.async }

// Lines lists the lines that the event executions need, sorted by scope,
// condition, target and lane. The slice is shared and must not be written to.
func (m *Matcher) Lines() []Line { return m.lines }

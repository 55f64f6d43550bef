package catalog

import (
	"sync"

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
	turns    int // of all executions, before those of events are made distinct

	conditions *conditionLists

	idsOnce sync.Once
	ids     map[string]Place
}

// scopeTable is what one scope runs under each condition.
type scopeTable struct {
	calls  table[*Plan]
	events table[*eventEntry]
}

func (st *scopeTable) remove(c action.Condition) {
	if c.Phase == action.OnEvent {
		st.events.remove(c)
		return
	}
	st.calls.remove(c)
}

func (st *scopeTable) has(c action.Condition) (ok bool) {
	if c.Phase == action.OnEvent {
		_, ok = st.events.get(c)
		return ok
	}
	_, ok = st.calls.get(c)
	return ok
}

// Compile prepares a snapshot for matching. The error lists what Validate
// refuses, as an *action.Error with code bad_catalog. The snapshot must not be
// written to afterwards.
func Compile(s *Snapshot) (*Matcher, error) {
	if err := refuse(Validate(s)); err != nil {
		return nil, err
	}
	m := &Matcher{snapshot: s, scopes: make(map[string]*scopeTable, len(s.Scopes)), conditions: &conditionLists{}}
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
				if !section[i].Fires() {
					continue
				}
				x, err := n.expand(org, phase, &section[i])
				if err != nil {
					return nil, err
				}
				m.enter(st, org, &section[i], x)
			}
		}
	}
	sortLines(m.lines)
	m.async = asyncTargets(m.async)
	return m, nil
}

// enter puts an execution into its table. Only what is kept of it is copied:
// the section that it stands in may be long.
func (m *Matcher) enter(st *scopeTable, org string, e *action.Execution, x expansion) {
	m.turns += len(x.turns)
	if x.condition.Phase != action.OnEvent {
		st.calls.put(x.condition, newPlan(e, x.turns))
		m.async = appendAsync(m.async, x.turns)
		return
	}
	entry := newEventEntry(org, x.condition, clone(*e), x.turns)
	st.events.put(x.condition, entry)
	m.lines = appendLines(m.lines, entry)
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

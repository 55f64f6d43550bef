package catalog

import (
	"github.com/callout-hq/callout/pkg/action"
)

// Match is an event execution that is the best of its scope for an event.
type Match struct {
	Scope     string // organization of the execution; "" is the instance
	Execution *action.Execution
	Condition action.Condition
	Turns     []Turn // each target once; read only
}

// eventEntry is a Match made ahead, with its targets for lookup.
type eventEntry struct {
	match   Match
	targets map[targetRef]int // index in match.Turns
	all     int               // turns before they were made distinct
}

func newEventEntry(org string, c action.Condition, e *action.Execution, all []Turn) *eventEntry {
	turns := distinct(all)
	targets := make(map[targetRef]int, len(turns))
	for i, t := range turns {
		targets[targetRef{t.Owner, t.Target.Name}] = i
	}
	return &eventEntry{match: Match{Scope: org, Execution: e, Condition: c, Turns: turns}, targets: targets, all: len(all)}
}

// bestEvent is the best match of one scope, nil when there is none.
func (m *Matcher) bestEvent(eventType, scope string) *eventEntry {
	st := m.scopes[scope]
	if st == nil {
		return nil
	}
	e, _ := st.events.event(eventType)
	return e
}

// Event gives the best match of each scope for an event, the instance's first.
// The most exact condition wins: the type over the longest group over *. org
// is the event's organization, "" or unknown = the instance only. An execution
// that reaches no target is left out, and still keeps less exact ones from
// matching. One of the instance that gives way is left out where the organization
// has one for the event.
func (m *Matcher) Event(eventType, org string) []Match {
	var matches []Match
	if e := m.bestEvent(eventType, ""); e != nil && len(e.match.Turns) > 0 && !m.isReplaced(e, eventType, org) {
		matches = append(matches, e.match)
	}
	if org == "" {
		return matches
	}
	if e := m.bestEvent(eventType, org); e != nil && len(e.match.Turns) > 0 {
		matches = append(matches, e.match)
	}
	return matches
}

// isReplaced tells whether an execution of the instance gives way to one that an
// organization has for an event, be it one that reaches no target.
func (m *Matcher) isReplaced(e *eventEntry, eventType, org string) bool {
	return e.match.Execution.GivesWay() && org != "" && m.bestEvent(eventType, org) != nil
}

// Subscribed tells whether an event of an organization belongs into the lines
// of a subscription, and gives the target's turn if so, else nil: the execution
// with the given condition must be the best match of its scope for the event and
// hold the target that targetOwner defines. Executions of an organization match
// events of that organization only. The turn is shared and must not be written
// to.
func (m *Matcher) Subscribed(scope string, condition action.Condition, targetOwner, target, eventType, org string) *Turn {
	if scope != "" && scope != org {
		return nil
	}
	e := m.bestEvent(eventType, scope)
	if e == nil || e.match.Condition != condition || scope == "" && m.isReplaced(e, eventType, org) {
		return nil
	}
	i, ok := e.targets[targetRef{targetOwner, target}]
	if !ok {
		return nil
	}
	return &e.match.Turns[i]
}

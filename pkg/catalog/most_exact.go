package catalog

import (
	"maps"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// table holds what a scope has under each condition, one entry per condition.
// The matcher and the filter both look up here, so that they cannot disagree.
// The zero value is empty; a table that is shared is no longer written to.
type table[T any] struct {
	requests  map[string]T // by method, service or *
	responses map[string]T
	functions map[string]T // by name
	events    map[string]T // by type, group (without .*) and a dot, or *
}

// byPhase gives the map of a phase, nil for an unknown phase.
func (t *table[T]) byPhase(phase action.Phase) *map[string]T {
	switch phase {
	case action.Request:
		return &t.requests
	case action.Response:
		return &t.responses
	case action.Function:
		return &t.functions
	case action.OnEvent:
		return &t.events
	}
	return nil
}

// put enters value under a condition.
func (t *table[T]) put(c action.Condition, value T) {
	m := t.byPhase(c.Phase)
	if m == nil {
		return
	}
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[tableKey(c)] = value
}

func tableKey(c action.Condition) string {
	if c.Phase == action.OnEvent && c.Level() == action.LevelGroup {
		return strings.TrimSuffix(c.Match, "*") // "user." never is a type
	}
	return c.Match
}

// call finds the most exact entry for a method `/pkg.Service/Method` or the
// name of a function. It does not allocate. A name of another form matches
// nothing, not even *.
func (t *table[T]) call(phase action.Phase, name string) (value T, ok bool) {
	switch phase {
	case action.Function:
		value, ok = t.functions[name]
		return value, ok
	case action.Request:
		return method(t.requests, name)
	case action.Response:
		return method(t.responses, name)
	}
	return value, false
}

func method[T any](m map[string]T, name string) (value T, ok bool) {
	if len(m) == 0 {
		return value, false
	}
	slash := strings.LastIndexByte(name, '/')
	if slash < 2 || slash == len(name)-1 || name[0] != '/' || strings.IndexByte(name[1:slash], '/') >= 0 {
		return value, false
	}
	if value, ok = m[name]; ok {
		return value, ok
	}
	if value, ok = m[name[1:slash]]; ok {
		return value, ok
	}
	value, ok = m["*"]
	return value, ok
}

// event finds the most exact entry for an event type: the type itself, then
// the longest group, segment by segment, then *. What is no event type matches
// nothing.
func (t *table[T]) event(eventType string) (value T, ok bool) {
	if len(t.events) == 0 || !action.IsEventType(eventType) {
		return value, false
	}
	if value, ok = t.events[eventType]; ok {
		return value, ok
	}
	for rest := eventType; ; {
		dot := strings.LastIndexByte(rest, '.')
		if dot < 0 {
			break
		}
		if value, ok = t.events[rest[:dot+1]]; ok {
			return value, ok
		}
		rest = rest[:dot]
	}
	value, ok = t.events["*"]
	return value, ok
}

// get finds what stands under exactly this condition.
func (t *table[T]) get(c action.Condition) (value T, ok bool) {
	if m := t.byPhase(c.Phase); m != nil {
		value, ok = (*m)[tableKey(c)]
	}
	return value, ok
}

// remove takes a condition out.
func (t *table[T]) remove(c action.Condition) {
	if m := t.byPhase(c.Phase); m != nil {
		delete(*m, tableKey(c))
	}
}

// own gives the table a map of its own for a phase, to write to.
func (t *table[T]) own(phase action.Phase) {
	if m := t.byPhase(phase); m != nil {
		*m = maps.Clone(*m)
	}
}

package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// ChangeAction says what an edit does to an object.
type ChangeAction string

// The three actions.
const (
	Added   ChangeAction = "added"
	Changed ChangeAction = "changed"
	Removed ChangeAction = "removed"
)

// ObjectKind says what an object of a catalog is.
type ObjectKind string

// The kinds of objects.
const (
	KindTarget    ObjectKind = "target"
	KindExecution ObjectKind = "execution"
	KindList      ObjectKind = "list"
)

// Change is one object in which two catalogs differ. Objects are the same when
// scope, phase and name are.
type Change struct {
	Action ChangeAction
	Kind   ObjectKind
	Org    string       // "" is the instance
	Phase  action.Phase // of an execution or list
	Name   string
	Match  string   // of an execution
	Fields []string // of what changed: the settings that differ, by their keys in a file, sorted
}

// String is the change on one line.
func (c Change) String() string {
	sign := map[ChangeAction]string{Added: "+", Changed: "~", Removed: "-"}[c.Action]
	parts := []string{sign, string(c.Kind)}
	if c.Phase != "" {
		parts = append(parts, string(c.Phase))
	}
	parts = append(parts, c.Name)
	if c.Match != "" && c.Match != c.Name {
		parts = append(parts, "("+c.Match+")")
	}
	if c.Org != "" {
		parts = append(parts, "of organization "+c.Org)
	}
	line := strings.Join(parts, " ")
	if len(c.Fields) > 0 {
		line += ": " + strings.Join(c.Fields, ", ")
	}
	return line
}

// Diff lists what an edit from one catalog to another adds, changes and
// removes, by scope, targets first. The order in which executions are written
// down means nothing and is no difference; the order within an execution is.
func Diff(before, after *Snapshot) []Change {
	var changes []Change
	orgs := map[string]bool{}
	for _, s := range []*Snapshot{before, after} {
		for org := range s.Scopes {
			orgs[org] = true
		}
	}
	for _, org := range sortedKeys(orgs) {
		was, now := objects(before.Scopes[org]), objects(after.Scopes[org])
		names := map[objectRef]bool{}
		for ref := range was {
			names[ref] = true
		}
		for ref := range now {
			names[ref] = true
		}
		for _, ref := range slices.SortedFunc(maps.Keys(names), objectRef.compare) {
			if c, differs := compare(ref, was[ref], now[ref]); differs {
				c.Org = org
				changes = append(changes, c)
			}
		}
	}
	return changes
}

// Equal tells whether two catalogs configure the same. Revision, and the order
// in which executions are written down, do not count.
func Equal(a, b *Snapshot) bool {
	return a.Instance == b.Instance && len(Diff(a, b)) == 0
}

// objectRef names an object within its scope; order is the place of its
// section, 0 for targets.
type objectRef struct {
	order int
	phase action.Phase
	name  string
}

func (r objectRef) compare(other objectRef) int {
	if r.order != other.order {
		return r.order - other.order
	}
	return strings.Compare(r.name, other.name)
}

// object is a target or an execution; nil is none.
type object struct {
	kind  ObjectKind
	match string
	value any
}

func objects(sc *Scope) map[objectRef]*object {
	all := map[objectRef]*object{}
	if sc == nil {
		return all
	}
	for name, t := range sc.Targets {
		all[objectRef{name: name}] = &object{kind: KindTarget, value: t}
	}
	for i, phase := range action.Phases {
		for _, e := range sc.Sections[phase] {
			kind := KindExecution
			if e.IsList() {
				kind = KindList
			}
			all[objectRef{i + 1, phase, e.Name}] = &object{kind: kind, match: e.Match, value: e}
		}
	}
	return all
}

func compare(ref objectRef, was, now *object) (Change, bool) {
	c := Change{Action: Changed, Phase: ref.phase, Name: ref.name}
	shown := now
	switch {
	case was == nil:
		c.Action = Added
	case now == nil:
		c.Action, shown = Removed, was
	default:
		c.Fields = fieldsThatDiffer(was.value, now.value)
	}
	c.Kind, c.Match = shown.kind, shown.match
	return c, c.Action != Changed || len(c.Fields) > 0
}

// keysInFile are the members that a file calls otherwise.
var keysInFile = map[string]string{"kind": "type", "match": "condition", "entries": "targets"}

// fieldsThatDiffer compares what is stored: JSON, in which what is empty is
// left out.
func fieldsThatDiffer(was, now any) []string {
	before, after := fieldsOf(was), fieldsOf(now)
	names := map[string]bool{}
	for _, fields := range []map[string]json.RawMessage{before, after} {
		for name := range fields {
			if !bytes.Equal(before[name], after[name]) {
				if key, ok := keysInFile[name]; ok {
					name = key
				}
				names[name] = true
			}
		}
	}
	return sortedKeys(names)
}

func fieldsOf(v any) map[string]json.RawMessage {
	raw, err := json.Marshal(v)
	var fields map[string]json.RawMessage
	if err == nil {
		err = json.Unmarshal(raw, &fields)
	}
	if err != nil {
		panic(fmt.Sprintf("a target or an execution has no JSON: %v", err)) // of texts, numbers and lists only
	}
	return fields
}

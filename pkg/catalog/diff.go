package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
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
	line := map[ChangeAction]string{Added: "+", Changed: "~", Removed: "-"}[c.Action] + " " + c.Object()
	if len(c.Fields) > 0 {
		line += ": " + strings.Join(c.Fields, ", ")
	}
	return line
}

// Object names what is changed.
func (c Change) Object() string {
	parts := []string{string(c.Kind)}
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
	return strings.Join(parts, " ")
}

// Diff lists what an edit from one catalog to another adds, changes and
// removes, by scope, targets first. The order in which executions are written
// down means nothing and is no difference; the order within an execution is.
func Diff(before, after *Snapshot) []Change {
	var changes []Change
	for _, c := range DiffObjects(before, after) {
		changes = append(changes, c.Change)
	}
	return changes
}

// ChangedObject is a change with the object before and after it: two targets or
// two executions, nil where there is none. They must not be written to.
type ChangedObject struct {
	Change
	TargetBefore, TargetAfter       *action.Target
	ExecutionBefore, ExecutionAfter *action.Execution
}

// DiffObjects is Diff with the objects.
func DiffObjects(before, after *Snapshot) []ChangedObject {
	var found []difference
	differences(before, after, func(d difference) { found = append(found, d) })
	slices.SortFunc(found, func(a, b difference) int { return a.place.compare(b.place) })
	var changes []ChangedObject
	for i := range found {
		d := &found[i]
		changes = append(changes, ChangedObject{d.change(), d.wasTarget, d.nowTarget, d.wasEntry, d.nowEntry})
	}
	return changes
}

// Equal tells whether two catalogs configure the same. Revision, and the order
// in which executions are written down, do not count.
func Equal(a, b *Snapshot) bool {
	same := a.Instance == b.Instance
	differences(a, b, func(difference) { same = false })
	return same
}

// compare orders by scope, targets first, then by phase and name.
func (p Place) compare(other Place) int {
	return cmp.Or(strings.Compare(p.Org, other.Org), phaseOrder(p.Phase)-phaseOrder(other.Phase), strings.Compare(p.Name, other.Name))
}

// phaseOrder is the place of a section in a file; targets come first.
func phaseOrder(p action.Phase) int { return slices.Index(action.Phases, p) }

func (d *difference) change() Change {
	c := Change{Action: Changed, Kind: KindTarget, Org: d.place.Org, Phase: d.place.Phase, Name: d.place.Name}
	shown := cmp.Or(d.nowEntry, d.wasEntry)
	if shown != nil {
		c.Kind, c.Match = KindExecution, shown.Match
		if shown.IsList() {
			c.Kind = KindList
		}
	}
	switch {
	case d.wasTarget == nil && d.wasEntry == nil:
		c.Action = Added
	case d.nowTarget == nil && d.nowEntry == nil:
		c.Action = Removed
	case shown != nil:
		c.Fields = fieldsThatDiffer(d.wasEntry, d.nowEntry)
	default:
		c.Fields = fieldsThatDiffer(d.wasTarget, d.nowTarget)
	}
	return c
}

// keysInFile are the members that a file calls otherwise.
var keysInFile = map[string]string{"kind": "type", "match": "condition", "entries": "targets", "no_keep_alive": "keep_alive", "header_sources": "headers"}

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

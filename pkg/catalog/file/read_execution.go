package file

import (
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

var executionKeys = namesOf(ExecutionKeys)

// execution reads an entry of a section. Under requests and responses a key is
// a condition if it is *, begins with / or holds a dot; another key is a name,
// of an execution if a condition: stands with it and of a list otherwise.
// Under events and functions a key is a condition unless condition: or
// list: true stands with it.
func (r *reader) execution(phase action.Phase, f field) action.Execution {
	e := action.Execution{Name: f.key}
	var condition *field
	list, hasTargets := false, false
	for _, x := range r.fields(f.value, f.path, executionKeys) {
		switch x.key {
		case "condition":
			if text, ok := r.text(x); ok && text == "" {
				r.errorf(x.value.at, x.path, catalog.ProblemMissing, "the condition is empty")
			}
			e.Match, condition = x.value.text, &x
		case "list":
			list = r.boolean(x)
		case "targets":
			hasTargets = true
			e.Entries = r.list(x)
		case "on_unavailable":
			text, _ := r.text(x)
			e.OnUnavailable = action.OnUnavailable(text)
		case "on_exhausted":
			text, _ := r.text(x)
			e.OnExhausted = action.OnExhausted(text)
		case "applies":
			text, _ := r.text(x)
			e.Applies = action.Applies(text)
		case "max_stop":
			if e.MaxStop = r.duration(x); e.MaxStop == 0 && !r.isBroken(x.path) {
				r.errorf(x.value.at, x.path, catalog.ProblemOutOfRange, "max_stop %s", catalog.OutOfRange(0, action.MinWait, catalog.MaxKeep))
			}
		}
	}
	if !hasTargets && !r.isBroken(f.path) && !r.isBroken(catalog.JoinPath(f.path, "targets")) {
		r.errorf(f.at, catalog.JoinPath(f.path, "targets"), catalog.ProblemMissing, "%s has no targets: list", catalog.Quote(f.key))
	}
	r.condition(phase, f, condition, list, &e)
	return e
}

// condition decides whether the key of an entry is its condition.
func (r *reader) condition(phase action.Phase, f field, condition *field, list bool, e *action.Execution) {
	isCondition := catalog.KeyIsCondition(phase, f.key)
	switch {
	case condition != nil && list:
		r.errorf(condition.at, condition.path, catalog.ProblemMisplaced, "a list has no condition: leave out condition: or list: true")
	case condition == nil && list && catalog.HasMethods(phase) && isCondition:
		r.errorf(f.at, catalog.JoinPath(f.path, "list"), catalog.ProblemMisplaced,
			"the key %s is a condition here, so it cannot name a list; a list's name has no dot and no / in front", catalog.Quote(f.key))
	case condition == nil && !list && isCondition:
		e.Match = f.key
	}
}

// list reads the targets of an execution. An entry that cannot be read keeps
// its place, so that the others keep their numbers.
func (r *reader) list(f field) []action.Entry {
	if f.value.shape != sequence {
		r.wrongShape(f, "a list with lines such as `- target: NAME`")
		return nil
	}
	entries := make([]action.Entry, len(f.value.items))
	for i, item := range f.value.items {
		path := catalog.IndexPath(f.path, i)
		r.positions[path] = item.at
		entries[i] = r.entry(item, path)
	}
	return entries
}

func (r *reader) entry(item *node, path string) (e action.Entry) {
	if item.shape != mapping {
		what := ""
		if item.shape == scalar {
			what = "; did you mean `target: " + strings.Trim(catalog.Quote(item.text), `"`) + "`?"
		}
		r.errorf(item.at, path, catalog.ProblemWrongType, "an entry is `target: NAME` or `include: NAME`, not %s%s", shapeNames[item.shape], what)
		return e
	}
	fields := r.fields(item, path, keysOf(ExecutionKeys, "targets"))
	for _, f := range fields {
		text, ok := r.text(f)
		if ok && text == "" {
			r.errorf(f.value.at, f.path, catalog.ProblemMissing, "%s has no value", catalog.Quote(f.key))
		}
		if f.key == "target" {
			e.Target = text
		} else {
			e.Include = text
		}
		if r.isBroken(f.path) {
			r.broken[path] = true
		}
	}
	if len(fields) < len(item.pairs) {
		r.broken[path] = true
	}
	return e
}

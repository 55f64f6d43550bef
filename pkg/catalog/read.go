package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// reader turns the nodes of a file into a snapshot. It checks the form only:
// what a value means is Validate's matter, which needs no file.
type reader struct {
	report *report
	places map[string]place // where each path stands
	broken map[string]bool  // paths that were already complained about
	guess  guesser
	wait   time.Duration // timeout of a target that names none
}

// spellings are other names of known keys that are read too.
var spellings = map[string]string{"Interrupt_on_error": "interrupt_on_error", "function": "functions"}

func (r *reader) errorf(at place, path, code, format string, args ...any) {
	r.broken[path] = true
	r.report.add(Problem{Line: at.line, Col: at.col, Path: path, Severity: Error, Code: code,
		Message: fmt.Sprintf(format, args...)})
}

// placed gives a problem of Validate its position: that of its path or of the
// nearest path above. ok is false when the reader has said it already.
func (r *reader) placed(p Problem) (Problem, bool) {
	if r.isBroken(p.Path) {
		return p, false
	}
	at := r.find(p.Path)
	p.Line, p.Col = at.line, at.col
	if p.also != "" {
		p.Message += fmt.Sprintf(", line %d", r.find(p.also).line)
	}
	return p, true
}

func (r *reader) find(path string) place {
	for ok := true; ok; path, ok = parent(path) {
		if at, found := r.places[path]; found {
			return at
		}
	}
	return place{1, 1}
}

func (r *reader) isBroken(path string) bool {
	for ok := true; ok; path, ok = parent(path) {
		if r.broken[path] {
			return true
		}
	}
	return false
}

// field is a key of a mapping with its value and its path.
type field struct {
	key   string
	path  string
	at    place // of the key
	value *node
}

// entries lists the keys of a mapping, each once. An absent or empty value has
// none.
func (r *reader) entries(n *node, path string) []field { return r.keys(n, path, nil) }

func (r *reader) keys(n *node, path string, known []string) []field {
	switch n.shape {
	case null:
		return nil
	case mapping:
	default:
		r.errorf(n.at, path, ProblemWrongType, "a mapping of keys and values belongs here, not %s", shapeNames[n.shape])
		return nil
	}
	fields := make([]field, 0, len(n.pairs))
	first := make(map[string]pair, len(n.pairs))
	for _, p := range n.pairs {
		key := p.key
		if canonical, ok := spellings[key]; ok && slices.Contains(known, canonical) {
			key = canonical
		}
		if before, twice := first[key]; twice {
			r.twice(before, p, join(path, key))
			continue
		}
		first[key] = p
		f := field{key: key, path: join(path, key), at: p.at, value: p.value}
		r.places[f.path] = p.at
		if p.value.shape == scalar {
			r.places[f.path] = p.value.at
		}
		fields = append(fields, f)
	}
	return fields
}

// twice says that a key stands a second time, maybe in its other spelling.
func (r *reader) twice(before, again pair, path string) {
	message := fmt.Sprintf("%s stands here a second time, first on line %d, column %d", quote(again.key), before.at.line, before.at.col)
	if before.key != again.key {
		message = fmt.Sprintf("%s means the same as %s on line %d, column %d: write it once", quote(again.key), quote(before.key),
			before.at.line, before.at.col)
	}
	r.report.add(Problem{Line: again.at.line, Col: again.at.col, Path: path, Severity: Error, Code: ProblemDuplicateKey, Message: message})
}

// fields lists the keys of a mapping that may hold the known ones only.
func (r *reader) fields(n *node, path string, known []string) []field {
	all := r.keys(n, path, known)
	return slices.DeleteFunc(all, func(f field) bool {
		if slices.Contains(known, f.key) {
			return false
		}
		hint := r.guess.hint(f.key, known)
		if hint == "" {
			hint = "; known are " + strings.Join(known, ", ")
		}
		r.errorf(f.at, f.path, ProblemUnknownKey, "unknown key %s%s", quote(f.key), hint)
		return true
	})
}

// text reads a single value as it is written: 5 and true are texts too.
func (r *reader) text(f field) (string, bool) {
	if f.value.shape == scalar {
		return f.value.text, true
	}
	r.wrongShape(f, "a single value")
	return "", false
}

func (r *reader) wrongShape(f field, want string) {
	if f.value.shape == null {
		r.errorf(f.at, f.path, ProblemMissing, "%s has no value", quote(f.key))
		return
	}
	r.errorf(f.value.at, f.path, ProblemWrongType, "%s takes %s, not %s", quote(f.key), want, shapeNames[f.value.shape])
}

func (r *reader) boolean(f field) bool {
	text, ok := r.text(f)
	if ok && text != "true" && text != "false" {
		r.errorf(f.value.at, f.path, ProblemBadValue, "%s is true or false", quote(f.key))
	}
	return text == "true"
}

// integer reads a whole number that stands for something, so that 0 is out of
// range.
func (r *reader) integer(f field) int {
	text, ok := r.text(f)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		r.errorf(f.value.at, f.path, ProblemBadValue, "%s is a whole number", quote(f.key))
	case n < 1:
		r.errorf(f.value.at, f.path, ProblemOutOfRange, "%s is at least 1", quote(f.key))
	}
	return n
}

func (r *reader) duration(f field) time.Duration {
	text, ok := r.text(f)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		r.errorf(f.value.at, f.path, ProblemBadValue, "%s is a duration with its unit, such as 500ms, 10s, 5m or 24h", quote(f.key))
	}
	return d
}

// texts reads a list of single values and marks the place of each.
func (r *reader) texts(f field) []string {
	if f.value.shape != sequence {
		r.wrongShape(f, "a list such as [a, b]")
		return nil
	}
	out := make([]string, 0, len(f.value.items))
	for i, item := range f.value.items {
		path := index(f.path, i)
		r.places[path] = item.at
		if item.shape != scalar {
			r.errorf(item.at, path, ProblemWrongType, "a single value belongs here, not %s", shapeNames[item.shape])
		}
		out = append(out, item.text)
	}
	return out
}

// textMap reads a mapping of single values.
func (r *reader) textMap(f field) map[string]string {
	if f.value.shape != mapping {
		r.wrongShape(f, "a mapping of names and values")
		return nil
	}
	out := make(map[string]string, len(f.value.pairs))
	for _, e := range r.entries(f.value, f.path) {
		if text, ok := r.text(e); ok {
			out[e.key] = text
		}
	}
	return out
}

// quote shows a text of the configuration in a message: on one line, shortened
// when it is long.
func quote(s string) string {
	runes := []rune(s)
	if len(runes) > action.MaxEventType {
		s = string(runes[:action.MaxEventType]) + "…"
	}
	return strconv.Quote(s)
}

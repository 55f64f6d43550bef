package file

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/callout-hq/callout/pkg/catalog"
)

// reader turns the nodes of a file into a snapshot. It checks the form only:
// what a value means is Validate's matter, which needs no file.
type reader struct {
	report    *catalog.Report
	positions map[string]position // where each path stands
	broken    map[string]bool     // paths that were already complained about
	guess     catalog.Guesser
	org       string        // the organization whose file it is
	wait      time.Duration // timeout of a target that names none
}

// spellings are other names of known keys that are read too.
var spellings = func() map[string]string {
	all := map[string]string{}
	for _, k := range slices.Concat(DocumentKeys, TargetKeys, ExecutionKeys) {
		if k.Also != "" {
			all[k.Also] = k.Name
		}
	}
	return all
}()

func (r *reader) errorf(at position, path, code, format string, args ...any) {
	r.broken[path] = true
	r.report.Add(catalog.Problem{Line: at.line, Col: at.col, Path: path, Severity: catalog.Error, Code: code,
		Message: fmt.Sprintf(format, args...)})
}

// placed gives a problem of Validate its position: that of its path or of the
// nearest path above. ok is false when the reader has said it already.
func (r *reader) placed(p catalog.Problem) (catalog.Problem, bool) {
	if r.isBroken(p.Path) {
		return p, false
	}
	at := r.find(p.Path)
	p.Line, p.Col = at.line, at.col
	if p.Also != "" {
		p.Message += fmt.Sprintf(", line %d", r.find(p.Also).line)
	}
	return p, true
}

func (r *reader) find(path string) position {
	for ok := true; ok; path, ok = catalog.ParentPath(path) {
		if at, found := r.positions[path]; found {
			return at
		}
	}
	return position{1, 1}
}

func (r *reader) isBroken(path string) bool {
	for ok := true; ok; path, ok = catalog.ParentPath(path) {
		if r.broken[path] {
			return true
		}
	}
	return false
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
		r.errorf(f.at, f.path, catalog.ProblemMissing, "%s has no value", catalog.Quote(f.key))
		return
	}
	r.errorf(f.value.at, f.path, catalog.ProblemWrongType, "%s takes %s, not %s", catalog.Quote(f.key), want, shapeNames[f.value.shape])
}

func (r *reader) boolean(f field) bool {
	text, ok := r.text(f)
	if ok && text != "true" && text != "false" {
		r.errorf(f.value.at, f.path, catalog.ProblemBadValue, "%s is true or false", catalog.Quote(f.key))
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
		r.errorf(f.value.at, f.path, catalog.ProblemBadValue, "%s is a whole number", catalog.Quote(f.key))
	case n < 1:
		r.errorf(f.value.at, f.path, catalog.ProblemOutOfRange, "%s is at least 1", catalog.Quote(f.key))
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
		r.errorf(f.value.at, f.path, catalog.ProblemBadValue, "%s is a duration with its unit, such as 500ms, 10s, 5m or 24h", catalog.Quote(f.key))
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
		path := catalog.IndexPath(f.path, i)
		r.positions[path] = item.at
		if item.shape != scalar {
			r.errorf(item.at, path, catalog.ProblemWrongType, "a single value belongs here, not %s", shapeNames[item.shape])
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

package file

import (
	"maps"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// headers reads the headers of a target: each is a text, or says where its value
// comes from. What stands there is never repeated in a message: it may be a secret.
func (r *reader) headers(t *action.Target, f field) {
	if f.value.shape != mapping {
		r.wrongShape(f, "a mapping of names and values")
		return
	}
	t.Headers = make(map[string]string, len(f.value.pairs))
	for _, e := range r.entries(f.value, f.path) {
		switch e.value.shape {
		case scalar:
			t.Headers[e.key] = e.value.text
		case mapping:
			if t.HeaderSources == nil {
				t.HeaderSources = map[string]action.SecretSource{}
			}
			t.HeaderSources[e.key] = r.source(e, headerKeys)
		default:
			r.wrongShape(e, "a text, {env: NAME}, {file: PATH} or {secret: NAME}")
		}
	}
}

// source reads where a secret comes from; that it is one place the check tells.
func (r *reader) source(f field, known []Key) (s action.SecretSource) {
	for _, x := range r.fields(f.value, f.path, namesOf(known)) {
		text, ok := r.text(x)
		switch {
		case ok && text == "":
			r.errorf(x.value.at, x.path, catalog.ProblemMissing, "%s has no value", catalog.Quote(x.key))
		case x.key == "env":
			s.Env = text
		case x.key == "file":
			s.File = text
		default:
			s.Secret = text
		}
	}
	return s
}

func (w *exporter) headers(level int, t *action.Target) {
	if len(t.Headers)+len(t.HeaderSources) == 0 {
		return
	}
	w.open(level, "headers")
	for _, name := range slices.Sorted(maps.Keys(t.Headers)) {
		w.line(level+1, scalarText(name), scalarText(t.Headers[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(t.HeaderSources)) {
		w.line(level+1, scalarText(name), sourceText(t.HeaderSources[name]))
	}
}

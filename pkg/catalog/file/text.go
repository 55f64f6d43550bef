package file

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/catalog"
)

// Text is a configuration of one or more files as far as it can be read by
// itself: its form is checked, and nothing that a value says or names.
type Text struct{ whole *whole }

// ReadText reads files for an instance, as ReadFiles does. It is for a request,
// which does not wait long for its turn: the error is an *action.Error, busy,
// when as many configurations are read as may be at once, or that of ctx.
func ReadText(ctx context.Context, instance string, files []File) (*Text, error) {
	if err := takeTurnSoon(ctx); err != nil {
		return nil, err
	}
	defer giveTurn()
	w, err := readAll(ctx, instance, files)
	if err != nil {
		return nil, err
	}
	return &Text{w}, nil
}

// Instance is the one that is configured.
func (t *Text) Instance() string { return t.whole.snapshot.Instance }

// Org is the organization whose own text this is, "" when it is one of the instance:
// every file of it names that organization at its head.
func (t *Text) Org() string {
	org := ""
	for n, p := range t.whole.parts {
		if n > 0 && p.org != org {
			return ""
		}
		org = p.org
	}
	return org
}

// Objects counts the targets, executions and lists that stand in it.
func (t *Text) Objects() int { return t.whole.snapshot.Objects() }

// NoObjects is the problem of a configuration that names nothing, which empties
// what it is applied to.
func NoObjects(name string) catalog.Problem {
	return catalog.Problem{File: name, Line: 1, Col: 1, Severity: catalog.Error, Code: catalog.ProblemNoObjects,
		Message: "no target and no execution stands in it; if that is meant, allow it (--allow-empty, or allow_empty of the API)"}
}

// Alone gives the configuration as it stands by itself, with all problems, as
// ParseFiles does at a moment. It is nil when any of them is an error.
func (t *Text) Alone(now time.Time) (*catalog.Snapshot, []catalog.Problem) {
	w := t.whole.again()
	for _, p := range problemsAt(w.snapshot, now) {
		w.locate(p)
	}
	return w.end()
}

// Over gives the catalog that is in force when the configuration is put over
// the current one: what its executions name may stand in either. The problems
// are those of the text, and errors of what it does not fit, which have no
// position. The catalog is nil when any of them is an error. Certificates of the text are
// looked at as ParseFor does.
func (t *Text) Over(current *catalog.Snapshot, now time.Time) (*catalog.Snapshot, []catalog.Problem) {
	next, w := catalog.MergeInto(current, t.whole.snapshot), t.whole.again()
	var elsewhere []catalog.Problem
	own := t.whole.objects()
	found := catalog.Validate(next)
	if !now.IsZero() {
		found = append(found, catalog.CheckEnds(t.whole.snapshot, now)...)
	}
	for _, p := range found {
		switch {
		case within(own, p.Path):
			w.locate(p)
		case p.Severity == catalog.Error:
			elsewhere = append(elsewhere, p)
		}
	}
	_, found = w.end()
	if found = append(found, elsewhere...); catalog.HasErrors(found) {
		return nil, found
	}
	return next, found
}

// Named gives what stands in the text, problems or not.
func (t *Text) Named() *catalog.Snapshot { return t.whole.snapshot }

// Flawed tells whether the text alone has errors of form.
func (t *Text) Flawed() bool {
	_, found := t.whole.again().end()
	return catalog.HasErrors(found)
}

// again gives a copy whose problems can be added to.
func (w *whole) again() *whole {
	out := &whole{snapshot: w.snapshot}
	for _, p := range w.parts {
		part := *p
		part.problems = append([]catalog.Problem(nil), p.problems...)
		out.parts = append(out.parts, &part)
	}
	return out
}

// objects are the paths of everything that the files hold; those of scopes are
// false, since another may have made what stands in them.
func (w *whole) objects() map[string]bool {
	paths := map[string]bool{"instance": true}
	for org, sc := range w.snapshot.Scopes {
		if org != "" {
			paths[catalog.Place{Org: org}.ScopePath()] = false
		}
		sc.Each(func(ref catalog.Ref) { paths[catalog.Place{Org: org, Ref: ref}.Path()] = true })
	}
	return paths
}

// within tells whether a path is one of some, or below an object.
func within(paths map[string]bool, path string) bool {
	_, is := paths[path]
	for ok := true; ok && !is; path, ok = catalog.ParentPath(path) {
		is = paths[path]
	}
	return is
}

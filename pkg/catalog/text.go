package catalog

// Text is a configuration of one or more files as far as it can be read by
// itself: its form is checked, and nothing that a value says or names.
type Text struct{ whole *whole }

// ReadText reads files for an instance, as ReadFiles does.
func ReadText(instance string, files []File) *Text { return &Text{readAll(instance, files)} }

// Instance is the one that is configured.
func (t *Text) Instance() string { return t.whole.snapshot.Instance }

// Alone gives the configuration as it stands by itself, with all problems, as
// ParseFiles does. It is nil when any of them is an error.
func (t *Text) Alone() (*Snapshot, []Problem) {
	w := t.whole.again()
	for _, p := range Validate(w.snapshot) {
		w.place(p)
	}
	return w.end()
}

// Over gives the catalog that is in force when the configuration is put over
// the current one: what its executions name may stand in either. The problems
// are those of the text, and errors of what it does not fit, which have no
// position. The catalog is nil when any of them is an error.
func (t *Text) Over(current *Snapshot) (*Snapshot, []Problem) {
	next, w := MergeInto(current, t.whole.snapshot), t.whole.again()
	var elsewhere []Problem
	own := t.whole.objects()
	for _, p := range Validate(next) {
		switch {
		case within(own, p.Path):
			w.place(p)
		case p.Severity == Error:
			elsewhere = append(elsewhere, p)
		}
	}
	_, found := w.end()
	if found = append(found, elsewhere...); HasErrors(found) {
		return nil, found
	}
	return next, found
}

// Flawed tells whether the text alone has errors of form.
func (t *Text) Flawed() bool {
	_, found := t.whole.again().end()
	return HasErrors(found)
}

// again gives a copy whose problems can be added to.
func (w *whole) again() *whole {
	out := &whole{snapshot: w.snapshot}
	for _, p := range w.parts {
		part := *p
		part.problems = append([]Problem(nil), p.problems...)
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
			paths[scopePath(org)] = false
		}
		sc.each(func(ref Ref) { paths[Place{org, ref}.Path()] = true })
	}
	return paths
}

// within tells whether a path is one of some, or below an object.
func within(paths map[string]bool, path string) bool {
	_, is := paths[path]
	for ok := true; ok && !is; path, ok = parent(path) {
		is = paths[path]
	}
	return is
}

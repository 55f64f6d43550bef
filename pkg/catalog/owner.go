package catalog

import (
	"maps"

	"github.com/callout-hq/callout/pkg/action"
)

// Reload gives the catalog that is in force when a followed file has changed:
// what the file names takes the place of everything that a file owned before,
// and what was made otherwise stays beside it, as with MergeInto. The result is
// not checked; neither argument is written to, and the result shares their
// values. A file without any object takes nothing's place, see Emptied.
func Reload(current, file *Snapshot) *Snapshot {
	if Emptied(current, file) > 0 {
		return current
	}
	kept := &Snapshot{Instance: current.Instance, Scopes: make(map[string]*Scope, len(current.Scopes))}
	for org, sc := range current.Scopes {
		rest := sc.withoutOwned()
		if org == "" || rest == sc || rest.objects() > 0 {
			kept.Scopes[org] = rest
		}
	}
	return MergeInto(kept, file)
}

// Emptied counts the objects that files own when a file is to take their place
// in which there is none; 0 when all is well. A file is emptied by accident, by
// an editor that truncates it first or a template without values, more often
// than on purpose, and then nothing would be called any more.
func Emptied(current, file *Snapshot) int {
	owned := 0
	for _, sc := range file.Scopes {
		if sc.objects() > 0 {
			return 0
		}
	}
	for _, sc := range current.Scopes {
		for ref, meta := range sc.Meta {
			if meta.Owner != "" && sc.has(ref) {
				owned++
			}
		}
	}
	return owned
}

// withoutOwned is a scope without what a file owns; itself when that is
// nothing.
func (sc *Scope) withoutOwned() *Scope {
	if sc == nil || !sc.hasOwner() {
		return sc
	}
	out := &Scope{Targets: map[string]action.Target{}, Sections: map[action.Phase][]action.Execution{}, Meta: maps.Clone(sc.Meta)}
	for name, t := range sc.Targets {
		if sc.Meta[Ref{Name: name}].Owner == "" {
			out.Targets[name] = t
		}
	}
	for phase, section := range sc.Sections {
		for _, e := range section {
			if sc.Meta[Ref{phase, e.Name}].Owner == "" {
				out.Sections[phase] = append(out.Sections[phase], e)
			}
		}
	}
	return out
}

func (sc *Scope) hasOwner() bool {
	for _, meta := range sc.Meta {
		if meta.Owner != "" {
			return true
		}
	}
	return false
}

// FirstOwned gives the first of the changes that takes something from a file,
// and the file's name; ok is false when none does.
func FirstOwned(current *Snapshot, changes []Change) (c Change, file string, ok bool) {
	for _, c := range changes {
		if c.Action == Added {
			continue
		}
		if meta, _ := current.MetaOf(c.Org, Ref{c.Phase, c.Name}); meta.Owner != "" {
			return c, meta.Owner, true
		}
	}
	return Change{}, "", false
}

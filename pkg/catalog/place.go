package catalog

import "github.com/callout-hq/callout/pkg/action"

// Ref names an object within its scope: a target when Phase is empty, else an
// execution or a list.
type Ref struct {
	Phase action.Phase
	Name  string
}

// Place names an object within an instance.
type Place struct {
	Org string // "" is the instance
	Ref
}

// Path is where an object stands in a file.
func (p Place) Path() string {
	if p.Phase == "" {
		return JoinPath(JoinPath(scopePath(p.Org), "targets"), p.Name)
	}
	return entryPath(p.Org, p.Phase, p.Name)
}

// ScopePath is where the scope of an object stands in a file; empty for the
// instance's.
func (p Place) ScopePath() string { return scopePath(p.Org) }

// String is the place as a person reads it, such as requests.add_user or
// orgs.acme.events.user.added.
func (p Place) String() string {
	text := "targets." + p.Name
	if p.Phase != "" {
		text = SectionKey(p.Phase) + "." + p.Name
	}
	if p.Org != "" {
		text = "orgs." + p.Org + "." + text
	}
	return text
}

package catalog

import (
	"github.com/callout-hq/callout/pkg/action"
)

// Settings are the settings of one object by their keys in a file. A value is a
// text, a []any of values, or Settings.
type Settings map[string]any

// Reading is what was found while one object was read from its settings.
type Reading struct{ reader *reader }

// ReadTarget reads a target as a file would have it under its name, with the
// rules and the words of a file; what is left out gets its default. Only the
// form is checked, see Reading.Problems. Texts of a shape that a setting does
// not have are left out of the target.
func ReadTarget(org, name string, settings Settings) (action.Target, *Reading) {
	r, f := settingsReader(Place{Org: org, Ref: Ref{Name: name}}, settings)
	return r.target(f), &Reading{r}
}

// ReadExecution reads an execution or a list as a file would have it under its
// name in the section of a phase, as ReadTarget does.
func ReadExecution(org string, phase action.Phase, name string, settings Settings) (action.Execution, *Reading) {
	r, f := settingsReader(Place{Org: org, Ref: Ref{Phase: phase, Name: name}}, settings)
	return r.execution(phase, f), &Reading{r}
}

func settingsReader(p Place, settings Settings) (*reader, field) {
	r := &reader{report: &report{}, places: map[string]place{}, broken: map[string]bool{}, wait: action.DefaultTimeout}
	return r, field{key: p.Name, path: p.Path(), value: nodeOf(settings)}
}

func nodeOf(value any) *node {
	n := &node{size: 1}
	switch v := value.(type) {
	case string:
		n.shape, n.text = scalar, v
	case []any:
		n.shape = sequence
		for _, item := range v {
			n.items = append(n.items, nodeOf(item))
		}
	case Settings:
		n.shape = mapping
		for _, key := range sortedKeys(v) {
			n.pairs = append(n.pairs, pair{key: key, value: nodeOf(v[key])})
		}
	}
	return n
}

// Problems are all that is wrong with the object: what its reading found, and
// what a run of Validate did, but for what the reading has said already. They
// have the paths that the object has in a file, and no positions.
func (r *Reading) Problems(found []Problem) []Problem {
	all := append([]Problem{}, r.reader.report.problems...)
	for _, p := range found {
		if !r.reader.isBroken(p.Path) {
			all = append(all, p)
		}
	}
	for i := range all {
		all[i].Line, all[i].Col = 0, 0
	}
	sortProblems(all)
	return all
}

// Path is where an object stands in a file.
func (p Place) Path() string {
	if p.Phase == "" {
		return join(join(scopePath(p.Org), "targets"), p.Name)
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
		text = sectionKeys[p.Phase] + "." + p.Name
	}
	if p.Org != "" {
		text = "orgs." + p.Org + "." + text
	}
	return text
}

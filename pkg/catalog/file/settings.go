package file

import (
	"maps"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
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
	r, f := settingsReader(catalog.Place{Org: org, Ref: catalog.Ref{Name: name}}, settings)
	return r.target(org, f), &Reading{r}
}

// ReadExecution reads an execution or a list as a file would have it under its
// name in the section of a phase, as ReadTarget does.
func ReadExecution(org string, phase action.Phase, name string, settings Settings) (action.Execution, *Reading) {
	r, f := settingsReader(catalog.Place{Org: org, Ref: catalog.Ref{Phase: phase, Name: name}}, settings)
	return r.execution(phase, f), &Reading{r}
}

func settingsReader(p catalog.Place, settings Settings) (*reader, field) {
	r := &reader{report: &catalog.Report{}, positions: map[string]position{}, broken: map[string]bool{}, wait: action.DefaultTimeout}
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
		for _, key := range slices.Sorted(maps.Keys(v)) {
			n.pairs = append(n.pairs, pair{key: key, value: nodeOf(v[key])})
		}
	}
	return n
}

// Problems are all that is wrong with the object: what its reading found, and
// what a run of Validate did, but for what the reading has said already. They
// have the paths that the object has in a file, and no positions.
func (r *Reading) Problems(found []catalog.Problem) []catalog.Problem {
	all := append([]catalog.Problem{}, r.reader.report.Problems()...)
	for _, p := range found {
		if !r.reader.isBroken(p.Path) {
			all = append(all, p)
		}
	}
	for i := range all {
		all[i].Line, all[i].Col = 0, 0
	}
	catalog.SortProblems(all)
	return all
}

package file

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/catalog"
)

// field is a key of a mapping with its value and its path.
type field struct {
	key   string
	path  string
	at    position // of the key
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
		r.errorf(n.at, path, catalog.ProblemWrongType, "a mapping of keys and values belongs here, not %s", shapeNames[n.shape])
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
			r.twice(before, p, catalog.JoinPath(path, key))
			continue
		}
		first[key] = p
		f := field{key: key, path: catalog.JoinPath(path, key), at: p.at, value: p.value}
		r.positions[f.path] = p.at
		if p.value.shape == scalar {
			r.positions[f.path] = p.value.at
		}
		fields = append(fields, f)
	}
	return fields
}

// twice says that a key stands a second time, maybe in its other spelling.
func (r *reader) twice(before, again pair, path string) {
	message := fmt.Sprintf("%s stands here a second time, first on line %d, column %d", catalog.Quote(again.key), before.at.line, before.at.col)
	if before.key != again.key {
		message = fmt.Sprintf("%s means the same as %s on line %d, column %d: write it once", catalog.Quote(again.key), catalog.Quote(before.key),
			before.at.line, before.at.col)
	}
	r.report.Add(catalog.Problem{Line: again.at.line, Col: again.at.col, Path: path, Severity: catalog.Error, Code: catalog.ProblemDuplicateKey, Message: message})
}

// fields lists the keys of a mapping that may hold the known ones only.
func (r *reader) fields(n *node, path string, known []string) []field {
	all := r.keys(n, path, known)
	return slices.DeleteFunc(all, func(f field) bool {
		if slices.Contains(known, f.key) {
			return false
		}
		hint := r.guess.Hint(f.key, known)
		if hint == "" {
			hint = "; known are " + strings.Join(known, ", ")
		}
		r.errorf(f.at, f.path, catalog.ProblemUnknownKey, "unknown key %s%s", catalog.Quote(f.key), hint)
		return true
	})
}

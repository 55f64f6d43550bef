package file

import (
	"bytes"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// ExportWithUnset is Export of a catalog that holds one target alone, with all keys
// that it does not set, as comments with their defaults, so that who edits it sees
// what there is.
func ExportWithUnset(s *catalog.Snapshot) []byte { return withUnset(Export(s), "type", TargetKeys, "") }

// ExportExecutionWithUnset is the same for one execution or list of a phase.
func ExportExecutionWithUnset(s *catalog.Snapshot, phase action.Phase) []byte {
	return withUnset(Export(s), "targets", ExecutionKeys, phase)
}

// otherwise are keys that say what the object is, or say it the old way: none of
// them is added to what there is.
var otherwise = []string{"async", "condition", "list"}

// withUnset appends to a text that ends in one object, which has a key that it
// cannot do without.
func withUnset(text []byte, needed string, keys []Key, phase action.Phase) []byte {
	indent, set := "", map[string]bool{}
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte(needed+":")) {
			indent = string(line[:len(line)-len(bytes.TrimLeft(line, " "))])
		}
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, indent); found {
			key, _, _ := strings.Cut(rest, ":")
			set[key] = true
		}
	}
	var b strings.Builder
	b.Write(text)
	for _, k := range keys {
		if set[k.Name] || k.Nothing || slices.Contains(otherwise, k.Name) || phase != "" && k.Phases != nil && !slices.Contains(k.Phases, phase) {
			continue
		}
		b.WriteString(indent + "# " + k.unset() + "\n")
		if k.Form == FormTextMap {
			continue // what lies below is of each value
		}
		for _, sub := range k.Keys {
			b.WriteString(indent + "#   " + sub.unset() + "\n")
		}
	}
	return []byte(b.String())
}

// unset is a key as it could stand, with its default or what it means without.
func (k Key) unset() string {
	switch {
	case k.Default != "":
		return k.Name + ": " + k.Default
	case k.Unset != "":
		return k.Name + ":  # " + k.Unset
	}
	return k.Name + ":"
}

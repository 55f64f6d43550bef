package catalog

import "fmt"

// ProblemOtherInstance is the code of a file that names another instance than
// the one it is for.
const ProblemOtherInstance = "other_instance"

// ParseFor is Parse for a given instance: a file that names none configures
// that one, and one that names another is refused. An empty instance takes
// what the file says, as Parse does.
func ParseFor(instance, file string, src []byte) (*Snapshot, []Problem) {
	s, problems := Parse(file, src)
	if s == nil || instance == "" || s.Instance == instance {
		return s, problems
	}
	root, _ := readTree(src, &report{}) // Parse has read it already
	for _, p := range root.pairs {
		if p.key == "instance" {
			return nil, append([]Problem{{
				File: file, Line: p.value.at.line, Col: p.value.at.col, Path: "instance", Severity: Error, Code: ProblemOtherInstance,
				Message: fmt.Sprintf("the file names the instance %s, and it is for %s", quote(s.Instance), quote(instance)),
			}}, problems...)
		}
	}
	s.Instance = instance
	return s, problems
}

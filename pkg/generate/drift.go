// Package generate writes the references that are made from something else: of
// the management service as a document and as OpenAPI, of error codes, and of
// the command line. Each is a function of values; tests hold the files in the
// repository against them, and write them with -update, as `task generate` does.
package generate

import (
	"fmt"
	"strings"
)

// Drift tells in which line a generated file is not what it is to be; nil when
// it is.
func Drift(have, want string) error {
	lines := strings.Split(have, "\n")
	for i, line := range strings.Split(want, "\n") { // the whole is too long to show
		if i >= len(lines) || lines[i] != line {
			return fmt.Errorf("line %d is to be %q; run: task generate", i+1, line)
		}
	}
	if len(have) != len(want) {
		return fmt.Errorf("there is more behind what is to be its end, line %d; run: task generate", strings.Count(want, "\n")+1)
	}
	return nil
}

package file

import (
	"bytes"
	"fmt"

	"github.com/callout-hq/callout/pkg/catalog"
)

// maxSigns is how many signs of YAML the files of a configuration hold
// together. A catalog of 20,000 targets and as many executions has about as
// many; what the library makes of them stays below half a gigabyte.
const maxSigns = 500000

// isSign are the bytes that may begin or end a word of YAML. Without one of them
// a text is a single word, so that a text has at most two words for each, and
// two more, whatever they mean where they stand.
var isSign = func() (is [256]bool) {
	for _, c := range []byte("\n\r[]{},:-#&*!|>?%\"'@`") {
		is[c] = true
	}
	return is
}()

// bound looks at the size of files and at their signs, before anything of them
// is read that costs more than their bytes. It tells which file is too much, and
// where.
func bound(files []File) (in string, found catalog.Problem, past bool) {
	size, signs := 0, 0
	for _, f := range files {
		if size += len(f.Text); size > MaxFile {
			message := fmt.Sprintf("a configuration has at most %d bytes, this one has %d", MaxFile, size)
			if len(files) > 1 {
				message = fmt.Sprintf("the files of a configuration have at most %d bytes together", MaxFile)
			}
			return f.Name, catalog.Problem{Severity: catalog.Error, Code: catalog.ProblemTooLarge, Message: message}, true
		}
	}
	for _, f := range files {
		for i, c := range f.Text {
			if !isSign[c] {
				continue
			}
			if signs++; signs > maxSigns {
				before := f.Text[:i]
				return f.Name, catalog.Problem{Line: bytes.Count(before, []byte("\n")) + 1, Col: i - bytes.LastIndexByte(before, '\n'),
					Severity: catalog.Error, Code: catalog.ProblemTooMany,
					Message: fmt.Sprintf("a configuration has at most %d signs of YAML, such as : , - and line breaks", maxSigns)}, true
			}
		}
	}
	return "", catalog.Problem{}, false
}

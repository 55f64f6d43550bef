package generate

import (
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// What a line of a .proto file declares. `buf format` gives every declaration a
// line of its own.
var (
	protoPackage = regexp.MustCompile(`^package ([\w.]+);`)
	protoBlock   = regexp.MustCompile(`^(message|enum|service|oneof) (\w+) \{(\})?`)
	protoCall    = regexp.MustCompile(`^rpc (\w+)\(`)
	protoField   = regexp.MustCompile(`^(?:[\w.<>, ]+ )?(\w+) = \d+;`)
)

// Comments are what the .proto files say above each declaration, by its full
// name.
type Comments map[protoreflect.FullName]string

// ReadComments reads the texts of .proto files, as `buf format` writes them. A
// comment that stands above nothing that is declared is an error: nobody would
// read it.
func ReadComments(texts ...string) (Comments, error) {
	all, blocks := Comments{}, 0
	for _, text := range texts {
		blocks += all.read(text)
	}
	if lost := blocks - len(all); lost != 0 {
		return nil, fmt.Errorf("above nothing that is declared stand comments: %d", lost)
	}
	return all, nil
}

// read adds the comments of a file. blocks is how many the file holds, also
// those that are above nothing.
func (c Comments) read(text string) (blocks int) {
	var scope []string // the names of the blocks around; a oneof has none of its own
	var above []string
	attach := func(name string) {
		if full := strings.Join(append(without(scope, ""), name), "."); len(above) > 0 {
			c[protoreflect.FullName(full)] = strings.Join(above, "\n")
		}
		above = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if said, found := strings.CutPrefix(line, "//"); found {
			if above == nil {
				blocks++
			}
			above = append(above, strings.TrimPrefix(said, " "))
			continue
		}
		if m := protoPackage.FindStringSubmatch(line); m != nil {
			scope = []string{m[1]}
		} else if m := protoBlock.FindStringSubmatch(line); m != nil {
			attach(m[2])
			switch {
			case m[3] != "": // it is empty
			case m[1] == "oneof":
				scope = append(scope, "")
			default:
				scope = append(scope, m[2])
			}
		} else if m := protoCall.FindStringSubmatch(line); m != nil {
			attach(m[1])
		} else if m := protoField.FindStringSubmatch(line); m != nil {
			attach(m[1])
		} else if line == "}" {
			scope = scope[:len(scope)-1]
		}
		above = nil
	}
	return blocks
}

func without(names []string, name string) []string {
	var out []string
	for _, n := range names {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}

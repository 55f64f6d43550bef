package house

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const protoFiles = "schemas/callout/v1/*.proto"

// What a line of a .proto file declares. `buf format` gives every declaration a
// line of its own.
var (
	protoPackage = regexp.MustCompile(`^package ([\w.]+);`)
	protoBlock   = regexp.MustCompile(`^(message|enum|service|oneof) (\w+) \{(\})?`)
	protoCall    = regexp.MustCompile(`^rpc (\w+)\(`)
	protoField   = regexp.MustCompile(`^(?:[\w.<>, ]+ )?(\w+) = \d+;`)
)

// comments are what the .proto files say above each declaration, by its full
// name.
type comments map[protoreflect.FullName]string

// read adds the comments of a file. blocks is how many the file holds, also
// those that are above nothing.
func (c comments) read(text string) (blocks int) {
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

// apiComments reads all of them; none is above nothing.
func apiComments(t *testing.T) comments {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, protoFiles))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all, blocks := comments{}, 0
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		require.NoError(t, err)
		blocks += all.read(readFile(t, filepath.ToSlash(name)))
	}
	require.Len(t, all, blocks, "a comment of %s stands above nothing that is declared", protoFiles)
	return all
}

func TestComments(t *testing.T) {
	c := comments{}
	require.Equal(t, 6, c.read(`syntax = "proto3";

package a.v1;

// S answers.
//
// At once.
service S {
  // Do does.
  rpc Do(DoRequest) returns (stream DoResponse);
}

message DoRequest {}

// M holds
// things.
message M {
  // The key.
  map<string, string> key = 1;
  string plain = 2;
  oneof way {
    // One way.
    repeated uint64 one = 3;
  }
  enum E {
    // None.
    E_UNSPECIFIED = 0;
  }
}
`))
	require.Equal(t, comments{
		"a.v1.S": "S answers.\n\nAt once.", "a.v1.S.Do": "Do does.", "a.v1.M": "M holds\nthings.", "a.v1.M.key": "The key.",
		"a.v1.M.one": "One way.", "a.v1.M.E.E_UNSPECIFIED": "None.",
	}, c)
}

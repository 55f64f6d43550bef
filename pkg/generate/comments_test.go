package generate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestComments(t *testing.T) {
	c := Comments{}
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
	require.Equal(t, Comments{
		"a.v1.S": "S answers.\n\nAt once.", "a.v1.S.Do": "Do does.", "a.v1.M": "M holds\nthings.", "a.v1.M.key": "The key.",
		"a.v1.M.one": "One way.", "a.v1.M.E.E_UNSPECIFIED": "None.",
	}, c)
}

// TestReadComments: what nobody would read is not lost in silence.
func TestReadComments(t *testing.T) {
	says, err := ReadComments("package a.v1;\n\n// M holds.\nmessage M {}\n", "package a.v1;\n\n// N holds.\nenum N {\n  // None.\n  N_UNSPECIFIED = 0;\n}\n")
	require.NoError(t, err)
	require.Equal(t, Comments{"a.v1.M": "M holds.", "a.v1.N": "N holds.", "a.v1.N.N_UNSPECIFIED": "None."}, says)
	_, err = ReadComments("package a.v1;\n\n// Above nothing.\n\n// M holds.\nmessage M {}\n")
	require.EqualError(t, err, "above nothing that is declared stand comments: 1")
}

package generate

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the files anew that are made from others")

// root is the repository's, seen from this folder: tests run in their own.
const root = "../.."

// What is generated, and from what.
const (
	apiFile     = "docs/api.md"
	openAPIFile = "schemas/openapi.yaml"
	errorsFile  = "docs/errors.md"
	rightsFile  = "docs/rights.md"

	configurationFile = "docs/configuration.md"
	schemaFile        = "schemas/callout.schema.json"

	targetsFile  = "schemas/targets.openapi.yaml"
	asyncAPIFile = "schemas/asyncapi.yaml"

	protoFiles = "schemas/callout/v1/*.proto"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(text)
}

// written holds a generated file against what it is to be.
func written(t *testing.T, name, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(want), 0o644))
	}
	require.NoError(t, Drift(readFile(t, name), want), name)
}

// apiComments are those of all protobuf files.
func apiComments(t *testing.T) Comments {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, protoFiles))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var texts []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	says, err := ReadComments(texts...)
	require.NoError(t, err, protoFiles)
	return says
}

func TestDrift(t *testing.T) {
	for _, c := range []struct{ have, want, says string }{
		{"a\nb\n", "a\nb\n", ""},
		{"", "", ""},
		{"a\nb\n", "a\nc\n", `line 2 is to be "c"`},
		{"a\n", "a\nb\n", `line 2 is to be "b"`},
		{"a", "a\n", `line 2 is to be ""`},
		{"a\nb\nc", "a\nb", "behind what is to be its end, line 2"},
		{"a\n\n", "a\n", "behind what is to be its end, line 2"},
	} {
		if err := Drift(c.have, c.want); c.says == "" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "run: task generate")
		}
	}
}

package generate

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

func TestOpenAPI(t *testing.T) {
	text, err := OpenAPI(apiComments(t))
	require.NoError(t, err)
	written(t, openAPIFile, text)
}

// TestOpenAPIReferences: what the document names is in it, and nothing else is.
func TestOpenAPIReferences(t *testing.T) {
	var document struct {
		Paths      map[string]any                   `yaml:"paths"`
		Components struct{ Schemas map[string]any } `yaml:"components"`
	}
	text, err := OpenAPI(apiComments(t))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal([]byte(text), &document))
	require.Len(t, document.Paths, service().Methods().Len()+len(coreRoutes))
	named := map[string]bool{}
	for part := range strings.SplitSeq(text, "#/components/schemas/") {
		name, _, _ := strings.Cut(part, "\n")
		named[strings.Trim(name, `"`)] = true
	}
	for name := range document.Components.Schemas {
		require.True(t, named[name], "nothing names the schema %s", name)
		delete(named, name)
	}
	require.Len(t, named, 1, "schemas that are named and not there: %v", named) // the text before the first
}

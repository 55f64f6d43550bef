package generate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPIDocument(t *testing.T) { written(t, apiFile, API(apiComments(t))) }

// TestAPILinks: what a table links to is a heading of the document.
func TestAPILinks(t *testing.T) {
	text := API(apiComments(t))
	headings := map[string]bool{}
	for line := range strings.Lines(text) {
		if title, found := strings.CutPrefix(line, "### "); found {
			headings[strings.ToLower(strings.ReplaceAll(strings.TrimSpace(title), ".", ""))] = true
		}
	}
	require.NotEmpty(t, headings)
	links := 0
	for _, rest := range strings.Split(text, "](#")[1:] {
		anchor, _, _ := strings.Cut(rest, ")")
		require.True(t, headings[anchor], "nothing has the heading %s", anchor)
		links++
	}
	require.Greater(t, links, service().Methods().Len())
}

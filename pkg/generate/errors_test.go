package generate

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func TestErrorsDocument(t *testing.T) {
	text, err := Errors(readFile(t, codesFile))
	require.NoError(t, err)
	written(t, errorsFile, text)
	_, err = Errors("no Go")
	require.Error(t, err)
}

// TestEveryCodeIsDocumented holds the document against what programs see, and
// each code against what it needs.
func TestEveryCodeIsDocumented(t *testing.T) {
	groups, err := groupsOf(readFile(t, codesFile))
	require.NoError(t, err)
	var written []action.Code
	for _, g := range groups {
		require.NotEmpty(t, g.title)
		for _, c := range g.codes {
			written = append(written, c.name)
			require.NotEmpty(t, c.when, "%s needs a comment that says when it arises", c.name)
			require.NotEmpty(t, c.name.Message(), "%s needs a message", c.name)
			require.True(t, c.name.Status() >= 400 && c.name.Status() < 600, "the status of %s is an error's", c.name)
		}
	}
	require.ElementsMatch(t, action.Codes(), written)
}

func TestGroupsOf(t *testing.T) {
	groups, err := groupsOf(`package action

// All of them.
const (
	// What went in.
	CodeB Code = "b" // two
	CodeA Code = "a" // one

	// What went out.
	CodeC Code = "c" // three
)
`)
	require.NoError(t, err)
	require.Equal(t, []group{
		{"What went in", []code{{"a", "one"}, {"b", "two"}}},
		{"What went out", []code{{"c", "three"}}},
	}, groups)
}

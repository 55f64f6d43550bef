package action_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// declared reads the codes that codes.go declares: one without a meaning is
// not among Codes, so that list cannot tell.
func declared(t *testing.T) (codes []action.Code) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "Code" {
			for _, v := range spec.Values {
				text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				require.NoError(t, err)
				codes = append(codes, action.Code(text))
			}
		}
		return true
	})
	require.NotEmpty(t, codes)
	return codes
}

func TestEveryCodeHasAMeaning(t *testing.T) {
	codes := declared(t)
	require.ElementsMatch(t, codes, action.Codes())
	messages := map[string]action.Code{}
	for _, c := range codes {
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, string(c))
		require.True(t, c.Status() >= 400 && c.Status() <= 599, "%s has status %d", c, c.Status())
		require.Regexp(t, regexp.MustCompile(`^[a-z].*[^.!]$`), c.Message(), "%s: a message stands within a sentence", c)
		require.Empty(t, messages[c.Message()], "%s says what another code says", c)
		messages[c.Message()] = c
	}
	require.Zero(t, action.Code("made_up").Status())
	require.Empty(t, action.Code("made_up").Message())
}

// TestStatuses: the ones that are named in the interface.
func TestStatuses(t *testing.T) {
	for code, want := range map[action.Code]int{
		action.CodeMalformed: 400, action.CodeTooLarge: 413, action.CodeMismatch: 400, action.CodeUnknownInstance: 404,
		action.CodeStreamFull: 503, action.CodeNotStored: 503, action.CodeUnavailable: 503, action.CodeRejected: 400,
		action.CodeDeadline: 504, action.CodeBadSignature: 401, action.CodeNotYet: 501,
	} {
		require.Equal(t, want, code.Status(), code)
	}
}

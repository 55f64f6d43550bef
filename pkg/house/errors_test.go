package house

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

var update = flag.Bool("update", false, "write the files anew that are made from others")

const (
	codesFile  = "pkg/action/codes.go"
	errorsFile = "docs/errors.md"
)

// A group of codes, as the constants of pkg/action/codes.go are grouped by the
// comments above them.
type group struct {
	title string
	codes []code
}

type code struct {
	name action.Code
	when string // the comment behind it
}

// groupsOf reads the groups from the source, codes sorted within each.
func groupsOf(source string) ([]group, error) {
	file, err := parser.ParseFile(token.NewFileSet(), codesFile, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var groups []group
	for _, decl := range file.Decls {
		consts, ok := decl.(*ast.GenDecl)
		if !ok || consts.Tok != token.CONST {
			continue
		}
		for _, s := range consts.Specs {
			spec, ok := s.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				continue
			}
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				continue
			}
			name, err := strconv.Unquote(literal.Value)
			if err != nil {
				return nil, fmt.Errorf("%s is no text", literal.Value)
			}
			if title := strings.TrimSpace(spec.Doc.Text()); title != "" || len(groups) == 0 {
				groups = append(groups, group{title: strings.TrimSuffix(title, ".")})
			}
			last := &groups[len(groups)-1]
			last.codes = append(last.codes, code{action.Code(name), strings.TrimSpace(spec.Comment.Text())})
		}
	}
	for _, g := range groups {
		slices.SortFunc(g.codes, func(a, b code) int { return strings.Compare(string(a.name), string(b.name)) })
	}
	return groups, nil
}

// errorsDocument is docs/errors.md.
func errorsDocument(groups []group) string {
	var b strings.Builder
	b.WriteString("# Errors\n\n" +
		"Every error carries a *code* for programs. Codes are stable: one changes only with a line in\n" +
		"[CHANGELOG.md](../CHANGELOG.md). The *message* is the standard one; a more precise one may stand in its\n" +
		"place, and no message holds a target's address or a secret. The *status* is the HTTP status under which\n" +
		"the code is shown; a code with which a call ends comes inside an answer of status 200.\n\n" +
		"This file is written from `" + codesFile + "` by `task generate`; a test holds it there.\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| code | status | message | when |\n|---|---|---|---|\n", g.title)
		for _, c := range g.codes {
			fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", c.name, c.name.Status(), c.name.Message(), c.when)
		}
	}
	return b.String()
}

func TestErrorsDocument(t *testing.T) {
	groups, err := groupsOf(readFile(t, codesFile))
	require.NoError(t, err)
	want := errorsDocument(groups)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, errorsFile)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, errorsFile), []byte(want), 0o644))
	}
	require.Equal(t, want, readFile(t, errorsFile), "run: task generate")
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

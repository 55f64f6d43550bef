package generate

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

const codesFile = "pkg/action/codes.go"

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

// Errors writes docs/errors.md, the reference of error codes, from the source of
// pkg/action/codes.go.
func Errors(source string) (string, error) {
	groups, err := groupsOf(source)
	if err != nil {
		return "", err
	}
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
	return b.String(), nil
}

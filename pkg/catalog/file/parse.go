// Package file is a catalog as it stands in a configuration file: it is read
// from YAML, each problem with its position, and written as YAML. Several files
// may be one configuration. Everything here is a pure function of its
// arguments, but that it waits for its turn; what the settings mean is package
// catalog's matter.
package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/callout-hq/callout/pkg/catalog"
)

// Parse reads a configuration file (YAML, at most MaxFile bytes) and checks
// it. All problems are reported at once, in the order of their positions; file
// is only the name they carry. The snapshot is nil if, and only if, at least
// one problem is an error; its revision is 0. An empty file is an empty
// catalog of DefaultInstance. It waits for its turn: a process reads two
// configurations at once.
//
// Both spellings are read, ours and the one of the first examples
// (`type: REST webhook`, `Interrupt_on_error`, `async: true`, `function:`).
// Defaults are filled in, so that a snapshot shows what is in force.
func Parse(file string, src []byte) (*catalog.Snapshot, []catalog.Problem) {
	s, problems, _ := ParseFor(context.Background(), time.Time{}, "", file, src) // a context that never ends
	return s, problems
}

// ParseFor is Parse for a given instance: a file that names none configures
// that one, and one that names another is refused. An empty instance takes
// what the file says, as Parse does. The error is that of ctx, which is asked
// before each step. Certificates that are over at now are refused, and those that end soon
// are told of; a zero now asks for neither, as Parse does: what was in force yesterday is
// read again.
func ParseFor(ctx context.Context, now time.Time, instance, file string, src []byte) (*catalog.Snapshot, []catalog.Problem, error) {
	if err := takeTurn(ctx); err != nil {
		return nil, nil, err
	}
	defer giveTurn()
	rep := &catalog.Report{}
	s, named := parse(ctx, now, File{file, src}, rep)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	problems := rep.Problems()
	for i := range problems {
		problems[i].File = file
		problems[i].Line = max(problems[i].Line, 1)
		problems[i].Col = max(problems[i].Col, 1)
	}
	catalog.SortProblems(problems)
	switch {
	case catalog.HasErrors(problems):
		return nil, problems, nil
	case instance == "" || s.Instance == instance:
	case named != (position{}):
		return nil, append([]catalog.Problem{{
			File: file, Line: named.line, Col: named.col, Path: "instance", Severity: catalog.Error, Code: catalog.ProblemOtherInstance,
			Message: fmt.Sprintf("the file names the instance %s, and it is for %s", catalog.Quote(s.Instance), catalog.Quote(instance)),
		}}, problems...), nil
	default:
		s.Instance = instance
	}
	return s, problems, nil
}

// parse gives also where the file names its instance.
func parse(ctx context.Context, now time.Time, f File, rep *catalog.Report) (s *catalog.Snapshot, named position) {
	if _, found, past := bound([]File{f}); past {
		rep.Add(found)
		return nil, named
	}
	root, ok := readTree(ctx, f.Text, rep)
	if !ok || ctx.Err() != nil {
		return nil, named
	}
	rd := &reader{report: rep, positions: map[string]position{}}
	s = rd.document(root)
	if ctx.Err() != nil {
		return nil, named
	}
	for _, p := range problemsAt(s, now) {
		if p, ok := rd.placed(p); ok {
			rep.Add(p)
		}
	}
	return s, rd.positions["instance"]
}

// problemsAt are those of a catalog at a moment; a zero one is none.
func problemsAt(s *catalog.Snapshot, now time.Time) []catalog.Problem {
	all := catalog.Validate(s)
	if !now.IsZero() {
		all = append(all, catalog.CheckEnds(s, now)...)
	}
	return all
}

// readTree makes nodes of a text that is bounded. The YAML library is
// not made for hostile input: it recurses, over siblings too, and may panic. So
// the tokens are bounded too before it goes there, and a panic becomes a
// problem. When ctx ends it is not ok.
func readTree(ctx context.Context, src []byte, rep *catalog.Report) (root *node, ok bool) {
	fail := func(at position, code, message string) {
		rep.Add(catalog.Problem{Line: at.line, Col: at.col, Severity: catalog.Error, Code: code, Message: message})
		root, ok = nil, false
	}
	defer func() {
		if r := recover(); r != nil {
			fail(position{1, 1}, catalog.ProblemSyntax, "the YAML could not be read")
		}
	}()
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	if at, bad := badByte(src); bad {
		fail(at, catalog.ProblemSyntax, "the file is not UTF-8 text")
		return nil, false
	}
	if ctx.Err() != nil {
		return nil, false
	}
	tokens := lexer.Tokenize(string(src))
	if at, code, message := boundTokens(tokens); code != "" {
		fail(at, code, message)
		return nil, false
	}
	if ctx.Err() != nil {
		return nil, false
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := syntaxError(err, src)
		fail(at, catalog.ProblemSyntax, message)
		return nil, false
	}
	body, err := oneDocument(f)
	if err != nil {
		fail(startOf(body), catalog.ProblemSyntax, err.Error())
		return nil, false
	}
	if ctx.Err() != nil {
		return nil, false
	}
	before := len(rep.Problems())
	g := &grower{report: rep, anchors: map[string]*node{}}
	root = g.grow(body, position{1, 1}, 0)
	return root, len(rep.Problems()) == before
}

// badByte finds the first byte that is not UTF-8 or is a NUL.
func badByte(src []byte) (position, bool) {
	at := position{1, 1}
	for len(src) > 0 {
		r, size := utf8.DecodeRune(src)
		switch {
		case r == 0, r == utf8.RuneError && size <= 1:
			return at, true
		case r == '\n':
			at = position{at.line + 1, 0}
		}
		at.col++
		src = src[size:]
	}
	return at, false
}

func oneDocument(f *ast.File) (ast.Node, error) {
	var body ast.Node
	for _, doc := range f.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return doc.Body, errors.New("a configuration file is one YAML document; a second one begins here")
		}
		body = doc.Body
	}
	return body, nil
}

// startOf is where a document begins: a mapping's own token is the colon
// behind its first key.
func startOf(body ast.Node) position {
	at := positionOf(body.GetToken(), position{1, 1})
	if m, ok := body.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return positionOf(m.Values[0].Key.GetToken(), at)
	}
	return at
}

// syntaxError words an error of the YAML library.
func syntaxError(err error, src []byte) (position, string) {
	var y yaml.Error
	if !errors.As(err, &y) {
		return position{1, 1}, "the YAML could not be read"
	}
	at := positionOf(y.GetToken(), position{1, 1})
	message := y.GetMessage()
	if line := lineOf(src, at.line); strings.HasPrefix(strings.TrimLeft(line, " -"), "*") || strings.Contains(line, ": *") {
		message += "; a text that begins with * is written in quotes"
	}
	return at, message
}

func lineOf(src []byte, n int) string {
	for ; n > 1; n-- {
		_, rest, found := bytes.Cut(src, []byte("\n"))
		if !found {
			return ""
		}
		src = rest
	}
	line, _, _ := bytes.Cut(src, []byte("\n"))
	return string(line)
}

// boundTokens refuses what would cost the parser more than it is worth, and
// the parts of YAML that a configuration does not need. code is empty when all
// is well.
func boundTokens(tokens token.Tokens) (at position, code, message string) {
	keys := map[int]int{} // by column
	flow, openers, line := 0, 0, 0
	for i, t := range tokens {
		at = positionOf(t, at)
		if at.line != line {
			line, openers = at.line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.AnchorType:
			openers++
		case token.MappingKeyType:
			return at, catalog.ProblemSyntax, "a key with ? in front is not read here"
		case token.TagType:
			return at, catalog.ProblemSyntax, "YAML tags (!) are not read here"
		case token.DirectiveType:
			return at, catalog.ProblemSyntax, "YAML directives (%) are not read here"
		case token.MappingValueType:
			if flow > 0 {
				break
			}
			openers++
			if i > 0 && countKey(keys, positionOf(tokens[i-1], at).col) > MaxKeys {
				return at, catalog.ProblemTooMany, fmt.Sprintf("more than %d keys stand in one place", MaxKeys)
			}
		}
		if flow > MaxNesting || openers > MaxNesting {
			return at, catalog.ProblemTooDeep, fmt.Sprintf("lists and mappings are nested at most %d levels", MaxNesting)
		}
	}
	return at, "", ""
}

// countKey counts a block mapping's keys by their column; a key further left
// ends the mappings to its right.
func countKey(keys map[int]int, col int) int {
	for c := range keys {
		if c > col {
			delete(keys, c)
		}
	}
	keys[col]++
	return keys[col]
}

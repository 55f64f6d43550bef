package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// DefaultInstance is the instance of a file that names none.
const DefaultInstance = "default"

// Parse reads a configuration file (YAML, at most MaxFile bytes) and checks
// it. All problems are reported at once, in the order of their positions; file
// is only the name they carry. The snapshot is nil if, and only if, at least
// one problem is an error; its revision is 0. An empty file is an empty
// catalog of DefaultInstance.
//
// Both spellings are read, ours and the one of the first examples
// (`type: REST webhook`, `Interrupt_on_error`, `async: true`, `function:`).
// Defaults are filled in, so that a snapshot shows what is in force.
func Parse(file string, src []byte) (*Snapshot, []Problem) {
	rep := &report{}
	s := parse(src, rep)
	for i := range rep.problems {
		rep.problems[i].File = file
		rep.problems[i].Line = max(rep.problems[i].Line, 1)
		rep.problems[i].Col = max(rep.problems[i].Col, 1)
	}
	sortProblems(rep.problems)
	if HasErrors(rep.problems) {
		return nil, rep.problems
	}
	return s, rep.problems
}

func parse(src []byte, rep *report) *Snapshot {
	root, ok := readTree(src, rep)
	if !ok {
		return nil
	}
	rd := &reader{report: rep, places: map[string]place{}}
	s := rd.document(root)
	for _, p := range Validate(s) {
		if p, ok := rd.placed(p); ok {
			rep.add(p)
		}
	}
	return s
}

// readTree makes nodes of the text. The YAML library is not made for hostile
// input: it recurses, over siblings too, and may panic. So the tokens are
// bounded first, and a panic becomes a problem.
func readTree(src []byte, rep *report) (root *node, ok bool) {
	fail := func(at place, code, message string) {
		rep.add(Problem{Line: at.line, Col: at.col, Severity: Error, Code: code, Message: message})
		root, ok = nil, false
	}
	defer func() {
		if r := recover(); r != nil {
			fail(place{1, 1}, ProblemSyntax, "the YAML could not be read")
		}
	}()
	if len(src) > MaxFile {
		fail(place{1, 1}, ProblemTooLarge, fmt.Sprintf("a configuration file has at most %d bytes, this one has %d", MaxFile, len(src)))
		return nil, false
	}
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	if at, bad := badByte(src); bad {
		fail(at, ProblemSyntax, "the file is not UTF-8 text")
		return nil, false
	}
	tokens := lexer.Tokenize(string(src))
	if at, code, message := boundTokens(tokens); code != "" {
		fail(at, code, message)
		return nil, false
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := syntaxError(err, src)
		fail(at, ProblemSyntax, message)
		return nil, false
	}
	body, err := oneDocument(f)
	if err != nil {
		fail(startOf(body), ProblemSyntax, err.Error())
		return nil, false
	}
	before := len(rep.problems)
	g := &grower{report: rep, anchors: map[string]*node{}}
	root = g.grow(body, place{1, 1}, 0)
	return root, len(rep.problems) == before
}

// badByte finds the first byte that is not UTF-8 or is a NUL.
func badByte(src []byte) (place, bool) {
	at := place{1, 1}
	for len(src) > 0 {
		r, size := utf8.DecodeRune(src)
		switch {
		case r == 0, r == utf8.RuneError && size <= 1:
			return at, true
		case r == '\n':
			at = place{at.line + 1, 0}
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
func startOf(body ast.Node) place {
	at := placeOf(body.GetToken(), place{1, 1})
	if m, ok := body.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return placeOf(m.Values[0].Key.GetToken(), at)
	}
	return at
}

// syntaxError words an error of the YAML library.
func syntaxError(err error, src []byte) (place, string) {
	var y yaml.Error
	if !errors.As(err, &y) {
		return place{1, 1}, "the YAML could not be read"
	}
	at := placeOf(y.GetToken(), place{1, 1})
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
func boundTokens(tokens token.Tokens) (at place, code, message string) {
	keys := map[int]int{} // by column
	flow, openers, line := 0, 0, 0
	if len(tokens) > maxTokens {
		return place{1, 1}, ProblemTooMany, fmt.Sprintf("the file holds more than %d words and signs of YAML", maxTokens)
	}
	for i, t := range tokens {
		at = placeOf(t, at)
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
			return at, ProblemSyntax, "a key with ? in front is not read here"
		case token.TagType:
			return at, ProblemSyntax, "YAML tags (!) are not read here"
		case token.DirectiveType:
			return at, ProblemSyntax, "YAML directives (%) are not read here"
		case token.MappingValueType:
			if flow > 0 {
				break
			}
			openers++
			if i > 0 && countKey(keys, placeOf(tokens[i-1], at).col) > MaxKeys {
				return at, ProblemTooMany, fmt.Sprintf("more than %d keys stand in one place", MaxKeys)
			}
		}
		if flow > MaxNesting || openers > MaxNesting {
			return at, ProblemTooDeep, fmt.Sprintf("lists and mappings are nested at most %d levels", MaxNesting)
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

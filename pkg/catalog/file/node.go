package file

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/callout-hq/callout/pkg/catalog"
)

// position is a place in a file, both counted from 1.
type position struct{ line, col int }

// shape says what a node of a file is.
type shape int

const (
	null shape = iota
	scalar
	mapping
	sequence
)

var shapeNames = map[shape]string{null: "nothing", scalar: "a single value", mapping: "a mapping", sequence: "a list"}

// node is a value of a file, with aliases and merge keys already resolved.
// Nodes are shared between the places that name one anchor and never written
// to after they are made.
type node struct {
	shape shape
	text  string // of a scalar, decoded
	plain bool   // a scalar without quotes
	at    position
	pairs []pair
	items []*node
	size  int // nodes in it, itself included
}

// pair is one key of a mapping.
type pair struct {
	key   string
	at    position
	value *node
}

// Bounds of a file's shape. They keep the work of reading it in proportion to
// its size.
const (
	MaxFile    = 8 << 20 // bytes in a file
	MaxNesting = 64      // levels of lists and mappings
	MaxKeys    = 20000   // keys in one mapping
	maxNodes   = 1000000 // values in a file after its aliases are expanded
)

// grower makes nodes of what the YAML parser found.
type grower struct {
	report  *catalog.Report
	anchors map[string]*node
	total   int
	stopped bool // one bound was passed and said; the rest is left alone
}

func (g *grower) fail(at position, code, message string) *node {
	if !g.stopped {
		g.report.Add(catalog.Problem{Line: at.line, Col: at.col, Severity: catalog.Error, Code: code, Message: message})
	}
	return &node{at: at, size: 1}
}

func (g *grower) stop(at position, code, message string) *node {
	n := g.fail(at, code, message)
	g.stopped = true
	return n
}

func (g *grower) grow(n ast.Node, at position, depth int) *node {
	if g.total++; g.total > maxNodes {
		return g.tooMany(at)
	}
	if depth > MaxNesting {
		return g.stop(at, catalog.ProblemTooDeep, fmt.Sprintf("lists and mappings are nested at most %d levels", MaxNesting))
	}
	if n == nil || g.stopped {
		return &node{at: at, size: 1}
	}
	at = positionOf(n.GetToken(), at)
	switch n := n.(type) {
	case *ast.MappingNode:
		return g.mapping(n.Values, n.IsFlowStyle, at, depth)
	case *ast.MappingValueNode:
		return g.mapping([]*ast.MappingValueNode{n}, false, at, depth)
	case *ast.SequenceNode:
		return g.sequence(n, at, depth)
	case *ast.AnchorNode:
		value := g.grow(n.Value, at, depth+1)
		g.anchors[tokenText(n.Name)] = value
		return value
	case *ast.AliasNode:
		return g.alias(n, at)
	case *ast.LiteralNode:
		return &node{shape: scalar, text: n.Value.Value, at: at, size: 1}
	case *ast.StringNode:
		plain := n.GetToken().Type == token.StringType
		return &node{shape: scalar, text: n.Value, plain: plain, at: at, size: 1}
	case *ast.NullNode:
		return &node{at: at, size: 1}
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return &node{shape: scalar, text: n.GetToken().Value, plain: true, at: at, size: 1}
	}
	return g.fail(at, catalog.ProblemSyntax, "this form of YAML is not read here")
}

func (g *grower) sequence(n *ast.SequenceNode, at position, depth int) *node {
	out := &node{shape: sequence, at: at, size: 1}
	for _, v := range n.Values {
		item := g.grow(v, at, depth+1)
		out.items = append(out.items, item)
		out.size += item.size
	}
	return out
}

// mapping resolves merge keys: a key of the mapping itself wins over a merged
// one, and of several merged the first. With braces a mapping begins at the
// brace, without them at its first key.
func (g *grower) mapping(values []*ast.MappingValueNode, braces bool, at position, depth int) *node {
	out := &node{shape: mapping, at: at, size: 1}
	have := make(map[string]bool, len(values))
	var merged []*node
	for i, v := range values {
		keyAt := positionOf(v.Key.GetToken(), at)
		if i == 0 && !braces {
			out.at = keyAt
		}
		value := g.grow(v.Value, keyAt, depth+1)
		out.size += value.size
		if _, merge := v.Key.(*ast.MergeKeyNode); merge {
			merged = append(merged, g.sources(value)...)
			continue
		}
		key, ok := keyText(v.Key)
		if !ok {
			g.fail(keyAt, catalog.ProblemSyntax, "a key is a single value")
			continue
		}
		have[key] = true
		out.pairs = append(out.pairs, pair{key: key, at: keyAt, value: value})
	}
	g.merge(out, merged, have)
	return out
}

func (g *grower) merge(into *node, sources []*node, have map[string]bool) {
	for _, source := range sources {
		for _, p := range source.pairs {
			if g.total++; g.total > maxNodes {
				g.tooMany(into.at)
				return
			}
			if have[p.key] {
				continue
			}
			have[p.key] = true
			into.pairs = append(into.pairs, p)
			into.size += p.value.size
			g.total += p.value.size
		}
	}
}

func (g *grower) tooMany(at position) *node {
	return g.stop(at, catalog.ProblemTooMany, fmt.Sprintf("the file holds more than %d values once its aliases are expanded", maxNodes))
}

// sources are the mappings a merge key names.
func (g *grower) sources(n *node) []*node {
	switch n.shape {
	case mapping:
		return []*node{n}
	case sequence:
		for _, item := range n.items {
			if item.shape != mapping {
				g.fail(item.at, catalog.ProblemWrongType, "<< takes a mapping or a list of mappings")
				return nil
			}
		}
		return n.items
	}
	g.fail(n.at, catalog.ProblemWrongType, "<< takes a mapping or a list of mappings")
	return nil
}

func (g *grower) alias(n *ast.AliasNode, at position) *node {
	name := tokenText(n.Value)
	value, ok := g.anchors[name]
	if !ok {
		return g.fail(at, catalog.ProblemSyntax, "no anchor "+catalog.Quote(name)+" stands before this alias; a text that begins with * is written in quotes")
	}
	if g.total += value.size; g.total > maxNodes {
		return g.tooMany(at)
	}
	if value.shape == scalar {
		here := *value
		here.at = at
		return &here
	}
	return value
}

func keyText(key ast.MapKeyNode) (string, bool) {
	switch k := key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.NullNode, *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return k.GetToken().Value, true
	}
	return "", false
}

func tokenText(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return ""
	}
	return n.GetToken().Value
}

func positionOf(t *token.Token, otherwise position) position {
	if t == nil || t.Position == nil || t.Position.Line < 1 || t.Position.Column < 1 {
		return otherwise
	}
	return position{line: t.Position.Line, col: t.Position.Column}
}

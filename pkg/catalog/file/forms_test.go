package file

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/catalog"
)

// outline writes the nodes of a text as flow, every scalar in quotes.
func outline(n *node) string {
	switch n.shape {
	case scalar:
		return fmt.Sprintf("%q", n.text)
	case mapping:
		var out []string
		for _, p := range n.pairs {
			out = append(out, fmt.Sprintf("%q: %s", p.key, outline(p.value)))
		}
		return "{" + strings.Join(out, ", ") + "}"
	case sequence:
		var out []string
		for _, item := range n.items {
			out = append(out, outline(item))
		}
		return "[" + strings.Join(out, ", ") + "]"
	}
	return "nothing"
}

// TestForms: what each form of YAML comes to.
func TestForms(t *testing.T) {
	for src, want := range map[string]string{
		"":                                   "nothing",
		"a":                                  `"a"`,
		"a: 1\nb:\nc: [x, 'y', \"z\"]":       `{"a": "1", "b": nothing, "c": ["x", "y", "z"]}`,
		"- a\n- - b\n  - c\n- d: e\n  f: g":  `["a", ["b", "c"], {"d": "e", "f": "g"}]`,
		"{a: {b: c}, d: []}":                 `{"a": {"b": "c"}, "d": []}`,
		"a: |\n  one\n  two\n":               `{"a": "one\ntwo\n"}`,
		"a: >-\n  one\n  two\n":              `{"a": "one two"}`,
		"1: a\ntrue: b\n1.5: c\nnull: d":     `{"1": "a", "true": "b", "1.5": "c", "null": "d"}`,
		"a: true\nb: 0o17\nc: .inf\nd: .nan": `{"a": "true", "b": "0o17", "c": ".inf", "d": ".nan"}`,
		"a: ~\nb: null\nc: ''":               `{"a": nothing, "b": nothing, "c": ""}`,
		"a: # why\n  b # and how\n":          `{"a": "b"}`,
		"a: &x [1]\nb: *x":                   `{"a": ["1"], "b": ["1"]}`,
		"a: &x {b: 1}\nc: {<<: *x, d: 2}":    `{"a": {"b": "1"}, "c": {"d": "2", "b": "1"}}`,
		// Its own key wins over a merged one, and of several merged the first.
		"a: &x {b: 1}\nc: &y {b: 2, e: 3}\nd: {b: 0, <<: [*x, *y]}": `{"a": {"b": "1"}, "c": {"b": "2", "e": "3"}, "d": {"b": "0", "e": "3"}}`,
		"a: &x {b: 1}\nc: &y {b: 2, e: 3}\nd: {<<: [*x, *y]}":       `{"a": {"b": "1"}, "c": {"b": "2", "e": "3"}, "d": {"b": "1", "e": "3"}}`,
		"a: &x 1\nb: &x 2\nc: *x":                                   `{"a": "1", "b": "2", "c": "2"}`, // the last before it
	} {
		rep := &catalog.Report{}
		root, ok := readTree(context.Background(), []byte(src), rep)
		require.True(t, ok, "%q: %s", src, show(rep.Problems()))
		require.Equal(t, want, outline(root), src)
	}
}

// TestFormsThatAreNotRead: each with its reason, at its place.
func TestFormsThatAreNotRead(t *testing.T) {
	for src, want := range map[string]string{
		"a: !secret x":              "f.yaml:1:4: error: YAML tags (!) are not read here [syntax]",
		"%YAML 1.2\n---\na: b":      "f.yaml:1:1: error: YAML directives (%) are not read here [syntax]",
		"? a\n: b":                  "f.yaml:1:1: error: a key with ? in front is not read here [syntax]",
		"{a: b}\n---\n{c: d}":       "f.yaml:3:1: error: a configuration file is one YAML document; a second one begins here [syntax]",
		"a: b\n---\nc: d":           "f.yaml:3:1: error: a configuration file is one YAML document; a second one begins here [syntax]",
		"a: *b":                     `f.yaml:1:4: error: no anchor "b" stands before this alias; a text that begins with * is written in quotes [syntax]`,
		"a: {<<: b}":                "f.yaml:1:9: error: << takes a mapping or a list of mappings [wrong_type]",
		"a: {<<: [{b: c}, d]}":      "f.yaml:1:18: error: << takes a mapping or a list of mappings [wrong_type]",
		"ü: \x00":                   "f.yaml:1:4: error: the file is not UTF-8 text [syntax]",
		"a: b\nc: \xff":             "f.yaml:2:4: error: the file is not UTF-8 text [syntax]",
		"requests:\n  *: {}":        "a text that begins with * is written in quotes [syntax]",
		strings.Repeat("[", 65):     "f.yaml:1:65: error: lists and mappings are nested at most 64 levels [too_deep]",
		deepMapping(MaxNesting + 2): "lists and mappings are nested at most 64 levels [too_deep]",
	} {
		s, problems := Parse("f.yaml", []byte(src))
		require.Nil(t, s, src)
		require.Contains(t, show(problems), want, src)
	}
}

// TestBoundsOfAFile: what stands at a bound is read.
func TestBoundsOfAFile(t *testing.T) {
	comment := []byte("#" + strings.Repeat("x", MaxFile-1))
	s, problems := Parse("f.yaml", comment)
	require.NotNil(t, s, show(problems))
	s, _ = Parse("f.yaml", append(comment, 'x'))
	require.Nil(t, s)

	_, ok := readTree(context.Background(), []byte(strings.Repeat("[", MaxNesting)+strings.Repeat("]", MaxNesting)), &catalog.Report{})
	require.True(t, ok)
	var keys strings.Builder
	for i := range MaxKeys {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	_, ok = readTree(context.Background(), []byte(keys.String()), &catalog.Report{})
	require.True(t, ok)
	_, ok = readTree(context.Background(), []byte(keys.String()+"more: 1\n"), &catalog.Report{})
	require.False(t, ok)
}

// TestExportLeavesDefaultsOut: what is usual does not stand in a file, what is
// not stands there as a person would write it.
func TestExportLeavesDefaultsOut(t *testing.T) {
	s := parsed(t, `
targets:
  usual: {type: call, url: https://a.example, timeout: 10s, mapping: merge, lanes: 1, signature: [zitadel, standard], retry: {}, paused: false, headers: {}}
  own: {type: async, url: https://a.example, timeout: 90s, rate: 600/m, retry: {max_age: 48h, attempts: 3}, breaker: {failures: 5, open: 1m30s}, egress: {allow: [10.1.2.3]}}
functions:
  one: {targets: [{target: usual}, {include: two}]}
  two: {list: true, targets: []}
orgs: {empty: {}}
`)
	require.Equal(t, `version: 1
instance: default
targets:
  own:
    type: async
    url: https://a.example
    timeout: 1m30s
    retry:
      max_age: 48h
      attempts: 3
    rate: 600/m
    breaker:
      failures: 5
      open: 1m30s
    egress:
      allow:
        - "10.1.2.3/32"
  usual:
    type: call
    url: https://a.example
functions:
  one:
    targets:
      - target: usual
      - include: two
  two:
    list: true
    targets: []
orgs:
  empty: {}
`, string(Export(s)))
}

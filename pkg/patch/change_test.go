package patch_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/patch"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestSameValueIsNoChange: what says the same in other white space leaves the
// object's bytes, and the caller is not told of a change.
func TestSameValueIsNoChange(t *testing.T) {
	for _, c := range []struct {
		name, object string
		answer       patch.Answer
	}{
		{"merge", `{ "a": [1, 2] }`, patch.Answer{Body: []byte(`{"a":[1,2]}`)}},
		{"merge deep", `{ "a": {"b": {}} }`, patch.Answer{Body: []byte(`{"a":{"b":{}, "c":null}}`)}},
		{"replace", `{ "a": 1 }`, patch.Answer{Body: []byte(`{"a":1}`), Mapping: action.Replace}},
		{"json patch without operations", `{ "a": 1 }`, patch.Answer{Body: []byte(` [ ] `), JSONPatch: true}},
		{"json patch that only tests", `{ "a": 1 }`, patch.Answer{Body: []byte(`[{"op":"test","path":"/a","value":1}]`), JSONPatch: true}},
		{"json patch without operations on nothing", ``, patch.Answer{Body: []byte(`[]`), JSONPatch: true}},
		{"{} on nothing", ``, patch.Answer{Body: []byte(`{}`)}},
		{"{} on nothing, replaced", ``, patch.Answer{Body: []byte(`{}`), Mapping: action.Replace}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var object []byte
			if c.object != "" {
				object = []byte(c.object)
			}
			got, changed, err := patch.Apply(context.Background(), object, c.answer, 1<<20)
			require.NoError(t, err)
			require.False(t, changed, "%s", got)
			require.Equal(t, c.object, string(got))
		})
	}
}

// TestAnotherSpellingIsAChange: digits and escapes are the core's business, so
// they are not taken for the same.
func TestAnotherSpellingIsAChange(t *testing.T) {
	for object, body := range map[string]string{`{"a":1.0}`: `{"a":1}`, `{"a":9007199254740993}`: `{"a":9007199254740992}`, `{"a":"\u00e9"}`: `{"a":"é"}`} {
		got, changed, err := patch.Apply(context.Background(), []byte(object), patch.Answer{Body: []byte(body)}, 1<<20)
		require.NoError(t, err)
		require.True(t, changed)
		require.Equal(t, body, string(got))
	}
}

// TestAllowNamesTheFirstForbiddenPlace: the same answer gives the same error.
func TestAllowNamesTheFirstForbiddenPlace(t *testing.T) {
	for range 50 {
		for _, c := range []struct{ object, body, at string }{
			{`{"a":1,"b":1,"c":1,"d":1}`, `{"d":2,"c":2,"b":2}`, "/b"},
			{`{"a":1}`, `{"z":1,"y":1,"x":1}`, "/z"},
			{`{"a":1,"b":1,"c":1}`, `{"c":null,"b":null}`, "/b"},
			{`{"u":{"n":1,"p/q~":1},"a":1}`, `{"u":{"p/q~":2}}`, "/u/p~1q~0"},
		} {
			_, _, err := patch.Apply(context.Background(), []byte(c.object), patch.Answer{Body: []byte(c.body), Allow: []string{"/a", "/u/n"}}, 1<<20)
			var e *action.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, []any{action.CodeNotAllowed, action.StageApply, c.at}, []any{e.Code, e.Stage, e.Field})
		}
	}
}

func TestAllow(t *testing.T) {
	for _, c := range []struct {
		object, body, allow string
		answer              patch.Answer
		ok                  bool
	}{
		{object: `{"p/q~":1}`, body: `{"p/q~":2}`, allow: "/p~1q~0", ok: true},
		{object: `{"a":[1,2]}`, body: `{"a":[1,3]}`, allow: "/a", ok: true},
		{object: `{"a":[1,2]}`, body: `{"a":[1,3]}`, allow: "/a/1"},
		{object: `{"a":{"b":1}}`, body: `{"a":null}`, allow: "/a", ok: true},
		{object: `{"a":{"b":1}}`, body: `{"a":null}`, allow: "/a/b", ok: true}, // nothing but what it may remove
		{object: `{"a":{"b":1,"c":1}}`, body: `{"a":null}`, allow: "/a/b"},
		{object: `{"a":1}`, body: `{"a":{"b":2}}`, allow: "/a/b"},
		{object: `{"ab":1}`, body: `{"ab":2}`, allow: "/a"},
		{object: `{"a":1}`, body: `{"a":2}`, allow: "", ok: true}, // the whole object
		{object: `{"a":1,"b":1}`, body: `[{"op":"move","from":"/a","path":"/b"}]`, allow: "/b", answer: patch.Answer{JSONPatch: true}},
		{object: `{"a":1,"b":1}`, body: `[{"op":"copy","from":"/a","path":"/b"},{"op":"replace","path":"/b","value":2}]`, allow: "/b", answer: patch.Answer{JSONPatch: true}, ok: true},
	} {
		c.answer.Body, c.answer.Allow = []byte(c.body), []string{c.allow}
		_, _, err := patch.Apply(context.Background(), []byte(c.object), c.answer, 1<<20)
		if c.ok {
			require.NoError(t, err, "%s with %s", c.object, c.body)
			continue
		}
		require.Equal(t, action.CodeNotAllowed, action.CodeOf(err), "%s with %s", c.object, c.body)
	}
}

func TestJSONPatchIsBounded(t *testing.T) {
	const limit = 1 << 10
	// Each copy doubles what is there; the last operation clears it away.
	var double strings.Builder
	for i := range 16 {
		fmt.Fprintf(&double, `{"op":"copy","from":"/a","path":"/a/%d"},`, i)
	}
	bomb := `[` + double.String() + `{"op":"remove","path":"/a"}]`
	_, _, err := patch.Apply(context.Background(), []byte(`{"a":{"s":"0123456789"}}`), patch.Answer{Body: []byte(bomb), JSONPatch: true}, limit)
	require.Equal(t, action.CodeTooLarge, action.CodeOf(err), "what it grows to on the way counts: %v", err)
	for name, body := range map[string]string{
		"an index out of range": `[{"op":"add","path":"/l/9999999","value":1}]`,
		"a negative index":      `[{"op":"remove","path":"/l/-1"}]`,
		"an unknown operation":  `[{"op":"explode","path":"/a"}]`,
		"no path":               `[{"op":"remove"}]`,
		"a path without slash":  `[{"op":"remove","path":"a"}]`,
		"the root removed":      `[{"op":"remove","path":""}]`,
		"duplicate keys inside": `[{"op":"add","path":"/x","value":{"k":1,"k":2}}]`,
		"not a list":            `{"op":"remove","path":"/a"}`,
		"null":                  `null`,
		"numbers":               `[1]`,
	} {
		_, _, err := patch.Apply(context.Background(), []byte(`{"a":{"s":"0123456789"},"l":[1]}`), patch.Answer{Body: []byte(body), JSONPatch: true}, limit)
		require.Equal(t, action.CodeAnswerMalformed, action.CodeOf(err), "%s: %v", name, err)
	}
}

// TestUntouchedMembersKeepTheirBytes merges into an object whose other members
// are spelled in every strange way.
func TestUntouchedMembersKeepTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object, body := drawObject(t, 2, false), drawObject(t, 2, true)
		got, changed, err := patch.Apply(context.Background(), []byte(object), patch.Answer{Body: []byte(body)}, 1<<20)
		require.NoError(t, err)
		require.NoError(t, wire.CheckJSON(got))
		if !changed {
			require.Equal(t, object, string(got))
			return
		}
		touched := map[string]bool{}
		for _, m := range membersOf(t, body) {
			touched[m.Name] = true
		}
		after := map[string]string{}
		var order []string
		for _, m := range membersOf(t, string(got)) {
			after[m.Name] = string(got[m.Start:m.ValEnd])
			order = append(order, m.Name)
		}
		at := 0
		for _, m := range membersOf(t, object) {
			if touched[m.Name] {
				continue
			}
			require.Equal(t, object[m.Start:m.ValEnd], after[m.Name])
			for at < len(order) && order[at] != m.Name {
				at++
			}
			require.Less(t, at, len(order), "in their old order")
		}
		again, changed, err := patch.Apply(context.Background(), got, patch.Answer{Body: []byte(body)}, 1<<20)
		require.NoError(t, err)
		require.False(t, changed, "a merge done twice is the same: %s, then %s", got, again)
	})
}

func membersOf(t *rapid.T, object string) []wire.Member {
	members, err := wire.Members([]byte(object))
	require.NoError(t, err)
	return members
}

func FuzzApply(f *testing.F) {
	for _, seed := range []struct{ object, body string }{
		{`{"a":1}`, `{"a":null}`}, {` { "a" : 1 , "b":{} }`, `{"b":{"c":[ ]}}`}, {``, `{"a":{"b":null}}`},
		{`{"a":1}`, `[{"op":"add","path":"/b","value":1}]`}, {`{"a":[1]}`, `[{"op":"copy","from":"/a","path":"/a/-"}]`},
	} {
		f.Add([]byte(seed.object), []byte(seed.body), uint8(len(seed.body)))
	}
	f.Fuzz(func(t *testing.T, object, body []byte, how uint8) {
		if len(object) == 0 {
			object = nil
		} else if wire.CheckJSON(object) != nil || object[0] != '{' {
			return // an object was checked before
		}
		a := patch.Answer{Body: body, JSONPatch: how&1 > 0}
		if how&2 > 0 {
			a.Mapping = action.Replace
		}
		if how&4 > 0 {
			a.Allow = []string{"/a", "/b/c"}
		}
		before := string(object)
		got, changed, err := patch.Apply(context.Background(), object, a, 1<<12)
		require.Equal(t, before, string(object), "never in place")
		switch {
		case err != nil:
			require.Contains(t, []action.Code{action.CodeAnswerMalformed, action.CodeNotAllowed, action.CodeTooLarge}, action.CodeOf(err))
		case changed:
			require.NoError(t, wire.CheckJSON(got))
			require.True(t, wire.IsObject(got))
			require.LessOrEqual(t, len(got), 1<<12)
		default:
			require.Equal(t, before, string(got))
		}
	})
}

// TestJSONPatchKeepsWhatItDoesNotTouch: white space, digits and places stay.
func TestJSONPatchKeepsWhatItDoesNotTouch(t *testing.T) {
	const object = "{ \"a\" : 1.0,\n  \"list\": [ {\"x\": 1}, {\"y\" : 2.50}, 3 ],\n  \"deep\": { \"k\" : [ ], \"gone\": 1, \"n\": 9007199254740993 }\n}"
	for _, c := range []struct{ body, want string }{
		{`[{"op":"replace","path":"/a","value":2}]`, strings.Replace(object, `"a" : 1.0`, `"a" : 2`, 1)},
		{`[{"op":"remove","path":"/deep/gone"}]`, strings.Replace(object, ` "gone": 1,`, ``, 1)},
		{`[{"op":"add","path":"/deep/new","value":{"v":1}}]`, strings.Replace(object, `993 }`, `993 ,"new":{"v":1}}`, 1)},
		{`[{"op":"replace","path":"/list/1/y","value":7}]`, strings.Replace(object, `{"y" : 2.50}`, `{"y" : 7}`, 1)},
		{`[{"op":"add","path":"/list/1","value":0}]`, strings.Replace(object, `{"x": 1}, {"y"`, `{"x": 1},0, {"y"`, 1)},
		{`[{"op":"replace","path":"","value":{"z":1}}]`, `{"z":1}`},
	} {
		got, changed, err := patch.Apply(context.Background(), []byte(object), patch.Answer{Body: []byte(c.body), JSONPatch: true}, 1<<20)
		require.NoError(t, err)
		require.True(t, changed)
		require.Equal(t, c.want, string(got), c.body)
	}
}

package patch_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/patch"
)

func TestApply(t *testing.T) {
	const limit = 1 << 20
	for _, c := range []struct {
		name, object, body string
		answer             patch.Answer
		want               string // empty: unchanged
		code               action.Code
	}{
		{name: "merge keeps bytes, digits and order", object: `{ "z": 9007199254740993,  "a":1.0, "m":{"x":1e2, "y":[ ]} }`,
			body: `{"a":2,"m":{"n":true}}`, want: `{ "z": 9007199254740993,  "a":2, "m":{"x":1e2, "y":[ ],"n":true} }`},
		{name: "null removes the first", object: `{"a":1, "b":2}`, body: `{"a":null}`, want: `{ "b":2}`},
		{name: "null removes the last", object: `{"a":1, "b":2 }`, body: `{"b":null}`, want: `{"a":1 }`},
		{name: "null removes the only one", object: `{"a":1}`, body: `{"a":null,"c":null}`, want: `{}`},
		{name: "remove all, add one", object: `{ "a":1 }`, body: `{"a":null,"b":{"c":null,"d":1}}`, want: `{"b":{"d":1} }`},
		{name: "arrays replace", object: `{"a":[1,2]}`, body: `{"a":[3]}`, want: `{"a":[3]}`},
		{name: "object replaces a scalar", object: `{"a":1}`, body: `{"a":{"b":null,"c":2}}`, want: `{"a":{"c":2}}`},
		{name: "into an empty object", object: ` { } `, body: `{"a":1}`, want: ` {"a":1} `},
		{name: "into nothing", object: ``, body: `{"a":1}`, want: `{"a":1}`},
		{name: "empty object changes nothing", object: `{"a":1}`, body: `{}`},
		{name: "empty body changes nothing", object: `{"a":1}`, body: " \n"},
		{name: "same value changes nothing", object: `{"a":1}`, body: `{"a":1}`},
		{name: "forwarded members are stripped", object: `{"a":1}`, body: `{"forwardedStatusCode":0,"b":2}`, want: `{"a":1,"b":2}`},
		{name: "only forwarded members change nothing", object: `{"a":1}`, body: `{"forwardedStatusCode":0}`, answer: patch.Answer{Mapping: action.Replace}},
		{name: "escaped key meets plain key", object: `{"é":1}`, body: `{"\u00e9":2}`, want: `{"é":2}`},
		{name: "replace", object: `{"a":1,"b":2}`, body: `{"b": 3, "forwardedErrorMessage":""}`, answer: patch.Answer{Mapping: action.Replace}, want: `{"b": 3}`},
		{name: "replace by {} changes nothing", object: `{"a":1}`, body: `{}`, answer: patch.Answer{Mapping: action.Replace}},
		{name: "replace in a function keeps other members", object: `{ "a":[1], "b":{"x":1} }`, body: `{"b":{"y":null},"c":null}`,
			answer: patch.Answer{Mapping: action.Replace, Function: true}, want: `{ "a":[1], "b":{"y":null},"c":null }`},
		{name: "replace in a function, the first answer", body: `{"a":[1],"n":null}`, answer: patch.Answer{Mapping: action.Replace, Function: true}, want: `{"a":[1],"n":null}`},
		{name: "replace in a function by the same changes nothing", object: `{"a":[1, 2]}`, body: `{"a":[1,2]}`, answer: patch.Answer{Mapping: action.Replace, Function: true}},
		{name: "replace in a function by a member that is not allowed", object: `{"a":1}`, body: `{"b":1}`,
			answer: patch.Answer{Mapping: action.Replace, Function: true, Allow: []string{"/a"}}, code: action.CodeNotAllowed},
		{name: "merge in a function goes into objects", object: `{"a":{"x":1}}`, body: `{"a":{"y":2,"x":null}}`, answer: patch.Answer{Function: true}, want: `{"a":{"y":2}}`},
		{name: "null is no answer", object: `{"a":1}`, body: `null`, code: action.CodeAnswerMalformed},
		{name: "[] is no answer", object: `{"a":1}`, body: `[]`, code: action.CodeAnswerMalformed},
		{name: "7 is no answer", object: `{"a":1}`, body: `7`, answer: patch.Answer{Mapping: action.Replace}, code: action.CodeAnswerMalformed},
		{name: "duplicate keys", object: `{"a":1}`, body: `{"a":1,"a":2}`, code: action.CodeAnswerMalformed},
		{name: "nested duplicate keys", object: `{"a":1}`, body: `{"b":[{"a":1,"a":2}]}`, code: action.CodeAnswerMalformed},
		{name: "bad UTF-8", object: `{"a":1}`, body: "{\"a\":\"\xff\"}", code: action.CodeAnswerMalformed},
		{name: "json patch", object: `{"a":1.0,"b":9007199254740993}`, answer: patch.Answer{JSONPatch: true},
			body: `[{"op":"add","path":"/c","value":"<&>"},{"op":"remove","path":"/a"}]`, want: `{"b":9007199254740993,"c":"<&>"}`},
		{name: "json patch that does not fit", object: `{"a":1}`, answer: patch.Answer{JSONPatch: true}, body: `[{"op":"remove","path":"/x"}]`, code: action.CodeAnswerMalformed},
		{name: "json patch that tests false", object: `{"a":1}`, answer: patch.Answer{JSONPatch: true}, body: `[{"op":"test","path":"/a","value":2}]`, code: action.CodeAnswerMalformed},
		{name: "json patch of the root to an array", object: `{"a":1}`, answer: patch.Answer{JSONPatch: true}, body: `[{"op":"replace","path":"","value":[]}]`, code: action.CodeAnswerMalformed},
		{name: "json patch is an object", object: `{"a":1}`, answer: patch.Answer{JSONPatch: true}, body: `{}`, code: action.CodeAnswerMalformed},
		{name: "allowed", object: `{"user":{"n":1}}`, body: `{"user":{"n":2}}`, answer: patch.Answer{Allow: []string{"/user/n"}}, want: `{"user":{"n":2}}`},
		{name: "allowed below", object: `{"user":{"n":1}}`, body: `{"user":{"n":{"x":2}}}`, answer: patch.Answer{Allow: []string{"/user"}}, want: `{"user":{"n":{"x":2}}}`},
		{name: "allowed, made with its parent", object: `{}`, body: `{"user":{"n":2}}`, answer: patch.Answer{Allow: []string{"/user/n"}}, want: `{"user":{"n":2}}`},
		{name: "a sibling is not allowed", object: `{"user":{"n":1}}`, body: `{"user":{"nn":2}}`, answer: patch.Answer{Allow: []string{"/user/n"}}, code: action.CodeNotAllowed},
		{name: "the parent is not allowed", object: `{"user":{"n":1}}`, body: `{"user":7}`, answer: patch.Answer{Allow: []string{"/user/n"}}, code: action.CodeNotAllowed},
		{name: "removal is a change", object: `{"a":1,"b":2}`, body: `{"a":null}`, answer: patch.Answer{Allow: []string{"/b"}}, code: action.CodeNotAllowed},
		{name: "replace may not drop", object: `{"a":1,"b":2}`, body: `{"b":3}`, answer: patch.Answer{Mapping: action.Replace, Allow: []string{"/b"}}, code: action.CodeNotAllowed},
		{name: "too large", object: `{"a":1}`, body: `{"b":"` + strings.Repeat("x", limit) + `"}`, code: action.CodeTooLarge},
		{name: "too deep once merged", object: `{"a":1}`, body: `{"b":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, code: action.CodeAnswerMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.answer.Body = []byte(c.body)
			var object []byte
			if c.object != "" {
				object = []byte(c.object)
			}
			got, changed, err := patch.Apply(context.Background(), object, c.answer, limit)
			require.Equal(t, c.code, action.CodeOf(err), "%v", err)
			require.Equal(t, c.object, string(object), "never in place")
			if c.code != "" {
				return
			}
			require.Equal(t, c.want != "", changed)
			if changed {
				require.Equal(t, c.want, string(got))
			}
		})
	}
}

// TestMergeAgreesWithTheLibrary holds the merge on text against an independent
// implementation of RFC 7396.
func TestMergeAgreesWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object, body := drawObject(t, 3, false), drawObject(t, 3, true)
		got, _, err := patch.Apply(context.Background(), []byte(object), patch.Answer{Body: []byte(body)}, 1<<20)
		require.NoError(t, err)
		want, err := jsonpatch.MergePatch([]byte(object), []byte(body))
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got), "%s with %s", object, body)
		require.True(t, json.Valid(got))
	})
}

func drawObject(t *rapid.T, depth int, nulls bool) string {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", `\"`}), 0, 4, rapid.ID).Draw(t, "names")
	var parts []string
	for _, n := range names {
		kinds := []string{`1`, `"x"`, `[1, {"q":2}]`, `true`, `{}`}
		if nulls {
			kinds = append(kinds, `null`, `null`)
		}
		value := rapid.SampledFrom(kinds).Draw(t, "value")
		if value == "{}" && depth > 0 {
			value = drawObject(t, depth-1, nulls)
		}
		space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
		parts = append(parts, space+`"`+n+`"`+space+`:`+space+value+space)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

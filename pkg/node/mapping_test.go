package node_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

// mappingConfig has targets that change the object in every way, each before
// one that shows what is left.
const mappingConfig = `
targets:
  merge: {type: call, url: HOOKS/it}
  replace: {type: call, url: HOOKS/it, mapping: replace}
  allow: {type: call, url: HOOKS/it, allow: [/user/name, /tags]}
  replace_allow: {type: call, url: HOOKS/it, mapping: replace, allow: [/user/name]}
  next: {type: webhook, url: HOOKS/next}
requests:
  /t.S/merge: {targets: [{target: merge}, {target: next}]}
  /t.S/replace: {targets: [{target: replace}, {target: next}]}
  /t.S/allow: {targets: [{target: allow}, {target: next}]}
  /t.S/replace_allow: {targets: [{target: replace_allow}, {target: next}]}
  /t.S/chain: {targets: [{target: merge}, {target: replace}, {target: next}]}
`

// TestMappings: what an answer makes of the object under each mapping and
// allow list. An answer that is not taken leaves every byte as it was; a patch
// keeps the order of keys and the digits, not the white space between.
func TestMappings(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, mappingConfig, func(o *node.Options) { o.Log = zerolog.Nop() })
	const (
		before = `{ "user": {"name":"Ada","age":36.50}, "tags":["a","b"],"id":9007199254740993 }`
		patch  = "application/json-patch+json"
	)
	operations := func(body string) http.HandlerFunc { return says(patch, body) }
	for _, c := range []struct {
		name, method string
		answer       http.HandlerFunc
		want         string      // the object after it; empty = as it was
		warning      action.Code // of an answer that is not taken
	}{
		{"merge goes into objects", "merge", asJSON(`{"user":{"name":"Eve"}}`), `{ "user": {"name":"Eve","age":36.50}, "tags":["a","b"],"id":9007199254740993 }`, ""},
		{"merge replaces arrays", "merge", asJSON(`{"tags":["c"]}`), `{ "user": {"name":"Ada","age":36.50}, "tags":["c"],"id":9007199254740993 }`, ""},
		{"merge takes away what is null", "merge", asJSON(`{"user":{"age":null},"nothing":null}`), `{ "user": {"name":"Ada"}, "tags":["a","b"],"id":9007199254740993 }`, ""},
		{"merge strips what is forwarded", "merge", asJSON(`{"forwardedStatusCode":0,"forwardedErrorMessage":"","id":1}`), `{ "user": {"name":"Ada","age":36.50}, "tags":["a","b"],"id":1 }`, ""},
		{"merge keeps digits", "merge", asJSON(`{"id":18446744073709551617.000}`), `{ "user": {"name":"Ada","age":36.50}, "tags":["a","b"],"id":18446744073709551617.000 }`, ""},
		{"merge of the same changes nothing", "merge", asJSON(`{"user":{"name":"Ada"}}`), "", ""},
		{"replace replaces", "replace", asJSON(`{"user":{"name":"Eve"}}`), `{"user":{"name":"Eve"}}`, ""},
		{"replace by {} changes nothing", "replace", asJSON(`{}`), "", ""},
		{"replace by forwarded members alone changes nothing", "replace", asJSON(`{"forwardedStatusCode":0}`), "", ""},
		{"replace by a duplicate key", "replace", asJSON(`{"id":1,"id":2}`), "", action.CodeAnswerMalformed},
		{"replace by bad UTF-8", "replace", asJSON("{\"id\":\"\xc3\x28\"}"), "", action.CodeAnswerMalformed},
		{"replace takes a patch", "replace", operations(`[{"op":"remove","path":"/tags/0"}]`), `{ "user": {"name":"Ada","age":36.50}, "tags":["b"],"id":9007199254740993 }`, ""},
		{"patch whose last operation fails", "merge", operations(`[{"op":"remove","path":"/user"},{"op":"remove","path":"/absent"}]`), "", action.CodeAnswerMalformed},
		{"patch that leaves no object", "merge", operations(`[{"op":"replace","path":"","value":[]}]`), "", action.CodeAnswerMalformed},
		{"patch of the whole", "merge", operations(`[{"op":"replace","path":"","value":{"x":1}}]`), `{"x":1}`, ""},
		{"patch without operations", "merge", operations(`[]`), "", ""},
		{"allow lets through what it names", "allow", asJSON(`{"user":{"name":"Eve"},"tags":[]}`), `{ "user": {"name":"Eve","age":36.50}, "tags":[],"id":9007199254740993 }`, ""},
		{"allow stops a neighbour", "allow", asJSON(`{"user":{"name":"Eve","age":1}}`), "", action.CodeNotAllowed},
		{"allow stops a new member", "allow", asJSON(`{"admin":true}`), "", action.CodeNotAllowed},
		{"allow stops what it would take away", "allow", asJSON(`{"id":null}`), "", action.CodeNotAllowed},
		{"allow stops the parent", "allow", asJSON(`{"user":7}`), "", action.CodeNotAllowed},
		{"allow looks at a patch", "allow", operations(`[{"op":"move","from":"/id","path":"/tags/0"}]`), "", action.CodeNotAllowed},
		{"allow looks below what it names", "allow", operations(`[{"op":"add","path":"/tags/1","value":"c"}]`), `{ "user": {"name":"Ada","age":36.50}, "tags":["a","c","b"],"id":9007199254740993 }`, ""},
		{"allow looks at a replacement", "replace_allow", asJSON(`{"user":{"name":"Eve","age":36.50}}`), "", action.CodeNotAllowed},
		{"a chain sees the last object", "chain", asJSON(`{"id":1}`), `{"id":1}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			hooks.answer("it", c.answer)
			seen := len(hooks.got("next"))
			result, err := r.client.Request(within(t, 5*time.Second), callout.Call{Method: "/t.S/" + c.method, Request: []byte(before)})
			require.NoError(t, err)
			require.Equal(t, action.Continue, result.Outcome)
			left := c.want
			if c.want == "" {
				left = before
			}
			require.Equal(t, c.want, string(result.Object))
			require.Contains(t, hooks.got("next")[seen:][0].body, `"request":`+left)
			if c.warning == "" {
				require.Empty(t, result.Warnings)
				return
			}
			require.Len(t, result.Warnings, 1)
			require.Equal(t, c.warning, result.Warnings[0].Code)
		})
	}
}

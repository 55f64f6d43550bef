package contract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/contract"
)

// against names what in a schema some code generator takes wrongly, or not at all.
func against(at string, value any) (found []string) {
	no := func(format string, values ...any) { found = append(found, at+": "+fmt.Sprintf(format, values...)) }
	o, isObject := value.(contract.Object)
	if !isObject {
		return nil
	}
	for _, word := range []string{"anyOf", "not", "unevaluatedProperties", "if", "patternProperties", "$defs"} {
		if o.Get(word) != nil {
			no("%s is not taken by all generators", word)
		}
	}
	if o.Get("const") != nil && o.Get("type") == nil {
		no("const needs a type")
	}
	if o.Get("additionalProperties") == false {
		no("a receiver passes over members that it does not know")
	}
	if types, _ := o.Get("type").([]any); len(types) > 0 && (len(types) != 2 || !slices.Contains(types, any("null"))) {
		no("one type, or one and null")
	}
	if o.Get("type") == "array" && o.Get("items") == nil {
		no("items are needed")
	}
	if all, _ := o.Get("allOf").([]any); len(all) > 2 {
		no("allOf is a base and members of one's own")
	}
	return append(found, below(at, o)...)
}

// below looks at what stands inside a schema: an object there has a name, as does what is
// one of several.
func below(at string, o contract.Object) (found []string) {
	inside := func(at string, value any) {
		schema, _ := value.(contract.Object)
		if schema != nil && (schema.Get("properties") != nil || schema.Get("type") == "object") {
			found = append(found, at+": an object has a schema of its own")
		}
		found = append(found, against(at, value)...)
	}
	for _, m := range o.Under("properties") {
		inside(at+"."+m.Name, m.Value)
	}
	inside(at+"[]", o.Get("items"))
	inside(at+".*", o.Get("additionalProperties"))
	one, _ := o.Get("oneOf").([]any)
	for n, value := range one {
		if of, _ := value.(contract.Object); of.Get("$ref") == nil {
			found = append(found, fmt.Sprintf("%s: choice %d of oneOf has a name", at, n))
		}
	}
	return found
}

func TestSchemasAreTakenByGenerators(t *testing.T) {
	for _, b := range contract.Bodies() {
		require.Empty(t, against(b.Name, b.Schema))
		require.Equal(t, "https://json-schema.org/draft/2020-12/schema", b.Schema.Get("$schema"), b.Name)
		require.Equal(t, b.Name, b.Schema.Get("title"))
		require.NotEmpty(t, b.Schema.Get("description"), b.Name)
	}
}

// TestRulesSee: each rule finds what it is about.
func TestRulesSee(t *testing.T) {
	for schema, want := range map[string]string{
		`{"const":"a"}`:                                              "const needs a type",
		`{"anyOf":[{"$ref":"A.json"}]}`:                              "anyOf",
		`{"oneOf":[{"type":"string"}]}`:                              "has a name",
		`{"type":["string","integer"]}`:                              "one type",
		`{"allOf":[{},{},{}]}`:                                       "allOf",
		`{"properties":{"a":{"not":{}}}}`:                            "not is not taken",
		`{"properties":{"a":{"type":"object"}}}`:                     "schema of its own",
		`{"type":"array","items":{"properties":{}}}`:                 "schema of its own",
		`{"additionalProperties":false}`:                             "passes over members",
		`{"type":"array"}`:                                           "items are needed",
		`{"type":"object","additionalProperties":{"type":"object"}}`: "schema of its own",
	} {
		o, err := contract.Parse([]byte(schema))
		require.NoError(t, err)
		require.Contains(t, strings.Join(against("x", o), "\n"), want, schema)
	}
}

// TestWebhooksAreTakenByGenerators: each has an id of its own, and answers.
func TestWebhooksAreTakenByGenerators(t *testing.T) {
	ids := map[any]bool{}
	for _, m := range contract.Targets(nil).Under("webhooks") {
		post, _ := m.Value.(contract.Object)
		post = post.Under("post")
		require.False(t, ids[post.Get("operationId")])
		ids[post.Get("operationId")] = true
		require.NotEmpty(t, post.Under("responses"))
	}
	require.Len(t, ids, 9)
	for _, h := range contract.Headers {
		require.NotContains(t, h.Canonical(), "_")
		require.Equal(t, strings.ToUpper(h.Canonical()[:1]), h.Canonical()[:1])
	}
}

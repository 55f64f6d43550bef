package scaffold

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/contract"
)

// typing is a part of a contract as generators of types are given it: webhooks with their
// bodies and changes alone, and schemas by names that each language takes as they are.
type typing struct {
	document contract.Object
	names    map[string]string // of schemas, by those that the contract has
}

// narrow takes what is needed for some webhooks out of the contract, and other schemas by
// their names.
func (c *Contract) narrow(keys []string, also ...string) typing {
	hooks := contract.Object{}
	for _, key := range keys {
		hooks = append(hooks, contract.Member{Name: key, Value: contract.Pairs("post", c.plain(key))})
	}
	needed := map[string]bool{}
	c.need(hooks, needed)
	for _, name := range also {
		c.need(contract.Reference(name), needed)
	}
	t := typing{names: pascalAll(slices.Sorted(maps.Keys(needed)))}
	schemas := contract.Object{}
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		schemas = append(schemas, contract.Member{Name: t.names[name], Value: t.renamed(c.schema(name))})
	}
	t.document = contract.Pairs(
		"openapi", "3.1.0",
		"info", c.document.Get("info"),
		"webhooks", t.renamed(hooks),
		"components", contract.Pairs("schemas", schemas),
	)
	return t
}

// plain is the operation of a webhook with its body and its change.
func (c *Contract) plain(key string) contract.Object {
	of := func(schema string) contract.Object {
		return contract.Pairs("application/json", contract.Pairs("schema", contract.Reference(schema)))
	}
	answers := contract.Pairs("204", contract.Pairs("description", "Nothing is changed, or it is done."))
	if change := c.changeOf(key); change != "" {
		answers = append(answers, contract.Member{Name: "200", Value: contract.Pairs("description", "A change.", "content", of(change))})
	}
	return contract.Pairs("operationId", c.post(key).Get("operationId"), "summary", c.post(key).Get("summary"),
		"requestBody", contract.Pairs("required", true, "content", of(c.bodyOf(key))), "responses", answers)
}

// need adds the schemas that a value refers to, and those that these refer to.
func (c *Contract) need(value any, all map[string]bool) {
	switch v := value.(type) {
	case contract.Object:
		if name := referred(v); name != "" && !all[name] {
			all[name] = true
			c.need(c.schema(name), all)
		}
		for _, m := range v {
			c.need(m.Value, all)
		}
	case []any:
		for _, one := range v {
			c.need(one, all)
		}
	}
}

// renamed is a value with the new names. Examples are left out: they are for people, and
// what they hold looks like references at times. A time is the text that it is: types of
// times lose digits in one language, and need a library in another.
func (t typing) renamed(value any) any {
	switch v := value.(type) {
	case contract.Object:
		next := make(contract.Object, 0, len(v))
		for _, m := range v {
			name, isText := m.Value.(string)
			switch {
			case m.Name == "examples" || m.Name == "example":
				continue
			case isNothing(m.Value), m.Name == "format" && m.Value == "date-time":
				continue
			case m.Name == "$ref" && isText:
				next = append(next, contract.Member{Name: m.Name, Value: components + t.names[strings.TrimPrefix(name, components)]})
			default:
				next = append(next, contract.Member{Name: m.Name, Value: t.renamed(m.Value)})
			}
		}
		return next
	case []any:
		next := make([]any, len(v))
		for i := range v {
			next[i] = t.renamed(v[i])
		}
		return next
	}
	return value
}

// isNothing tells whether a schema is that of null alone. Such a member says that it is as good as absent, and
// not every language has a type of that.
func isNothing(schema any) bool {
	o, _ := schema.(contract.Object)
	return o.Get("type") == "null"
}

// text is the document as a generator reads it. A simple one knows no type of what may be
// a number or a text: for it that is a number.
func (t typing) text(isSimple bool) ([]byte, error) {
	var document any = t.document
	if isSimple {
		document = simple(document)
	}
	raw, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("the contract cannot be written: %w", err)
	}
	return append(raw, '\n'), nil
}

func simple(value any) any {
	switch v := value.(type) {
	case contract.Object:
		if isNumberOrText(v) {
			return v.Without("oneOf").With("type", "number").With("format", "double")
		}
		next := make(contract.Object, len(v))
		for i, m := range v {
			next[i] = contract.Member{Name: m.Name, Value: simple(m.Value)}
		}
		return next
	case []any:
		next := make([]any, len(v))
		for i := range v {
			next[i] = simple(v[i])
		}
		return next
	}
	return value
}

// isNumberOrText tells whether a schema is that of a floating point number of protobuf:
// what is none, such as NaN, is a text.
func isNumberOrText(schema contract.Object) bool {
	choices, _ := schema.Get("oneOf").([]any)
	if len(choices) == 0 {
		return false
	}
	first, _ := choices[0].(contract.Object)
	return first.Get("type") == "number"
}

// pascalAll names schemas with letters and digits alone, each differently.
func pascalAll(names []string) map[string]string {
	all, taken := map[string]string{}, map[string]bool{}
	for _, name := range names {
		all[name] = unlike(schemaName(name), taken)
	}
	return all
}

// schemaName is a schema's name. One that a core has given for a condition is named by it,
// and by what it is of a body.
func schemaName(name string) string {
	phase, about, isGiven := strings.Cut(strings.TrimPrefix(name, "given."), "_")
	if ending := part[action.Phase(phase)]; isGiven && ending != "" && strings.HasPrefix(name, "given.") {
		return pascal(words(about)) + ending
	}
	return pascal(words(name))
}

var part = map[action.Phase]string{action.Request: "Request", action.Response: "Response", action.Function: "Context", action.OnEvent: "Payload"}

// unlike is a name, with a number behind it where it is taken already. It takes it, and
// two names that differ in capitals alone are alike, since files of either may be one.
func unlike(name string, taken map[string]bool) string {
	next := name
	for n := 2; taken[strings.ToLower(next)]; n++ {
		next = fmt.Sprint(name, n)
	}
	taken[strings.ToLower(next)] = true
	return next
}

package contract

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// Document is the contract of targets as it is served, typed or not.
type Document struct{ object Object }

// ReadDocument reads what a dispatcher serves as contract/openapi.json. The error says in
// what way it is none.
func ReadDocument(raw []byte) (*Document, error) {
	o, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("it is no contract of targets: %w", err)
	}
	if o.Under("webhooks").Get(string(action.OnEvent)) == nil || o.Under("components").Under("schemas") == nil {
		return nil, fmt.Errorf("it is no contract of targets: it has no webhook %s", action.OnEvent)
	}
	return &Document{o}, nil
}

// SchemaFor gives the schema of the body that a target gets for a call or an event, as a
// JSON Schema that needs nothing else. typed tells whether a core has described it, or
// whether it is that of every body of the phase.
func (d *Document) SchemaFor(phase action.Phase, name string) (schema Object, typed bool, err error) {
	ref, typed := d.bodyOf(string(phase) + "." + name)
	if !typed {
		ref, _ = d.bodyOf(string(phase))
	}
	if ref == "" {
		return nil, false, fmt.Errorf("it is no contract of targets: it has no webhook %s", phase)
	}
	definitions, need := map[string]Object{}, []string{ref}
	for len(need) > 0 {
		next := need[0]
		need = need[1:]
		if definitions[next] != nil {
			continue
		}
		of := d.component(next)
		if of == nil {
			return nil, false, fmt.Errorf("it is no contract of targets: it has no schema %s", next)
		}
		placed, _ := localized(of, &need).(Object)
		definitions[next] = placed
	}
	all := Object{}
	for _, name := range sorted(definitions) {
		all = append(all, Member{name, definitions[name]})
	}
	return Pairs("$schema", "https://json-schema.org/draft/2020-12/schema", "$ref", ownDefinitions+ref, "$defs", all), typed, nil
}

// bodyOf names the schema of a webhook's body.
func (d *Document) bodyOf(key string) (string, bool) {
	hook, _ := d.object.Under("webhooks").Get(key).(Object)
	for _, m := range hook.Under("post").Under("requestBody").Under("content") {
		content, _ := m.Value.(Object)
		ref, _ := content.Under("schema").Get("$ref").(string)
		return strings.TrimPrefix(ref, components), ref != ""
	}
	return "", false
}

func (d *Document) component(name string) Object {
	return d.object.Under("components").Under("schemas").Under(name)
}

// localized is a schema that names its neighbours as its own $defs; it adds them to need.
func localized(value any, need *[]string) any {
	switch v := value.(type) {
	case Object:
		next := make(Object, 0, len(v))
		for _, m := range v {
			ref, isText := m.Value.(string)
			if name, ours := strings.CutPrefix(ref, components); isText && ours && isReference(m.Name) {
				*need = append(*need, name)
				next = append(next, Member{m.Name, ownDefinitions + name})
				continue
			}
			next = append(next, Member{m.Name, localized(m.Value, need)})
		}
		return next
	case []any:
		next := make([]any, len(v))
		for i := range v {
			next[i] = localized(v[i], need)
		}
		return next
	}
	return value
}

// Typed are the names of a phase whose bodies a core has described, sorted.
func (d *Document) Typed(phase action.Phase) []string {
	var names []string
	for _, m := range d.object.Under("webhooks") {
		if name, of := strings.CutPrefix(m.Name, string(phase)+"."); of {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Has tells whether a JSON Pointer can name something in the body of a typed name: where
// the schema says nothing of what is there, it can.
func (d *Document) Has(phase action.Phase, name, pointer string) bool {
	ref, typed := d.bodyOf(string(phase) + "." + name)
	if !typed {
		return true
	}
	var parts []string
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		parts = append(parts, strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
	}
	return pointer == "" || (&looking{document: d}).has(Reference(ref), parts, 0)
}

// Bounds of a look for what a pointer may name: references that are followed from one to
// the next, and schemas that are looked at. Behind them it may name something.
const (
	maxHops  = 64
	maxLooks = 20000
)

// looking is one look for what a pointer may name. A few schemas that name each other have
// more ways through them than anybody can go.
type looking struct {
	document *Document
	looks    int
}

func (l *looking) has(schema Object, parts []string, hops int) bool {
	if l.looks++; l.looks > maxLooks {
		return true
	}
	if ref, _ := schema.Get("$ref").(string); ref != "" && hops < maxHops {
		return l.has(l.document.component(strings.TrimPrefix(ref, components)), parts, hops+1)
	}
	if len(parts) == 0 {
		return true
	}
	if parts[0] == "*" {
		return l.hasAny(schema, parts, hops)
	}
	for _, word := range []string{"allOf", "oneOf", "anyOf"} {
		choices, _ := schema.Get(word).([]any)
		for _, choice := range choices {
			if of, _ := choice.(Object); hops < maxHops && of != nil && known(of) && l.has(of, parts, hops+1) {
				return true
			}
		}
		if len(choices) > 0 {
			return false
		}
	}
	if schema.Get("items") != nil {
		below := schema.Under("items")
		return below == nil || l.has(below, parts[1:], 0)
	}
	if below := schema.Under("properties").Get(parts[0]); below != nil {
		of, _ := below.(Object)
		return l.has(of, parts[1:], 0)
	}
	switch more := schema.Get("additionalProperties").(type) {
	case Object:
		return l.has(more, parts[1:], 0)
	case bool:
		return more
	}
	return !known(schema)
}

// hasAny is has for a pointer that goes on at any member, or any element.
func (l *looking) hasAny(schema Object, parts []string, hops int) bool {
	if hops >= maxHops {
		return true
	}
	for _, m := range schema.Under("properties") {
		if l.has(schema, append([]string{m.Name}, parts[1:]...), hops+1) {
			return true
		}
	}
	return schema.Under("properties") == nil && l.has(schema, append([]string{"0"}, parts[1:]...), hops+1)
}

// known tells whether a schema says what is in it.
func known(schema Object) bool {
	return schema.Get("properties") != nil || schema.Get("type") != nil && schema.Get("type") != "object" ||
		schema.Get("$ref") != nil || schema.Get("allOf") != nil || schema.Get("oneOf") != nil || schema.Get("enum") != nil
}

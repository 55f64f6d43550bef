package contract

import (
	"errors"
	"fmt"
	"strings"

	"github.com/callout-hq/callout/pkg/catalog"
)

// Schemas that a core gives itself.

const ownDefinitions = "#/$defs/"

var errForeign = errors.New("it refers to something beside its own $defs")

// isReference tells whether a keyword names another schema.
func isReference(keyword string) bool { return keyword == "$ref" || keyword == "$dynamicRef" }

// given are the names that what a core has given has in a document.
type given struct {
	taken map[string]bool
	by    map[string]Object // what stands for a schema, by the key that it is given under
	names map[string]string // of bodies, by what they are of
}

// bodyOf names the body of an event or a function, which may be declared twice.
func (g *given) bodyOf(schema, of string) string {
	key := schema + " " + of
	if g.names[key] == "" {
		g.names[key] = g.free(schema + "." + component(of))
	}
	return g.names[key]
}

// free takes a name, with a number behind it where it is taken: of keys and $defs that
// differ in a sign alone, or in where one ends, each has its own.
func (g *given) free(name string) string {
	next := name
	for n := 2; g.taken[next]; n++ {
		next = fmt.Sprint(name, n)
	}
	g.taken[next] = true
	return next
}

// named gives what stands for the schema that a core has given under a key; nil = it has
// given none. Its $defs become schemas of their own.
func (r *reading) named(key string) (Object, error) {
	raw, isGiven := r.core.Schemas[key]
	if !isGiven || r.given.by[key] != nil {
		return r.given.by[key], nil
	}
	schema, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("schemas %s: %w", key, err)
	}
	name := r.given.free("given." + component(key))
	own := definitions{}
	for _, d := range schema.Under("$defs") {
		own[d.Name] = r.given.free(name + "." + component(d.Name))
	}
	for _, d := range schema.Under("$defs") {
		below, ok := d.Value.(Object)
		if !ok {
			return nil, fmt.Errorf("schemas %s: $defs.%s is no object", key, d.Name)
		}
		if err := r.place(own, own[d.Name], below); err != nil {
			return nil, fmt.Errorf("schemas %s: %w", key, err)
		}
	}
	if err := r.place(own, name, schema.Without("$defs", "$schema", "$id")); err != nil {
		return nil, fmt.Errorf("schemas %s: %w", key, err)
	}
	r.given.by[key] = Reference(name)
	return r.given.by[key], nil
}

func (r *reading) place(own definitions, name string, schema Object) error {
	placed, err := own.placed(schema)
	if err == nil {
		r.put(name, placed.(Object)) //nolint:forcetypeassert // of an object comes one
	}
	return err
}

// definitions are the $defs of a schema: their names as components, by their own.
type definitions map[string]string

// placed is a schema as it stands in a document: what names its own $defs names
// components.
func (own definitions) placed(value any) (any, error) {
	switch v := value.(type) {
	case Object:
		next := make(Object, 0, len(v))
		for _, m := range v {
			if ref, isText := m.Value.(string); isText && isReference(m.Name) {
				name, found := strings.CutPrefix(ref, ownDefinitions)
				if !found || strings.ContainsAny(name, "/~%") {
					return nil, errForeign
				}
				if own[name] == "" {
					return nil, fmt.Errorf("it refers to %s of its $defs, which is not there", catalog.Quote(name))
				}
				next = append(next, Member{m.Name, components + own[name]})
				continue
			}
			below, err := own.placed(m.Value)
			if err != nil {
				return nil, err
			}
			next = append(next, Member{m.Name, below})
		}
		return next, nil
	case []any:
		next := make([]any, len(v))
		for i := range v {
			var err error
			if next[i], err = own.placed(v[i]); err != nil {
				return nil, err
			}
		}
		return next, nil
	}
	return value, nil
}

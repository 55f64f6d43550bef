package contract

import (
	"errors"
	"fmt"
	"strings"
)

// Schemas that a core gives itself.

const ownDefinitions = "#/$defs/"

var errForeign = errors.New("it refers to something beside its own $defs")

// named gives what stands for the schema that a core has given under a name; nil = it has
// given none. Its $defs become schemas of their own.
func (r *reading) named(key string) (Object, error) {
	raw, given := r.core.Schemas[key]
	if !given {
		return nil, nil
	}
	schema, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("schemas %s: %w", key, err)
	}
	// Of two keys that differ in a sign alone the phase is another, or the name is.
	name := "given." + component(key)
	for _, d := range schema.Under("$defs") {
		below, ok := d.Value.(Object)
		if !ok {
			return nil, fmt.Errorf("schemas %s: $defs.%s is no object", key, d.Name)
		}
		placed, err := place(below, name)
		if err != nil {
			return nil, fmt.Errorf("schemas %s: %w", key, err)
		}
		r.put(name+"."+component(d.Name), placed.(Object)) //nolint:forcetypeassert // of an object comes one
	}
	placed, err := place(schema.Without("$defs", "$schema", "$id"), name)
	if err != nil {
		return nil, fmt.Errorf("schemas %s: %w", key, err)
	}
	r.put(name, placed.(Object)) //nolint:forcetypeassert // of an object comes one
	return Reference(name), nil
}

// place writes a schema as it stands in a document: what names its own $defs names
// components.
func place(value any, name string) (any, error) {
	switch v := value.(type) {
	case Object:
		next := make(Object, 0, len(v))
		for _, m := range v {
			if ref, isText := m.Value.(string); isText && (m.Name == "$ref" || m.Name == "$dynamicRef") {
				own, found := strings.CutPrefix(ref, ownDefinitions)
				if !found || strings.ContainsAny(own, "/~%") {
					return nil, errForeign
				}
				next = append(next, Member{m.Name, components + name + "." + component(own)})
				continue
			}
			below, err := place(m.Value, name)
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
			if next[i], err = place(v[i], name); err != nil {
				return nil, err
			}
		}
		return next, nil
	}
	return value, nil
}

// Package contracttest holds bodies against their schemas, in tests.
package contracttest

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/callout-hq/callout/pkg/contract"
)

// base is where the schemas of bodies lie for the compiler, which loads nothing.
const base = "callout:///schemas/"

// compiler knows the schemas of all bodies. Formats count: a time is one of RFC 3339.
func compiler() (*jsonschema.Compiler, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	for _, b := range contract.Bodies() {
		schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Name, err)
		}
		if err := c.AddResource(base+b.Name+".json", schema); err != nil {
			return nil, err
		}
	}
	return c, nil
}

var (
	bodies   = sync.OnceValues(compiler)
	compiled sync.Mutex // the compiler is for one at a time
)

// Check tells what is wrong with a body, which is to be as the schema of this name says;
// nil when nothing is. It is safe for concurrent use.
func Check(name string, raw []byte) error {
	compiled.Lock()
	defer compiled.Unlock()
	c, err := bodies()
	if err != nil {
		return err
	}
	schema, err := c.Compile(base + name + ".json")
	if err != nil {
		return err
	}
	return validate(schema, raw)
}

// CheckBy is Check by a schema that is a value of its own, with all that it refers to
// inside: at is a JSON Pointer into it.
func CheckBy(document []byte, at string) (func(raw []byte) error, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("callout:///document.json", value); err != nil {
		return nil, err
	}
	schema, err := c.Compile("callout:///document.json#" + at)
	if err != nil {
		return nil, err
	}
	return func(raw []byte) error { return validate(schema, raw) }, nil
}

func validate(schema *jsonschema.Schema, raw []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

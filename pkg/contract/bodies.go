package contract

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/callout-hq/callout/schemas"
)

const jsonEnding = ".json"

// Body is the schema of a body, under its name.
type Body struct {
	Name   string
	Schema Object // as its file has it
	Text   []byte // the file
}

// Bodies are the schemas of schemas/bodies, by their names. They must not be written to.
var Bodies = sync.OnceValue(func() []Body {
	files, err := fs.ReadDir(schemas.Bodies, "bodies")
	if err != nil {
		panic(err) // they are a part of the program
	}
	all := make([]Body, 0, len(files))
	for _, f := range files {
		text, err := fs.ReadFile(schemas.Bodies, "bodies/"+f.Name())
		if err != nil {
			panic(err)
		}
		schema, err := Parse(text)
		if err != nil {
			panic(fmt.Sprintf("schemas/bodies/%s: %v", f.Name(), err))
		}
		all = append(all, Body{Name: strings.TrimSuffix(f.Name(), jsonEnding), Schema: schema, Text: text})
	}
	return all
})

// BodyOf gives the schema of a body; its Schema is nil where there is none of this name.
func BodyOf(name string) Body {
	all := Bodies()
	if at := slices.IndexFunc(all, func(b Body) bool { return b.Name == name }); at >= 0 {
		return all[at]
	}
	return Body{}
}

// Reference is one to a schema of a document.
func Reference(name string) Object { return Pairs("$ref", components+name) }

const components = "#/components/schemas/"

// Components are schemas as a document holds them: the named ones, and all that these
// name, in the order of their names.
func Components(names ...string) Object {
	seen := map[string]Object{}
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if _, twice := seen[name]; twice {
			continue
		}
		schema := BodyOf(name).Schema
		if schema == nil {
			panic("there is no schema " + name)
		}
		var more []string
		o, _ := within(schema.Without("$schema", "title"), &more).(Object)
		seen[name] = o
		names = append(names, more...)
	}
	all := Object{}
	for _, name := range sorted(seen) {
		all = append(all, Member{name, seen[name]})
	}
	return all
}

func sorted(of map[string]Object) []string {
	names := make([]string, 0, len(of))
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// within writes a value of a schema's file as it stands in a document: what names a file
// names a component. It adds what is named to more.
func within(value any, more *[]string) any {
	switch v := value.(type) {
	case Object:
		next := make(Object, 0, len(v))
		for _, m := range v {
			name, isText := m.Value.(string)
			if m.Name == "$ref" && isText {
				name = strings.TrimSuffix(name, jsonEnding)
				*more = append(*more, name)
				next = append(next, Member{"$ref", components + name})
				continue
			}
			if m.Name == "examples" { // of any form: nothing in them is a reference
				next = append(next, m)
				continue
			}
			next = append(next, Member{m.Name, within(m.Value, more)})
		}
		return next
	case []any:
		next := make([]any, len(v))
		for i := range v {
			next[i] = within(v[i], more)
		}
		return next
	}
	return value
}

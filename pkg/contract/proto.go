package contract

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// messages writes schemas of protobuf messages, each once: exactly what protojson writes
// of them, since that is what a core sends. Names are in lowerCamelCase, nothing is
// required since what has its default is left out, an int64 is a text, a duration is 1.5s.
//
// What is put is bounded: once it is too much, over is true and the rest is not written.
type messages struct {
	schemas Object
	at      map[string]int // where one stands among schemas
	written int            // about how many bytes schemas are
	over    bool
}

func newMessages() *messages { return &messages{at: map[string]int{}} }

// schemaOf gives what stands for a message where it is named. Its schema, and those of
// what is in it, are among schemas from then on: one that holds itself ends there.
func (m *messages) schemaOf(d protoreflect.MessageDescriptor) Object {
	if schema, known := wellKnown(d); known {
		if schema.Get("type") != "object" && schema.Get("oneOf") == nil {
			return schema
		}
		m.put(string(d.FullName()), schema)
		return Reference(string(d.FullName()))
	}
	name := nameOf(d)
	if d.IsPlaceholder() { // of a file that was not sent along
		m.put(name, Pairs("type", "object", "description", "The core's descriptors do not say what is in it.", "additionalProperties", true))
		return Reference(name)
	}
	if _, begun := m.at[name]; !begun && !m.over {
		at := m.reserve(name) // before those in it
		m.schemas[at].Value = m.weighed(m.object(d))
	}
	return Reference(name)
}

// nameOf is the name of what a file declares, as that of a schema: with a dot, which none
// of ours has.
func nameOf(d protoreflect.Descriptor) string {
	if name := string(d.FullName()); strings.Contains(name, ".") {
		return name
	}
	return "message." + string(d.FullName())
}

func (m *messages) put(name string, schema Object) {
	if _, begun := m.at[name]; !begun && !m.over {
		m.schemas[m.reserve(name)].Value = m.weighed(schema)
	}
}

// reserve makes a place for a schema.
func (m *messages) reserve(name string) int {
	at := len(m.schemas)
	m.schemas, m.at[name] = append(m.schemas, Member{name, nil}), at
	return at
}

// of gives the schema of a name; nil = there is none.
func (m *messages) of(name string) Object {
	at, known := m.at[name]
	if !known {
		return nil
	}
	schema, _ := m.schemas[at].Value.(Object)
	return schema
}

// weighed counts what is written.
func (m *messages) weighed(schema Object) Object {
	m.written += weight(schema)
	m.over = m.over || m.written > maxWritten
	return schema
}

func (m *messages) object(d protoreflect.MessageDescriptor) Object {
	properties := Object{}
	for i := range d.Fields().Len() {
		if m.over {
			break
		}
		f := d.Fields().Get(i)
		schema := m.field(f)
		if says := m.says(f); says != "" {
			schema = schema.With("description", says)
		}
		properties = append(properties, Member{f.JSONName(), schema})
	}
	o := Pairs("type", "object")
	if says := commentOf(d); says != "" {
		o = append(o, Member{"description", says})
	}
	return append(o, Member{"properties", properties})
}

// says is the comment of a field, and which others do not come beside it.
func (m *messages) says(f protoreflect.FieldDescriptor) string {
	says := commentOf(f)
	of := f.ContainingOneof()
	if of == nil || of.IsSynthetic() || of.Fields().Len() < 2 {
		return says
	}
	var names []string
	for i := range of.Fields().Len() {
		names = append(names, of.Fields().Get(i).JSONName())
	}
	return strings.TrimSpace(says + "\nAt most one of these comes: " + strings.Join(names, ", ") + ".")
}

// commentOf is what stands before a declaration, where the descriptors have that.
func commentOf(d protoreflect.Descriptor) string {
	return strings.TrimSpace(d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments)
}

func (m *messages) field(f protoreflect.FieldDescriptor) Object {
	switch {
	case f.IsMap():
		name := nameOf(f.Message())
		m.put(name, Pairs("type", "object", "additionalProperties", m.single(f.MapValue())))
		return Reference(name)
	case f.IsList():
		return Pairs("type", "array", "items", m.single(f))
	}
	return m.single(f)
}

// double is the name of what a float or double is written as, which is as DoubleValue is:
// three values are texts.
const double = "google.protobuf.DoubleValue"

// single is the schema of one value.
func (m *messages) single(f protoreflect.FieldDescriptor) Object {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return m.schemaOf(f.Message())
	case protoreflect.EnumKind:
		return m.enum(f.Enum())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		m.put(double, doubleSchema())
		return Reference(double)
	}
	return scalar(f.Kind())
}

// scalar is the schema of a kind of its own form.
func scalar(kind protoreflect.Kind) Object {
	switch kind {
	case protoreflect.BoolKind:
		return Pairs("type", "boolean")
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return Pairs("type", "integer", "format", "int32")
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return Pairs("type", "integer", "format", "int64", "minimum", 0, "maximum", 1<<32-1)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return Pairs("type", "string", "format", "int64", "pattern", "^-?[0-9]+$")
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return Pairs("type", "string", "format", "uint64", "pattern", "^[0-9]+$")
	case protoreflect.BytesKind:
		return Pairs("type", "string", "contentEncoding", "base64", "pattern", "^[A-Za-z0-9+/]*={0,2}$")
	}
	return Pairs("type", "string")
}

func doubleSchema() Object {
	return Pairs("description", "A number; what is none comes as a text.",
		"oneOf", []any{Pairs("type", "number"), Pairs("type", "string", "enum", []string{"NaN", "Infinity", "-Infinity"})})
}

// enum names the values. One that the core's descriptors do not name, since it got it from
// somebody newer, comes as a number; generators would make too much of that to say so in
// the type.
func (m *messages) enum(e protoreflect.EnumDescriptor) Object {
	if e.FullName() == "google.protobuf.NullValue" {
		return Pairs("type", "null")
	}
	var names []string
	seen := map[protoreflect.EnumNumber]bool{}
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		if !seen[v.Number()] { // of those with one number the first is written
			seen[v.Number()] = true
			names = append(names, string(v.Name()))
		}
	}
	says := strings.TrimSpace(commentOf(e) + "\nA value that has no name here comes as a number.")
	m.put(nameOf(e), Pairs("type", "string", "description", says, "enum", names))
	return Reference(nameOf(e))
}

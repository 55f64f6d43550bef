package calloutproto

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/callout-hq/callout/pkg/wire"
)

// prune gives changed without what a message of type d has no place for: the
// members that it does not know, and of a oneof the branch that stands as it was
// sent beside another that came. Merging JSON leaves both, for it knows no
// oneofs. Everything else stays, also what is wrong: whether the rest fits is
// for protojson to say.
func prune(d protoreflect.MessageDescriptor, sent, changed []byte) []byte {
	if err := wire.CheckJSON(changed); err != nil { // the rest takes the text for checked
		return changed
	}
	return pruneMessage(d, sent, changed)
}

// branch is a member of an object that a field of a message is set by.
type branch struct {
	field protoreflect.FieldDescriptor
	wire.Member
}

func pruneMessage(d protoreflect.MessageDescriptor, sent, changed []byte) []byte {
	switch {
	case isAny(d):
		return pruneAny(sent, changed)
	case isSpecial(d):
		return changed
	}
	return pruneFields(d, sent, changed, "")
}

// pruneFields keeps the fields of d, and the member named also.
func pruneFields(d protoreflect.MessageDescriptor, sent, changed []byte, also string) []byte {
	members, ok := wire.Split(changed, nil)
	if !ok {
		return changed
	}
	was := sentFields(d, sent)
	var kept []branch
	for _, m := range members {
		if field := fieldOf(d, m.Name); field != nil || also != "" && m.Name == also {
			kept = append(kept, branch{field, m})
		}
	}
	out := make([]byte, 0, len(changed))
	out = append(out, '{')
	for _, b := range kept {
		value := changed[b.ValStart:b.ValEnd]
		if b.field != nil {
			if gaveWay(b, kept, was, changed) {
				continue
			}
			value = pruneField(b.field, was[b.field.Number()], value)
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(out, changed[b.Start:b.ValStart]...), value...)
	}
	return append(out, '}')
}

// gaveWay tells whether a branch of a oneof is as it was sent, and another
// branch came beside it.
func gaveWay(b branch, kept []branch, was map[protoreflect.FieldNumber][]byte, changed []byte) bool {
	oneof := b.field.ContainingOneof()
	if oneof == nil || !alike(was[b.field.Number()], changed[b.ValStart:b.ValEnd]) {
		return false
	}
	for _, other := range kept {
		if other.field != nil && other.field != b.field && other.field.ContainingOneof() == oneof &&
			sets(other.field, changed[other.ValStart:other.ValEnd]) {
			return true
		}
	}
	return false
}

// sets tells whether a value sets its field: null does not, but where it is a
// value of its own.
func sets(field protoreflect.FieldDescriptor, value []byte) bool {
	if string(value) != "null" {
		return true
	}
	switch {
	case field.Message() != nil:
		return field.Message().FullName() == "google.protobuf.Value"
	case field.Enum() != nil:
		return field.Enum().FullName() == "google.protobuf.NullValue"
	}
	return false
}

func pruneField(field protoreflect.FieldDescriptor, sent, value []byte) []byte {
	switch {
	case field.IsMap():
		if of := field.MapValue().Message(); of != nil {
			return pruneEntries(of, sent, value)
		}
	case field.Message() == nil:
	case field.IsList():
		return pruneElements(field.Message(), sent, value)
	default:
		return pruneMessage(field.Message(), sent, value)
	}
	return value
}

// pruneEntries prunes the messages of a map.
func pruneEntries(d protoreflect.MessageDescriptor, sent, changed []byte) []byte {
	entries, ok := wire.Split(changed, nil)
	if !ok {
		return changed
	}
	was := map[string][]byte{}
	before, _ := wire.Split(sent, nil)
	for _, m := range before {
		was[m.Name] = sent[m.ValStart:m.ValEnd]
	}
	out := append(make([]byte, 0, len(changed)), '{')
	for i, m := range entries {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, changed[m.Start:m.ValStart]...), pruneMessage(d, was[m.Name], changed[m.ValStart:m.ValEnd])...)
	}
	return append(out, '}')
}

// pruneElements prunes the messages of a list. An element is held against the
// one that was sent in its place.
func pruneElements(d protoreflect.MessageDescriptor, sent, changed []byte) []byte {
	elements, ok := wire.SplitList(changed, nil)
	if !ok {
		return changed
	}
	before, _ := wire.SplitList(sent, nil)
	out := append(make([]byte, 0, len(changed)), '[')
	for i, e := range elements {
		var was []byte
		if i < len(before) {
			was = sent[before[i].ValStart:before[i].ValEnd]
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, pruneMessage(d, was, changed[e.ValStart:e.ValEnd])...)
	}
	return append(out, ']')
}

const typeURL = "@type"

// pruneAny prunes the message in an Any, if its type is known and stands among
// its members.
func pruneAny(sent, changed []byte) []byte {
	name := typeOf(changed)
	of, err := protoregistry.GlobalTypes.FindMessageByURL(name)
	if err != nil || isSpecial(of.Descriptor()) || of.Descriptor().FullName() == "google.protobuf.Empty" {
		return changed
	}
	if typeOf(sent) != name {
		sent = nil
	}
	return pruneFields(of.Descriptor(), sent, changed, typeURL)
}

func typeOf(text []byte) string {
	members, _ := wire.Split(text, nil)
	for _, m := range members {
		if m.Name == typeURL {
			name, _ := wire.Text(text[m.ValStart:m.ValEnd])
			return name
		}
	}
	return ""
}

// sentFields are the values that were sent, by the numbers of their fields.
func sentFields(d protoreflect.MessageDescriptor, sent []byte) map[protoreflect.FieldNumber][]byte {
	members, _ := wire.Split(sent, nil)
	was := make(map[protoreflect.FieldNumber][]byte, len(members))
	for _, m := range members {
		if field := fieldOf(d, m.Name); field != nil {
			was[field.Number()] = sent[m.ValStart:m.ValEnd]
		}
	}
	return was
}

// fieldOf finds a field by either of its names, or an extension by [its name].
func fieldOf(d protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if last := len(name) - 1; last > 1 && name[0] == '[' && name[last] == ']' {
		extension, err := protoregistry.GlobalTypes.FindExtensionByName(protoreflect.FullName(name[1:last]))
		if err != nil || extension.TypeDescriptor().ContainingMessage().FullName() != d.FullName() {
			return nil
		}
		return extension.TypeDescriptor()
	}
	if field := d.Fields().ByJSONName(name); field != nil {
		return field
	}
	return d.Fields().ByTextName(name)
}

// alike tells whether two values are the same JSON, however they are written.
func alike(sent, value []byte) bool {
	if bytes.Equal(sent, value) {
		return true
	}
	a, b := jsontext.Value(bytes.Clone(sent)), jsontext.Value(bytes.Clone(value))
	return a.Canonicalize() == nil && b.Canonicalize() == nil && bytes.Equal(a, b)
}

func isAny(d protoreflect.MessageDescriptor) bool { return d.FullName() == "google.protobuf.Any" }

// special are the messages of google.protobuf whose JSON is not an object of
// their fields.
var special = map[protoreflect.FullName]bool{
	"google.protobuf.Any": true, "google.protobuf.Timestamp": true, "google.protobuf.Duration": true, "google.protobuf.FieldMask": true,
	"google.protobuf.Struct": true, "google.protobuf.ListValue": true, "google.protobuf.Value": true,
	"google.protobuf.DoubleValue": true, "google.protobuf.FloatValue": true, "google.protobuf.Int64Value": true,
	"google.protobuf.UInt64Value": true, "google.protobuf.Int32Value": true, "google.protobuf.UInt32Value": true,
	"google.protobuf.BoolValue": true, "google.protobuf.StringValue": true, "google.protobuf.BytesValue": true,
}

func isSpecial(d protoreflect.MessageDescriptor) bool { return special[d.FullName()] }

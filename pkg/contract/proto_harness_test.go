package contract

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/timestamppb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
)

// kindsOfFields are those that a field of all.v1.All has, alone, in a list, as the value of
// a map and in a oneof.
var kindsOfFields = []struct {
	name string
	of   descriptorpb.FieldDescriptorProto_Type
	ref  string
}{
	{"bool", descriptorpb.FieldDescriptorProto_TYPE_BOOL, ""}, {"int32", descriptorpb.FieldDescriptorProto_TYPE_INT32, ""},
	{"sint32", descriptorpb.FieldDescriptorProto_TYPE_SINT32, ""}, {"sfixed32", descriptorpb.FieldDescriptorProto_TYPE_SFIXED32, ""},
	{"uint32", descriptorpb.FieldDescriptorProto_TYPE_UINT32, ""}, {"fixed32", descriptorpb.FieldDescriptorProto_TYPE_FIXED32, ""},
	{"int64", descriptorpb.FieldDescriptorProto_TYPE_INT64, ""}, {"sint64", descriptorpb.FieldDescriptorProto_TYPE_SINT64, ""},
	{"sfixed64", descriptorpb.FieldDescriptorProto_TYPE_SFIXED64, ""}, {"uint64", descriptorpb.FieldDescriptorProto_TYPE_UINT64, ""},
	{"fixed64", descriptorpb.FieldDescriptorProto_TYPE_FIXED64, ""}, {"float", descriptorpb.FieldDescriptorProto_TYPE_FLOAT, ""},
	{"double", descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, ""}, {"string", descriptorpb.FieldDescriptorProto_TYPE_STRING, ""},
	{"bytes", descriptorpb.FieldDescriptorProto_TYPE_BYTES, ""}, {"color", descriptorpb.FieldDescriptorProto_TYPE_ENUM, ".all.v1.Color"},
	{"null", descriptorpb.FieldDescriptorProto_TYPE_ENUM, ".google.protobuf.NullValue"},
	{"all", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".all.v1.All"},
	{"timestamp", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.Timestamp"},
	{"duration", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.Duration"},
	{"mask", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.FieldMask"},
	{"struct", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.Struct"},
	{"value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.Value"},
	{"list_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.ListValue"},
	{"any", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.Any"},
	{"empty", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.Empty"},
	{"double_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.DoubleValue"},
	{"float_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.FloatValue"},
	{"int64_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.Int64Value"},
	{"uint64_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.UInt64Value"},
	{"int32_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.Int32Value"},
	{"uint32_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.UInt32Value"},
	{"bool_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.BoolValue"},
	{"string_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.StringValue"},
	{"bytes_value", descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".google.protobuf.BytesValue"},
}

// allFile is a file with a message that has a field of every kind in every place, and a
// service that takes and gives it.
func allFile() *descriptorpb.FileDescriptorProto {
	all := &descriptorpb.DescriptorProto{Name: proto.String("All"), OneofDecl: []*descriptorpb.OneofDescriptorProto{{Name: proto.String("choice")}}}
	var choices []*descriptorpb.FieldDescriptorProto
	number := int32(0)
	field := func(name string, label descriptorpb.FieldDescriptorProto_Label, of descriptorpb.FieldDescriptorProto_Type, ref string) *descriptorpb.FieldDescriptorProto {
		number++
		f := &descriptorpb.FieldDescriptorProto{Name: proto.String(name), Number: proto.Int32(number), Label: label.Enum(), Type: of.Enum()}
		if ref != "" {
			f.TypeName = proto.String(ref)
		}
		return f
	}
	const one, many = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL, descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	for _, k := range kindsOfFields {
		choice := field("choice_"+k.name, one, k.of, k.ref)
		choice.OneofIndex = proto.Int32(0)
		entry := camel("map_"+k.name) + "Entry"
		value := field("value", one, k.of, k.ref)
		value.Number = proto.Int32(2)
		key := []descriptorpb.FieldDescriptorProto_Type{descriptorpb.FieldDescriptorProto_TYPE_STRING, descriptorpb.FieldDescriptorProto_TYPE_INT64, descriptorpb.FieldDescriptorProto_TYPE_BOOL}[number%3]
		all.NestedType = append(all.NestedType, &descriptorpb.DescriptorProto{Name: proto.String(entry), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
			Field: []*descriptorpb.FieldDescriptorProto{{Name: proto.String("key"), Number: proto.Int32(1), Label: one.Enum(), Type: key.Enum()}, value}})
		choices = append(choices, choice)
		all.Field = append(all.Field, field("one_"+k.name, one, k.of, k.ref), field("many_"+k.name, many, k.of, k.ref),
			field("map_"+k.name, many, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE, ".all.v1.All."+entry))
	}
	all.Field = append(all.Field, choices...) // those of a oneof stand together
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("all/v1/all.proto"), Package: proto.String("all.v1"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{all},
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: proto.String("Color"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: proto.String("COLOR_UNSPECIFIED"), Number: proto.Int32(0)}, {Name: proto.String("RED"), Number: proto.Int32(1)}, {Name: proto.String("BLUE"), Number: proto.Int32(-2)}}}},
		Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("AllService"), Method: []*descriptorpb.MethodDescriptorProto{
			{Name: proto.String("Do"), InputType: proto.String(".all.v1.All"), OutputType: proto.String(".all.v1.All")}}}},
		SourceCodeInfo: &descriptorpb.SourceCodeInfo{Location: []*descriptorpb.SourceCodeInfo_Location{{Path: []int32{4, 0}, Span: []int32{1, 0, 1}, LeadingComments: proto.String(" All is everything.\n")}}},
	}
	for _, known := range []string{"any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"} {
		file.Dependency = append(file.Dependency, "google/protobuf/"+known+".proto")
	}
	return file
}

// camel writes a name as protoc names the entries of maps.
func camel(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "_") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

func allMessage(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	file, err := protodesc.NewFile(allFile(), protoregistry.GlobalFiles)
	require.NoError(t, err)
	return file.Messages().ByName("All")
}

// maker makes random messages that protojson can write.
type maker struct {
	*rand.Rand
	of protoreflect.MessageDescriptor // what Any holds too
}

func (r *maker) message(d protoreflect.MessageDescriptor, depth int) *dynamicpb.Message {
	m := dynamicpb.NewMessage(d)
	if d.Fields().Len() == 0 || r.special(m, depth) {
		return m
	}
	for range r.IntN(12) {
		f := d.Fields().Get(r.IntN(d.Fields().Len()))
		switch {
		case f.IsMap():
			for range r.IntN(3) {
				m.Mutable(f).Map().Set(r.value(f.MapKey(), depth).MapKey(), r.value(f.MapValue(), depth))
			}
		case f.IsList():
			for range r.IntN(3) {
				m.Mutable(f).List().Append(r.value(f, depth))
			}
		default:
			m.Set(f, r.value(f, depth))
		}
	}
	return m
}

// special fills messages whose fields are bound to each other.
func (r *maker) special(m *dynamicpb.Message, depth int) bool {
	set := func(name string, v any) {
		m.Set(m.Descriptor().Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOf(v))
	}
	from := func(made proto.Message) {
		raw, err := proto.Marshal(made)
		if err == nil {
			err = proto.Unmarshal(raw, m)
		}
		if err != nil {
			panic(err)
		}
	}
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		set("seconds", r.Int64N(253402300799+62135596800)-62135596800)
		set("nanos", []int32{0, 500_000_000, 1_000, 7}[r.IntN(4)])
	case "google.protobuf.Duration":
		sign := int64(1 - 2*r.IntN(2))
		set("seconds", sign*r.Int64N(315576000000))
		set("nanos", int32(sign)*[]int32{0, 500_000_000, 1_000, 7}[r.IntN(4)])
	case "google.protobuf.FieldMask":
		for range r.IntN(3) {
			m.Mutable(m.Descriptor().Fields().ByName("paths")).List().Append(protoreflect.ValueOf([]string{"a", "user_name", "a.b_c"}[r.IntN(3)]))
		}
	case "google.protobuf.Struct":
		made, _ := structpb.NewStruct(map[string]any{"a": []any{nil, 1.5, true}, "b": map[string]any{"c": r.text()}})
		from(made)
	case "google.protobuf.Value":
		made, _ := structpb.NewValue([]any{nil, 1.5, "a", true, []any{nil}, map[string]any{"a": 1}}[r.IntN(6)])
		from(made)
	case "google.protobuf.ListValue":
		made, _ := structpb.NewList([]any{nil, r.text(), 1})
		from(made)
	case "google.protobuf.Any":
		inner, err := anypb.New(r.message(r.of, depth+3))
		if err != nil {
			panic(err)
		}
		from(inner)
	default:
		return false
	}
	return true
}

func (r *maker) text() string {
	return []string{"", "Ada", "ü\"\\<&>", "\x00\n", "😀", "NaN", "1.5s"}[r.IntN(7)]
}

// value is one of a field's kind; deep down messages are empty.
func (r *maker) value(f protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.MessageKind:
		if depth > 3 && f.Message().FullName() == r.of.FullName() {
			return protoreflect.ValueOf(dynamicpb.NewMessage(f.Message()))
		}
		return protoreflect.ValueOf(r.message(f.Message(), depth+1))
	case protoreflect.EnumKind:
		values := f.Enum().Values()
		return protoreflect.ValueOf(values.Get(r.IntN(values.Len())).Number())
	case protoreflect.BoolKind:
		return protoreflect.ValueOf(r.IntN(2) == 0)
	case protoreflect.StringKind:
		return protoreflect.ValueOf(r.text())
	case protoreflect.BytesKind:
		return protoreflect.ValueOf([]byte(r.text()))
	case protoreflect.FloatKind:
		return protoreflect.ValueOf(float32(r.number()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOf(r.number())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOf(int32(r.Uint32()))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOf(r.Uint32())
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOf(int64(r.Uint64()))
	}
	return protoreflect.ValueOf(r.Uint64())
}

func (r *maker) number() float64 {
	return []float64{0, 1.5, -1e30, 1e-7, math.NaN(), math.Inf(1), math.Inf(-1), r.NormFloat64()}[r.IntN(8)]
}

package calloutproto_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/anypb"
	_ "google.golang.org/protobuf/types/known/durationpb"
	_ "google.golang.org/protobuf/types/known/emptypb"
	_ "google.golang.org/protobuf/types/known/fieldmaskpb"
	_ "google.golang.org/protobuf/types/known/structpb"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"
)

// kind is what a field of Every may hold, with JSON that fits it.
type kind struct {
	name string
	of   descriptorpb.FieldDescriptorProto_Type
	ref  string // of a message or enum
	good []string
}

const (
	isMessage = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	isEnum    = descriptorpb.FieldDescriptorProto_TYPE_ENUM
)

var kinds = []kind{
	{"bool", descriptorpb.FieldDescriptorProto_TYPE_BOOL, "", []string{`true`, `false`}},
	{"int32", descriptorpb.FieldDescriptorProto_TYPE_INT32, "", []string{`1`, `"-7"`, `2147483647`, `1e3`}},
	{"sint32", descriptorpb.FieldDescriptorProto_TYPE_SINT32, "", []string{`-1`, `5.0`}},
	{"sfixed32", descriptorpb.FieldDescriptorProto_TYPE_SFIXED32, "", []string{`3`}},
	{"uint32", descriptorpb.FieldDescriptorProto_TYPE_UINT32, "", []string{`4294967295`}},
	{"fixed32", descriptorpb.FieldDescriptorProto_TYPE_FIXED32, "", []string{`8`}},
	{"int64", descriptorpb.FieldDescriptorProto_TYPE_INT64, "", []string{`"9007199254740993"`, `9007199254740993`}},
	{"sint64", descriptorpb.FieldDescriptorProto_TYPE_SINT64, "", []string{`"-5"`}},
	{"sfixed64", descriptorpb.FieldDescriptorProto_TYPE_SFIXED64, "", []string{`6`}},
	{"uint64", descriptorpb.FieldDescriptorProto_TYPE_UINT64, "", []string{`"18446744073709551615"`}},
	{"fixed64", descriptorpb.FieldDescriptorProto_TYPE_FIXED64, "", []string{`2`}},
	{"float", descriptorpb.FieldDescriptorProto_TYPE_FLOAT, "", []string{`1.5`, `"NaN"`, `-0.0`}},
	{"double", descriptorpb.FieldDescriptorProto_TYPE_DOUBLE, "", []string{`1e300`, `"-Infinity"`, `0.1`}},
	{"string", descriptorpb.FieldDescriptorProto_TYPE_STRING, "", []string{`""`, `"ü\u0000<"`, `"\ud83d\ude00"`}},
	{"bytes", descriptorpb.FieldDescriptorProto_TYPE_BYTES, "", []string{`"AP8="`, `"_-8"`, `""`}},
	{"enum", isEnum, ".every.Color", []string{`"RED"`, `1`, `77`}},
	{"null", isEnum, ".google.protobuf.NullValue", []string{`null`, `"NULL_VALUE"`}},
	{"message", isMessage, ".every.Every", []string{`{}`, `{"sBool":true}`, `{"sMessage":{"sInt32":4},"pInt32":0}`}},
	{"timestamp", isMessage, ".google.protobuf.Timestamp", []string{`"2024-02-29T12:00:00.5Z"`, `"1970-01-01T01:00:00+01:00"`}},
	{"duration", isMessage, ".google.protobuf.Duration", []string{`"1.5s"`, `"-3s"`}},
	{"mask", isMessage, ".google.protobuf.FieldMask", []string{`"a,bC.d"`, `""`}},
	{"struct", isMessage, ".google.protobuf.Struct", []string{`{"a":[1,null,{"b":"c"}]}`, `{}`}},
	{"value", isMessage, ".google.protobuf.Value", []string{`null`, `[1,"a"]`, `7`}},
	{"list", isMessage, ".google.protobuf.ListValue", []string{`[]`, `[null,true]`}},
	{"empty", isMessage, ".google.protobuf.Empty", []string{`{}`}},
	{"any", isMessage, ".google.protobuf.Any", []string{
		`{"@type":"type.googleapis.com/acme.user.v1.User","displayName":"a","email":"x"}`,
		`{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}`,
	}},
	{"wrapped", isMessage, ".google.protobuf.Int64Value", []string{`"5"`, `6`}},
	{"text", isMessage, ".google.protobuf.StringValue", []string{`"wrapped"`}},
	{"blob", isMessage, ".google.protobuf.BytesValue", []string{`"AA=="`}},
}

// every is a message with a field of every kind in every way: alone (s_), with
// presence (p_), in a oneof (o_), repeated (r_) and in a map (m_).
var every = func() protoreflect.MessageDescriptor {
	m := &descriptorpb.DescriptorProto{Name: proto.String("Every"), OneofDecl: []*descriptorpb.OneofDescriptorProto{{Name: proto.String("branch")}}}
	add := func(name string, k kind) *descriptorpb.FieldDescriptorProto {
		f := &descriptorpb.FieldDescriptorProto{Name: proto.String(name), Number: proto.Int32(int32(len(m.Field) + 1)),
			Type: k.of.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		if k.ref != "" {
			f.TypeName = proto.String(k.ref)
		}
		m.Field = append(m.Field, f)
		return f
	}
	for _, k := range kinds {
		add("s_"+k.name, k)
		add("r_"+k.name, k).Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		entry := "M" + strings.ToUpper(k.name[:1]) + k.name[1:] + "Entry"
		add("m_"+k.name, kind{of: isMessage, ref: ".every.Every." + entry}).Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		value := &descriptorpb.FieldDescriptorProto{Name: proto.String("value"), Number: proto.Int32(2), Type: k.of.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		if k.ref != "" {
			value.TypeName = proto.String(k.ref)
		}
		m.NestedType = append(m.NestedType, &descriptorpb.DescriptorProto{Name: proto.String(entry), Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
			Field: []*descriptorpb.FieldDescriptorProto{{Name: proto.String("key"), Number: proto.Int32(1), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
				Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}, value}})
	}
	for _, k := range kinds {
		add("o_"+k.name, k).OneofIndex = proto.Int32(0)
	}
	for _, k := range kinds {
		f := add("p_"+k.name, k)
		f.Proto3Optional, f.OneofIndex = proto.Bool(true), proto.Int32(int32(len(m.OneofDecl)))
		m.OneofDecl = append(m.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: proto.String("_p_" + k.name)})
	}
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("every.proto"), Package: proto.String("every"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{m},
		EnumType: []*descriptorpb.EnumDescriptorProto{{Name: proto.String("Color"), Value: []*descriptorpb.EnumValueDescriptorProto{
			{Name: proto.String("NONE"), Number: proto.Int32(0)}, {Name: proto.String("RED"), Number: proto.Int32(1)}}}}}
	for _, known := range []string{"any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"} {
		file.Dependency = append(file.Dependency, "google/protobuf/"+known+".proto")
	}
	made, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		panic(err)
	}
	return made.Messages().ByName("Every")
}()

func newEvery() proto.Message { return dynamicpb.NewMessage(every) }

// jsonName is that of a field: s_int32 is sInt32.
func jsonName(name string) string { return name[:1] + strings.ToUpper(name[2:3]) + name[3:] }

// drawFields gives members that fit Every, or may not when hostile: at most one
// branch of the oneof, each name once, values of their kinds.
func drawFields(t *rapid.T, label string, hostile bool) []string {
	var members []string
	branch := false
	for range rapid.IntRange(0, 5).Draw(t, label+" fields") {
		k := rapid.SampledFrom(kinds).Draw(t, label+" kind")
		way := rapid.SampledFrom([]string{"s_", "p_", "o_", "r_", "m_"}).Draw(t, label+" way")
		name := jsonName(way + k.name)
		if !hostile && (way == "o_" && branch || strings.Contains(strings.Join(members, ","), `"`+name+`":`)) {
			continue
		}
		branch = branch || way == "o_"
		value := rapid.SampledFrom(k.good).Draw(t, label+" value")
		switch {
		case way == "r_" && (value != "null" || k.name == "value" || k.name == "null"):
			value = "[" + value + "," + value + "]"
		case way == "m_" && (value != "null" || k.name == "value" || k.name == "null"):
			value = `{"a":` + value + `,"b":` + value + `}`
		}
		if hostile && rapid.Bool().Draw(t, label+" spoil") {
			value = rapid.SampledFrom(bad).Draw(t, label+" bad")
		}
		if hostile && rapid.IntRange(0, 4).Draw(t, label+" other name") == 0 {
			name = rapid.SampledFrom([]string{way + k.name, "unknown", "@type", "[every.ext]", "[]", "", "sint32"}).Draw(t, label+" name")
		}
		members = append(members, `"`+name+`":`+value)
	}
	return members
}

// bad are values that fit few kinds or none.
var bad = []string{
	`null`, `true`, `"many"`, `1.5`, `-1`, `1e400`, `1e1000000`, `99999999999999999999`, `""`, `{}`, `[]`, `[null]`, `[[]]`, `[{}]`, `{"a":null}`, `{"a":{}}`,
	`{"unknown":1}`, `[{"unknown":1}]`, `{"a":{"unknown":{"deep":[1]}}}`, `"BLUE"`, `["RED","BLUE"]`, `{"a":"BLUE"}`, `"!!!"`, `"AP8"`,
	`"2024-02-30T12:00:00Z"`, `"0000-01-01T00:00:00Z"`, `"1.0000000001s"`, `"315576000001s"`, `"a..b,"`, `{"@type":"x"}`, `{"@type":7}`, `{"@type":"type.googleapis.com/no.Such"}`,
	`{"@type":"type.googleapis.com/acme.user.v1.User","nick":1}`, `{"@type":"type.googleapis.com/acme.user.v1.User","quota":"x"}`,
	`{"@type":"type.googleapis.com/google.protobuf.Empty","value":{"x":1}}`, `{"@type":"type.googleapis.com/google.protobuf.Any","value":{}}`,
	`{"sMessage":{"sInt32":1.5}}`, `{"oBool":true,"oString":"x"}`, `[{"oBool":true,"oString":"x"}]`, `{"sInt32":1,"s_int32":2}`, `"\u0000"`,
}

// fitting is a message with some fields set.
func fitting(t *rapid.T, label string) proto.Message {
	m := newEvery()
	text := "{" + strings.Join(drawFields(t, label, false), ",") + "}"
	require.NoError(t, unmarshal(text, m), text)
	return m
}

func TestEveryHasEveryKind(t *testing.T) {
	seen := map[protoreflect.Kind]bool{}
	fields := every.Fields()
	for i := range fields.Len() {
		seen[fields.Get(i).Kind()] = true
	}
	for k := protoreflect.BoolKind; k <= protoreflect.Sint64Kind; k++ {
		if k != protoreflect.GroupKind && k.IsValid() {
			require.True(t, seen[k], k)
		}
	}
	for _, k := range kinds {
		for _, value := range k.good {
			require.NoError(t, unmarshal(`{"`+jsonName("s_"+k.name)+`":`+value+`}`, newEvery()))
		}
	}
}

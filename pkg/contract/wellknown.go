package contract

import "google.golang.org/protobuf/reflect/protoreflect"

// wellKnown is the schema of a message that protojson writes in a form of its own; false
// where it has none.
func wellKnown(d protoreflect.MessageDescriptor) (Object, bool) {
	form, known := ownForms[d.FullName()]
	if !known {
		return nil, false
	}
	return form(), true
}

// ownForms are the messages of google.protobuf that are not written as objects of their
// fields.
var ownForms = map[protoreflect.FullName]func() Object{
	"google.protobuf.Timestamp": func() Object { return Pairs("type", "string", "format", "date-time") },
	"google.protobuf.Duration": func() Object {
		return Pairs("type", "string", "pattern", `^-?[0-9]+(\.[0-9]+)?s$`)
	},
	"google.protobuf.FieldMask": func() Object {
		return Pairs("type", "string", "pattern", `^([A-Za-z0-9._]+(,[A-Za-z0-9._]+)*)?$`)
	},
	"google.protobuf.Struct": func() Object { return Pairs("type", "object", "additionalProperties", true) },
	"google.protobuf.Value":  func() Object { return Pairs("description", "Any JSON.") },
	"google.protobuf.ListValue": func() Object {
		return Pairs("type", "array", "items", Pairs("description", "Any JSON."))
	},
	"google.protobuf.Empty": func() Object { return Pairs("type", "object", "properties", Object{}) },
	"google.protobuf.Any": func() Object {
		return Pairs("type", "object", "description", "A message of any type, and beside its members which one it is.",
			"required", []string{"@type"}, "properties", Pairs("@type", Pairs("type", "string")), "additionalProperties", true)
	},
	"google.protobuf.DoubleValue": doubleSchema,
	"google.protobuf.FloatValue":  doubleSchema,
	"google.protobuf.Int64Value":  bare(protoreflect.Int64Kind),
	"google.protobuf.UInt64Value": bare(protoreflect.Uint64Kind),
	"google.protobuf.Int32Value":  bare(protoreflect.Int32Kind),
	"google.protobuf.UInt32Value": bare(protoreflect.Uint32Kind),
	"google.protobuf.BoolValue":   bare(protoreflect.BoolKind),
	"google.protobuf.StringValue": bare(protoreflect.StringKind),
	"google.protobuf.BytesValue":  bare(protoreflect.BytesKind),
}

func bare(kind protoreflect.Kind) func() Object { return func() Object { return scalar(kind) } }

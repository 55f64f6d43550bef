package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
)

// jsonOf is an answer of the server as the command line shows it: on one line,
// with every member in its order, also those that are empty; what is not known
// is left out. It is what the API
// sends, but that numbers are numbers, words of an enumeration are in lower case,
// and how long an exchange took is durationMs, a number.
func jsonOf(m proto.Message) ([]byte, error) {
	var out bytes.Buffer
	err := writeObject(&out, m.ProtoReflect())
	return out.Bytes(), err
}

func writeObject(out *bytes.Buffer, m protoreflect.Message) error {
	if m.Descriptor().ParentFile().Package() == "google.protobuf" { // a time, a duration, a mask
		raw, err := protojson.Marshal(m.Interface())
		out.Write(raw)
		return err
	}
	out.WriteByte('{')
	fields, first := m.Descriptor().Fields(), true
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.HasPresence() && !m.Has(f) { // it is not known, or another of its kind is set
			continue
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		if err := writeMember(out, f, m); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeMember(out *bytes.Buffer, f protoreflect.FieldDescriptor, m protoreflect.Message) error {
	name, v := f.JSONName(), m.Get(f)
	if d, ok := took(f, v); ok {
		writeValue(out, name+"Ms")
		out.WriteByte(':')
		writeValue(out, float64(d.Microseconds())/1000)
		return nil
	}
	writeValue(out, name)
	out.WriteByte(':')
	switch {
	case f.IsMap():
		return writeMap(out, f, v.Map())
	case f.IsList():
		out.WriteByte('[')
		for i := range v.List().Len() {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeOne(out, f, v.List().Get(i)); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	}
	return writeOne(out, f, v)
}

// took tells whether a member is how long something took, as no setting is.
func took(f protoreflect.FieldDescriptor, v protoreflect.Value) (time.Duration, bool) {
	if f.Name() != "duration" || f.IsList() || f.Message() == nil {
		return 0, false
	}
	d, ok := v.Message().Interface().(*durationpb.Duration)
	return d.AsDuration(), ok
}

func writeMap(out *bytes.Buffer, f protoreflect.FieldDescriptor, m protoreflect.Map) error {
	all := map[string]json.RawMessage{} // which writes them sorted
	var err error
	m.Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
		var one bytes.Buffer
		err = writeOne(&one, f.MapValue(), v)
		all[key.String()] = one.Bytes()
		return err == nil
	})
	writeValue(out, all)
	return err
}

func writeOne(out *bytes.Buffer, f protoreflect.FieldDescriptor, v protoreflect.Value) error {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return writeObject(out, v.Message())
	case protoreflect.EnumKind:
		writeValue(out, wordOf(f.Enum(), v.Enum()))
	case protoreflect.BytesKind:
		writeValue(out, base64.StdEncoding.EncodeToString(v.Bytes()))
	default:
		writeValue(out, v.Interface())
	}
	return nil
}

// wordOf is a value of an enumeration without what all its values begin with:
// PHASE_EVENT of Phase is event. The one that says nothing is empty.
func wordOf(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	if n == 0 || e.Values().ByNumber(n) == nil {
		return ""
	}
	prefix := strings.TrimSuffix(string(e.Values().ByNumber(0).Name()), "UNSPECIFIED")
	return strings.ToLower(strings.TrimPrefix(string(e.Values().ByNumber(n).Name()), prefix))
}

// writeValue writes what always has a JSON.
func writeValue(out *bytes.Buffer, v any) {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false) // it is read in a terminal
	_ = enc.Encode(v)        // into memory
	out.Truncate(out.Len() - 1)
}

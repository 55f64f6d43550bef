package calloutproto

import (
	"bytes"
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/callout-hq/callout/pkg/action"
)

// Encode writes a message as the object of a call. protojson adds a space here
// and there so that nobody relies on its bytes; targets sign and compare bytes,
// so the spaces are taken out again. The error is an *action.Error: a message
// that holds bad UTF-8, or an Any of an unknown type.
func Encode(m proto.Message) ([]byte, error) {
	loose, err := protojson.Marshal(m)
	if err != nil {
		return nil, action.NewError(action.CodeMalformed, action.StageDecode, "the message cannot be written as JSON").WithCause(err)
	}
	out := bytes.NewBuffer(make([]byte, 0, len(loose)))
	if err := json.Compact(out, loose); err != nil {
		return nil, action.NewError(action.CodeInternal, action.StageDecode, "").WithCause(err)
	}
	return out.Bytes(), nil
}

// Apply gives a copy of m with what a target changed; m stays as it is. sent is
// what Encode made of m, changed the object that came back. Fields that m's
// type does not know are ignored. Only the fields that differ between sent and
// changed are set, so that what JSON does not carry, such as the fields of a
// newer client that this core does not know, survives. The error is an
// *action.Error with code answer_malformed: an object that does not fit m, such
// as one that has a field under both its names. The name of an enum value that
// m's type does not know counts as a field that is not there.
func Apply(m proto.Message, sent, changed []byte) (proto.Message, error) {
	before, err := decode(m, sent)
	if err != nil {
		return nil, err
	}
	after, err := decode(m, changed)
	if err != nil {
		return nil, err
	}
	result := proto.Clone(m)
	if !m.ProtoReflect().IsValid() { // a nil pointer: an empty message that cannot be set
		result = m.ProtoReflect().New().Interface()
	}
	carry(result.ProtoReflect(), before, after)
	return result, nil
}

func decode(like proto.Message, raw []byte) (protoreflect.Message, error) {
	m := like.ProtoReflect().New()
	err := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(raw, m.Interface())
	if err != nil {
		return nil, action.NewError(action.CodeAnswerMalformed, action.StageApply,
			"what the targets returned does not fit the message").WithCause(err)
	}
	return m, nil
}

// carry sets in m what differs between before and after.
func carry(m, before, after protoreflect.Message) {
	before.Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !after.Has(field) {
			m.Clear(field)
		}
		return true
	})
	after.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case !before.Has(field):
			m.Set(field, value)
		case value.Equal(before.Get(field)):
		case field.Message() != nil && !field.IsList() && !field.IsMap():
			carry(m.Mutable(field).Message(), before.Get(field).Message(), value.Message())
		default:
			m.Set(field, value)
		}
		return true
	})
}

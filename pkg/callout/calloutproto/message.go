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
// type does not know are ignored, and a branch of a oneof that was set gives way
// to another that came. Only the fields that differ between sent and changed are
// set, so that what JSON does not carry, such as the fields of a newer client
// that this core does not know, survives: also in the entries of a map, and in
// those elements at the two ends of a list that are as they were; an Any that
// changed is replaced. The error is an *action.Error with code answer_malformed:
// an object that does not fit m, such as one that has a field under both its
// names, an enum value that m's type does not know, or two branches of a oneof
// that are both new.
func Apply(m proto.Message, sent, changed []byte) (proto.Message, error) {
	before, err := decode(m, sent)
	if err != nil {
		return nil, unfit(err)
	}
	after, err := decode(m, changed)
	if err != nil {
		if after, err = decode(m, prune(m.ProtoReflect().Descriptor(), sent, changed)); err != nil {
			return nil, unfit(err)
		}
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
	return m, protojson.Unmarshal(raw, m.Interface())
}

func unfit(cause error) error {
	return action.NewError(action.CodeAnswerMalformed, action.StageApply,
		"what the targets returned does not fit the message").WithCause(cause)
}

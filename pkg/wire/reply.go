package wire

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/callout-hq/callout/pkg/action"
)

// EncodeReply writes the answer to a call: the JSON of HTTP 200, and the same
// on NATS. The object stands under `request` for a request and under
// `response` otherwise, and only when it changed; its bytes are the core's.
func EncodeReply(phase action.Phase, r action.Result) []byte {
	out := append(make([]byte, 0, len(r.Object)+replyRoom), '{')
	out = appendMember(out, "outcome", quote(string(r.Outcome)))
	if len(r.Object) > 0 {
		member := "response"
		if phase == action.Request {
			member = "request"
		}
		out = appendMember(append(out, ','), member, r.Object)
	}
	if r.Error != nil {
		out = appendMember(append(out, ','), "error", marshal(r.Error))
	}
	out = append(out, `,"warnings":`...)
	if len(r.Warnings) == 0 {
		out = append(out, "[]"...)
	} else {
		out = append(out, marshal(r.Warnings)...)
	}
	out = append(out, `,"steps":[`...)
	for i, s := range r.Steps {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendStep(out, s)
	}
	out = append(out, `],"revision":`...)
	out = strconv.AppendUint(out, r.Revision, 10)
	return append(out, '}')
}

// replyRoom is about what a reply has besides its object.
const replyRoom = 512

// appendStep writes a step by hand: every call has some.
func appendStep(out []byte, s action.Step) []byte {
	out = appendMember(append(out, '{'), "target", quote(s.Target))
	out = appendMember(append(out, ','), "kind", quote(string(s.Kind)))
	if s.Status != 0 {
		out = strconv.AppendInt(append(out, `,"status":`...), int64(s.Status), 10)
	}
	out = strconv.AppendFloat(append(out, `,"duration_ms":`...), s.DurationMS, 'f', -1, 64)
	return append(appendMember(append(out, ','), "outcome", quote(string(s.Outcome))), '}')
}

// marshal writes what is made of texts and numbers only, which cannot fail.
func marshal(v any) []byte {
	out, _ := json.Marshal(v)
	return out
}

// DecodeReply reads the answer to a call, or the error it was refused with.
// The object is a part of raw.
func DecodeReply(raw []byte) (action.Result, error) {
	members, err := Members(raw)
	if err != nil {
		return action.Result{}, unreadable(err)
	}
	var r action.Result
	for _, m := range members {
		value := raw[m.ValStart:m.ValEnd:m.ValEnd]
		switch m.Name {
		case "outcome":
			text, _ := text(value)
			r.Outcome = action.Outcome(text)
		case "request", "response":
			r.Object = value
		case "error":
			err = errors.Join(err, json.Unmarshal(value, &r.Error))
		case "warnings":
			err = errors.Join(err, unmarshalList(value, &r.Warnings))
		case "steps":
			err = errors.Join(err, unmarshalList(value, &r.Steps))
		case "revision":
			err = errors.Join(err, json.Unmarshal(value, &r.Revision))
		}
	}
	switch r.Outcome {
	case action.Continue, action.Rejected, action.Failed, action.Unavailable:
	case "":
		if r.Error != nil {
			return action.Result{}, r.Error
		}
		return action.Result{}, unreadable(err)
	default: // who does not know it might take it for a success
		return action.Result{}, unreadable(nil)
	}
	if err != nil {
		return action.Result{}, unreadable(err)
	}
	return r, nil
}

// unmarshalList passes over the usual empty list.
func unmarshalList[T any](raw []byte, into *[]T) error {
	if string(raw) == "[]" {
		*into = []T{}
		return nil
	}
	return json.Unmarshal(raw, into)
}

func unreadable(cause error) error {
	return action.NewError(action.CodeInternal, action.StageBus, "the answer of the worker could not be read").WithCause(cause)
}

// EncodeError writes the body of a refusal: {"error":{…}}.
func EncodeError(err *action.Error) []byte {
	out, _ := json.Marshal(struct {
		Error *action.Error `json:"error"`
	}{err}) // strings and numbers cannot fail
	return out
}

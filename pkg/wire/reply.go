package wire

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/callout-hq/callout/pkg/action"
)

// reply is the JSON of HTTP 200, and the same on NATS.
type reply struct {
	Outcome  action.Outcome   `json:"outcome"`
	Request  jsontext.Value   `json:"request,omitempty"`
	Response jsontext.Value   `json:"response,omitempty"`
	Error    *action.Error    `json:"error,omitempty"`
	Warnings []action.Warning `json:"warnings"`
	Steps    []action.Step    `json:"steps"`
	Revision uint64           `json:"revision"`
}

// EncodeReply writes the answer to a call. The object stands under `request`
// for a request and under `response` otherwise, and only when it changed.
func EncodeReply(phase action.Phase, r action.Result) []byte {
	head, err := json.Marshal(reply{
		Outcome: r.Outcome, Error: r.Error, Revision: r.Revision,
		Warnings: notNil(r.Warnings), Steps: notNil(r.Steps),
	})
	if err != nil { // none of the fields can fail
		return EncodeError(action.NewError(action.CodeInternal, action.StageBus, "").WithCause(err))
	}
	if len(r.Object) == 0 {
		return head
	}
	member := "response"
	if phase == action.Request {
		member = "request"
	}
	// The object is spliced in, not encoded: its bytes are the core's.
	out := append(make([]byte, 0, len(head)+len(r.Object)+len(member)+4), '{')
	out = appendMember(out, "outcome", quote(string(r.Outcome)))
	rest := head[len(out):]
	out = appendMember(append(out, ','), member, r.Object)
	return append(out, rest...)
}

// DecodeReply reads the answer to a call, or the error it was refused with.
func DecodeReply(raw []byte) (action.Result, error) {
	var r reply
	if err := json.Unmarshal(raw, &r); err != nil || r.Outcome == "" {
		if r.Error != nil {
			return action.Result{}, r.Error
		}
		return action.Result{}, unreadable(err)
	}
	switch r.Outcome {
	case action.Continue, action.Rejected, action.Failed, action.Unavailable:
	default: // who does not know it might take it for a success
		return action.Result{}, unreadable(nil)
	}
	object := r.Request
	if object == nil {
		object = r.Response
	}
	return action.Result{Outcome: r.Outcome, Object: []byte(object), Error: r.Error,
		Warnings: r.Warnings, Steps: r.Steps, Revision: r.Revision}, nil
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

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

package wire

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/callout-hq/callout/pkg/action"
)

// EncodeReply writes the answer to a call: the JSON of HTTP 200, and the same
// on NATS. The object stands under `request` for a request and under
// `response` otherwise, and only when it changed; its bytes are the core's.
func EncodeReply(phase action.Phase, r action.Result) []byte {
	return AppendReply(make([]byte, 0, len(r.Object)+replyRoom), phase, r)
}

// AppendReply appends to dst what EncodeReply gives.
func AppendReply(dst []byte, phase action.Phase, r action.Result) []byte {
	out := append(dst, '{')
	out = appendText(out, "outcome", string(r.Outcome))
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
	out = appendText(append(out, '{'), "target", s.Target)
	out = appendText(append(out, ','), "kind", string(s.Kind))
	if s.Status != 0 {
		out = strconv.AppendInt(append(out, `,"status":`...), int64(s.Status), 10)
	}
	out = strconv.AppendFloat(append(out, `,"duration_ms":`...), s.DurationMS, 'f', -1, 64)
	out = appendText(append(out, ','), "outcome", string(s.Outcome))
	if s.Interrupt {
		out = append(out, `,"interrupt":true`...)
	}
	return append(out, '}')
}

// marshal writes what is made of texts and numbers only, which cannot fail.
func marshal(v any) []byte {
	out, _ := json.Marshal(v)
	return out
}

// DecodeReply reads the answer to a call, or the error it was refused with.
// The object is a part of raw. Whoever listens where workers do may have said it:
// what is not, to its end, the answer of a worker is unavailable, as if there
// was none.
func DecodeReply(raw []byte) (action.Result, error) {
	var room [8]Member
	members, ok := soundList(room[:0], raw)
	if !ok {
		if !jsontext.Value(raw).IsValid() {
			return action.Result{}, unreadable(errNotJSON)
		}
		if members, ok = Split(raw, room[:0]); !ok {
			return action.Result{}, unreadable(nil)
		}
	}
	var r action.Result
	var err error
	for _, m := range members {
		err = errors.Join(err, readMember(&r, m.Name, raw[m.ValStart:m.ValEnd:m.ValEnd]))
	}
	switch r.Outcome {
	case action.Continue, action.Rejected, action.Failed, action.Unavailable:
	case "":
		if r.Error != nil && err == nil {
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

// readMember reads one member of a reply.
func readMember(r *action.Result, name string, value []byte) (err error) {
	switch name {
	case "outcome":
		text, _ := text(value)
		r.Outcome = action.Outcome(text)
	case "request", "response":
		if !IsObject(value) {
			return errNotObject
		}
		r.Object = value
	case "error":
		var said *action.Error // apart, as are the warnings: a result that has none stays off the heap
		if err = json.Unmarshal(value, &said); err == nil {
			err = checkError(said)
		}
		r.Error = said
	case "warnings":
		r.Warnings = []action.Warning{}
		if string(value) != "[]" {
			warnings := r.Warnings
			err = json.Unmarshal(value, &warnings)
			r.Warnings = warnings
		}
	case "steps":
		r.Steps, err = readSteps(value)
	case "revision":
		r.Revision, err = strconv.ParseUint(string(value), 10, 64)
	}
	return err
}

// readSteps reads the steps by hand, as they are written: every call has some.
func readSteps(list []byte) ([]action.Step, error) {
	var room [8]Member
	values, ok := SplitList(list, room[:0])
	if !ok {
		return nil, errNotSteps
	}
	steps := make([]action.Step, len(values))
	for i, v := range values {
		value := list[v.ValStart:v.ValEnd]
		var room [8]Member
		members, ok := Split(value, room[:0])
		if !ok {
			return nil, errNotSteps
		}
		for _, m := range members {
			if err := readStep(&steps[i], m.Name, value[m.ValStart:m.ValEnd]); err != nil {
				return nil, err
			}
		}
	}
	return steps, nil
}

func readStep(s *action.Step, name string, value []byte) (err error) {
	ok := true
	switch name {
	case "target":
		s.Target, ok = text(value)
	case "kind":
		var kind string
		kind, ok = text(value)
		s.Kind = action.Kind(kind)
	case "status":
		s.Status, err = strconv.Atoi(string(value))
	case "duration_ms":
		s.DurationMS, err = strconv.ParseFloat(string(value), 64)
	case "outcome":
		var outcome string
		outcome, ok = text(value)
		s.Outcome = action.StepOutcome(outcome)
	case "interrupt":
		s.Interrupt = string(value) == "true"
		ok = s.Interrupt || string(value) == "false"
	}
	if !ok {
		return errNotSteps
	}
	return err
}

// checkError holds an error against what each of ours has: its status goes into
// the answer of a core.
func checkError(e *action.Error) error {
	if e != nil && (e.Code == "" || strings.Trim(string(e.Code), "abcdefghijklmnopqrstuvwxyz_") != "" || e.Status < 400 || e.Status > 599) {
		return errNotError
	}
	return nil
}

var (
	errNotSteps = errors.New("the steps cannot be read")
	errNotError = errors.New("the error is none of ours")
	errNotJSON  = errors.New("it is no JSON")
)

func unreadable(cause error) error {
	return action.NewError(action.CodeUnavailable, action.StageBus, "what answered is no worker of ours: its answer cannot be read").WithCause(cause)
}

// EncodeError writes the body of a refusal: {"error":{…}}. What is no UTF-8 in a
// text becomes U+FFFD.
func EncodeError(err *action.Error) []byte {
	out, _ := json.Marshal(struct {
		Error *action.Error `json:"error"`
	}{err}, jsontext.AllowInvalidUTF8(true)) // strings and numbers cannot fail
	return out
}

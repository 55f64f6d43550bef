package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Test is one exchange that a worker is asked to have with a target, so that
// somebody sees how it goes. It is no call and no delivery.
type Test struct {
	Instance string        `json:"-"`
	Owner    string        `json:"owner,omitempty"` // organization that defines a stored target
	Target   action.Target `json:"target"`
	// Stored: the target's own key signs. Otherwise the worker makes one for
	// the test.
	Stored bool         `json:"stored,omitempty"`
	Phase  action.Phase `json:"phase"`
	Name   string       `json:"name"` // full method, function or event type
	Body   []byte       `json:"-"`    // what is sent, as it is
}

// Tested is how the exchange went.
type Tested struct {
	Outcome         action.StepOutcome `json:"outcome"` // ok, changed, rejected or failed
	Code            action.Code        `json:"code,omitempty"`
	Message         string             `json:"message,omitempty"` // for the operator
	Status          int                `json:"status,omitempty"`
	Duration        time.Duration      `json:"duration"`
	RequestHeaders  []HeaderLine       `json:"request_headers,omitempty"` // masked
	ResponseHeaders []HeaderLine       `json:"response_headers,omitempty"`
	ResponseBody    []byte             `json:"-"`
	Object          []byte             `json:"-"` // after the answer; nil when it did not change

	Shown int `json:"shown"` // bytes of ResponseBody, which stands before Object
}

// HeaderLine is one value of a header.
type HeaderLine struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// testTravel is what a test has beyond its target's timeout, for the way to the
// worker and back.
const testTravel = 2 * time.Second

// A message of a test is a line of JSON and, behind it, bytes as they are.
func withBytes(line any, parts ...[]byte) ([]byte, error) {
	raw, err := json.Marshal(line)
	if err != nil {
		return nil, err
	}
	return bytes.Join(append([][]byte{raw, {'\n'}}, parts...), nil), nil
}

func readLine(message []byte, into any) (rest []byte, err error) {
	line, rest, found := bytes.Cut(message, []byte{'\n'})
	if !found {
		return nil, errors.New("there is no line of JSON")
	}
	return rest, json.Unmarshal(line, into)
}

// Test asks a worker to try a target, and waits for its report: as long as the
// target may take and a little more, and at most until ctx ends. The error is an
// *action.Error: unavailable without a worker, or when all have their hands
// full; deadline, cancelled, too_large, or what the worker refuses.
func (b *Bus) Test(ctx context.Context, t Test) (Tested, error) {
	data, err := withBytes(t, t.Body)
	if err != nil {
		return Tested{}, err
	}
	timeout := t.Target.Timeout
	if timeout <= 0 {
		timeout = action.DefaultTimeout
	}
	timeout += testTravel
	msg := &nats.Msg{Subject: wire.TestSubject(t.Instance), Data: data,
		Header: nats.Header{wire.HeaderTimeout: {wire.FormatTimeout(timeout)}}}
	id, answer, err := b.ask(ctx, msg, timeout)
	switch {
	case errors.Is(err, context.Canceled):
		_ = b.nc.Publish(subjectCancel, []byte(id)) // without it the test ends by its deadline
		return Tested{}, action.NewError(action.CodeCancelled, action.StageBus, "").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return Tested{}, action.NewError(action.CodeDeadline, action.StageBus, "no worker has told in time how the test went").WithCause(err)
	case errors.Is(err, nats.ErrMaxPayload):
		return Tested{}, action.NewError(action.CodeTooLarge, action.StageBus, "").WithField("body").WithCause(err)
	case err != nil:
		return Tested{}, action.NewError(action.CodeUnavailable, action.StageBus, "").WithCause(err)
	}
	if answer.Header.Get(wire.HeaderStatus) != "" {
		_, err := wire.DecodeReply(answer.Data)
		return Tested{}, err
	}
	return readTested(answer.Data)
}

func readTested(raw []byte) (Tested, error) {
	var t Tested
	rest, err := readLine(raw, &t)
	if err == nil && (t.Shown < 0 || t.Shown > len(rest)) {
		err = errors.New("it holds less than it says")
	}
	if err != nil {
		return Tested{}, action.NewError(action.CodeInternal, action.StageBus, "the worker's report cannot be read").WithCause(err)
	}
	t.ResponseBody = rest[:t.Shown:t.Shown]
	if t.Outcome == action.StepChanged {
		t.Object = rest[t.Shown:]
	}
	return t, nil
}

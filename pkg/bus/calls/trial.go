package calls

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Trial is one exchange that a worker is asked to have with a target, so that
// somebody sees how it goes. It is no call and no delivery.
type Trial struct {
	Instance string        `json:"-"`               // on the way it is the subject that tells
	Owner    string        `json:"owner,omitempty"` // organization that defines a stored target
	Target   action.Target `json:"target"`
	// Stored: the target's own key signs. Otherwise the worker makes one for
	// the test.
	Stored bool         `json:"stored,omitempty"`
	Phase  action.Phase `json:"phase"`
	Name   string       `json:"name"` // full method, function or event type
	Body   []byte       `json:"-"`    // what is sent, as it is
}

// Tried is how the exchange went.
type Tried struct {
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

// trialTravel is what a test has beyond its target's timeout, for the way to the
// worker and back.
const trialTravel = 2 * time.Second

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
	return rest, wire.Unmarshal(line, into)
}

// Try asks a worker to try a target, and waits for its report: as long as the
// target may take and a little more, and at most until ctx ends. The error is an
// *action.Error: unavailable without a worker, when all have their hands
// full, or when what answered is none; deadline, cancelled, too_large, or what the worker refuses.
func (i Calls) Try(ctx context.Context, t Trial) (Tried, error) {
	data, err := withBytes(t, t.Body)
	if err != nil {
		return Tried{}, err
	}
	timeout := t.Target.Timeout
	if timeout <= 0 {
		timeout = action.DefaultTimeout
	}
	timeout += trialTravel
	msg := &nats.Msg{Subject: wire.TestSubject(i.ID), Data: data,
		Header: nats.Header{wire.HeaderTimeout: {wire.FormatTimeout(timeout)}}}
	id, answer, err := i.Ask(ctx, msg, timeout)
	switch {
	case errors.Is(err, context.Canceled):
		_ = i.Conn().Publish(wire.Cancelled, []byte(id)) // without it the test ends by its deadline
		return Tried{}, action.NewError(action.CodeCancelled, action.StageBus, "").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return Tried{}, action.NewError(action.CodeDeadline, action.StageBus, "no worker has told in time how the test went").WithCause(err)
	case errors.Is(err, nats.ErrMaxPayload):
		return Tried{}, action.NewError(action.CodeTooLarge, action.StageBus, "").WithField("body").WithCause(err)
	case err != nil:
		return Tried{}, action.NewError(action.CodeUnavailable, action.StageBus, "").WithCause(err)
	}
	if answer.Header.Get(wire.HeaderStatus) != "" {
		_, err := readAnswer(answer)
		return Tried{}, err
	}
	return readTried(answer.Data)
}

var outcomesOfTests = []action.StepOutcome{action.StepOK, action.StepChanged, action.StepRejected, action.StepFailed}

func readTried(raw []byte) (Tried, error) {
	var t Tried
	rest, err := readLine(raw, &t)
	switch {
	case err != nil:
	case t.Shown < 0 || t.Shown > len(rest):
		err = errors.New("it holds less than it says")
	case t.Status < 0 || t.Status > 999 || t.Duration < 0:
		err = errors.New("it holds a number that is none of an exchange")
	}
	if err == nil && !slices.Contains(outcomesOfTests, t.Outcome) {
		err = errors.New("it says nothing of how it went")
	}
	if err != nil {
		return Tried{}, stranger(err)
	}
	t.ResponseBody = rest[:t.Shown:t.Shown]
	if t.Outcome == action.StepChanged {
		t.Object = rest[t.Shown:]
	}
	return t, nil
}

package calls

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// CallRequest is one call on the bus.
type CallRequest struct {
	Phase       action.Phase
	Name        string // full method, or function
	Body        []byte
	Timeout     time.Duration // what remains of the caller's time
	MinRevision uint64        // 0 = any
	Traceparent string
}

// Calls are the calls of one instance, as who makes them sees them.
type Calls struct{ bus.Instance }

// Of gives the calls of an instance.
func Of(i bus.Instance) Calls { return Calls{i} }

// Answer is what a worker answered to a call.
type Answer struct {
	action.Result
	Raw []byte // the JSON of HTTP 200
}

// Call sends a call and waits for the one answer, at most until ctx ends. The error is an *action.Error:
// unavailable (nobody listens, known at once, or what answered is no worker), deadline, too_large, or the
// refusal of the worker. When ctx is cancelled the worker is told, and what it
// has in hand for the call is aborted.
// A call that is under way when the connection breaks is unavailable at once:
// whether a worker ran it cannot be known any more, and its answer may never
// come.
func (i Calls) Call(ctx context.Context, c CallRequest) (Answer, error) {
	subject, err := wire.CallSubject(i.ID, c.Phase, c.Name)
	if err != nil {
		return Answer{}, err
	}
	if c.Timeout <= 0 {
		return Answer{}, action.NewError(action.CodeDeadline, action.StageBus, "")
	}
	msg := &nats.Msg{Subject: subject, Data: c.Body, Header: c.header()}
	id, answer, err := i.Ask(ctx, msg, c.Timeout)
	switch {
	case errors.Is(err, context.Canceled):
		_ = i.Conn().Publish(wire.Cancelled, []byte(id)) // without it the call ends by its deadline
		return Answer{}, action.NewError(action.CodeCancelled, action.StageBus, "").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return Answer{}, action.NewError(action.CodeDeadline, action.StageBus, "").WithCause(err)
	case errors.Is(err, nats.ErrMaxPayload):
		return Answer{}, action.NewError(action.CodeTooLarge, action.StageBus, "").WithCause(err)
	case err != nil:
		return Answer{}, action.NewError(action.CodeUnavailable, action.StageBus, "").WithCause(err)
	}
	result, err := readAnswer(answer)
	return Answer{result, answer.Data}, err
}

// readAnswer reads what came back for a call, or a test that was refused. A
// refusal has no outcome, and is never to be taken for one.
func readAnswer(m *nats.Msg) (action.Result, error) {
	result, err := wire.DecodeReply(m.Data)
	if err == nil && m.Header.Get(wire.HeaderStatus) != "" {
		return action.Result{}, stranger(errors.New("it is refused, and has an outcome"))
	}
	return result, err
}

// stranger is the error of what answered and is no worker.
func stranger(cause error) error {
	return action.NewError(action.CodeUnavailable, action.StageBus, "what answered is no worker of ours").WithCause(cause)
}

// header is nil for a call that says nothing beside its body: headers cost more
// than their bytes.
func (c *CallRequest) header() nats.Header {
	var h nats.Header
	set := func(name, value string) {
		if h == nil {
			h = nats.Header{}
		}
		h[name] = []string{value}
	}
	if c.Timeout != action.DefaultBudget {
		set(wire.HeaderTimeout, wire.FormatTimeout(c.Timeout))
	}
	if c.MinRevision > 0 {
		set(wire.HeaderMinRevision, strconv.FormatUint(c.MinRevision, 10))
	}
	if c.Traceparent != "" {
		set(wire.HeaderTraceparent, c.Traceparent)
	}
	return h
}

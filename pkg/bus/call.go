package bus

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// CallGroup is the queue group of workers: each call reaches one of them.
const CallGroup = "callout-workers"

// subjectCancel is where all workers are told of a caller that goes away. The
// call is named by the subject it is to be answered to.
const subjectCancel = "callout.cancel"

// CallRequest is one call on the bus.
type CallRequest struct {
	Instance    string
	Phase       action.Phase
	Name        string // full method, or function
	Body        []byte
	Timeout     time.Duration // what remains of the caller's time
	MinRevision uint64        // 0 = any
	Traceparent string
}

// Call sends a call and waits for the one answer, at most until ctx ends. The
// raw answer is the JSON of HTTP 200. The error is an *action.Error:
// unavailable (nobody listens, known at once), deadline, too_large, or the
// refusal of the worker. When ctx is cancelled the worker is told, and what it
// has in hand for the call is aborted.
// A call that is under way when the connection breaks is unavailable at once:
// whether a worker ran it cannot be known any more, and its answer may never
// come.
func (b *Bus) Call(ctx context.Context, c CallRequest) ([]byte, error) {
	subject, err := wire.CallSubject(c.Instance, c.Phase, c.Name)
	if err != nil {
		return nil, err
	}
	if c.Timeout <= 0 {
		return nil, action.NewError(action.CodeDeadline, action.StageBus, "")
	}
	msg := &nats.Msg{Subject: subject, Data: c.Body, Header: c.header()}
	id, answer, err := b.ask(ctx, msg, c.Timeout)
	switch {
	case errors.Is(err, context.Canceled):
		_ = b.nc.Publish(subjectCancel, []byte(id)) // without it the call ends by its deadline
		return nil, action.NewError(action.CodeCancelled, action.StageBus, "").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return nil, action.NewError(action.CodeDeadline, action.StageBus, "").WithCause(err)
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, action.NewError(action.CodeTooLarge, action.StageBus, "").WithCause(err)
	case err != nil:
		return nil, action.NewError(action.CodeUnavailable, action.StageBus, "").WithCause(err)
	}
	if answer.Header.Get(wire.HeaderStatus) != "" { // refused: no outcome, and never to be taken for one
		_, err := wire.DecodeReply(answer.Data)
		return nil, err
	}
	return answer.Data, nil
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

// ask publishes a request and waits for its answer, until ctx ends, the time is
// over, or the connection breaks. id is what a worker knows the request by.
func (b *Bus) ask(ctx context.Context, msg *nats.Msg, timeout time.Duration) (id string, answer *nats.Msg, err error) {
	link := *b.link.Load()
	w, err := b.answers.open(b.nc)
	if err != nil {
		return "", nil, err
	}
	defer b.answers.close(w)
	id, msg.Reply = w.reply, w.reply
	if err := ctx.Err(); err != nil {
		return id, nil, err
	}
	if err := b.nc.PublishMsg(msg); err != nil {
		return id, nil, err
	}
	w.over.Reset(timeout)
	if answer, err = w.next(ctx, link.Done()); err != nil {
		return id, nil, err
	}
	if len(answer.Data) == 0 && answer.Header.Get("Status") == statusNobody {
		return id, nil, nats.ErrNoResponders
	}
	return id, answer, nil
}

// statusNobody is what the server answers when nobody listens.
const statusNobody = "503"

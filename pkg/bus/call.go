package bus

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// CallGroup is the queue group of workers: each call reaches one of them.
const CallGroup = "callout-workers"

// A call whose caller goes away is cancelled by its id, told to all workers.
const (
	headerCall    = "Callout-Call-Id"
	subjectCancel = "callout.cancel"
)

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
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	link := *b.link.Load()
	defer context.AfterFunc(link, cancel)()
	msg := nats.NewMsg(subject)
	msg.Data = c.Body
	msg.Header.Set(wire.HeaderTimeout, wire.FormatTimeout(c.Timeout))
	if c.MinRevision > 0 {
		msg.Header.Set(wire.HeaderMinRevision, strconv.FormatUint(c.MinRevision, 10))
	}
	if c.Traceparent != "" {
		msg.Header.Set(wire.HeaderTraceparent, c.Traceparent)
	}
	id := nuid.Next()
	msg.Header.Set(headerCall, id)
	answer, err := b.nc.RequestMsgWithContext(ctx, msg)
	switch {
	case errors.Is(err, context.Canceled) && link.Err() != nil:
		return nil, action.NewError(action.CodeUnavailable, action.StageBus, "").WithCause(nats.ErrDisconnected)
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

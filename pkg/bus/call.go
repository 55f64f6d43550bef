package bus

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// CallGroup is the queue group of workers: each call reaches one of them.
const CallGroup = "callout-workers"

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
// refusal of the worker.
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
	msg := nats.NewMsg(subject)
	msg.Data = c.Body
	msg.Header.Set(wire.HeaderTimeout, wire.FormatTimeout(c.Timeout))
	if c.MinRevision > 0 {
		msg.Header.Set(wire.HeaderMinRevision, strconv.FormatUint(c.MinRevision, 10))
	}
	if c.Traceparent != "" {
		msg.Header.Set(wire.HeaderTraceparent, c.Traceparent)
	}
	answer, err := b.nc.RequestMsgWithContext(ctx, msg)
	switch {
	case errors.Is(err, context.Canceled):
		return nil, action.NewError(action.CodeCancelled, action.StageBus, "").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return nil, action.NewError(action.CodeDeadline, action.StageBus, "").WithCause(err)
	case errors.Is(err, nats.ErrMaxPayload):
		return nil, action.NewError(action.CodeTooLarge, action.StageBus, "").WithCause(err)
	case err != nil:
		return nil, action.NewError(action.CodeUnavailable, action.StageBus, "").WithCause(err)
	}
	return answer.Data, nil
}

// IncomingCall is a call as a worker gets it. Deadline is counted from its
// arrival.
type IncomingCall struct {
	Instance    string
	Phase       action.Phase
	Name        string
	Body        []byte
	Deadline    time.Time
	MinRevision uint64
	Traceparent string
	msg         *nats.Msg
	maxBody     int
}

// Reply answers with the JSON of HTTP 200. An answer over the bus's limit is
// refused here: it would never leave, and cost the caller all its time.
func (c *IncomingCall) Reply(raw []byte) error {
	if len(raw) > c.maxBody {
		return action.NewError(action.CodeTooLarge, action.StageBus, "the answer is too large for the bus")
	}
	return c.msg.Respond(raw)
}

// Refuse answers with {"error":…} and the status in a header.
func (c *IncomingCall) Refuse(err *action.Error) error {
	out := nats.NewMsg(c.msg.Reply)
	out.Header.Set(wire.HeaderStatus, strconv.Itoa(err.Status))
	out.Data = wire.EncodeError(err)
	return c.msg.RespondMsg(out)
}

// CallServer serves calls until it is stopped.
type CallServer struct {
	sub     *nats.Subscription
	closed  chan struct{}
	working sync.WaitGroup
}

// arrivedCall is a call that waits for a goroutine.
type arrivedCall struct {
	msg *nats.Msg
	at  time.Time
}

// idleHand is how long a goroutine waits for the next call before it ends. A
// fresh one would have to grow its stack for every call.
const idleHand = 10 * time.Second

// ServeCalls joins the queue group. handle is called in up to slots goroutines
// at once; further calls wait, which counts against their deadline.
func (b *Bus) ServeCalls(slots int, handle func(context.Context, *IncomingCall)) (*CallServer, error) {
	s := &CallServer{closed: make(chan struct{})}
	free := make(chan struct{}, slots)
	next := make(chan arrivedCall)
	sub, err := b.nc.QueueSubscribe(wire.AllCalls, CallGroup, func(m *nats.Msg) {
		if m.Reply == "" {
			return // nobody waits for an answer
		}
		c := arrivedCall{m, time.Now()}
		s.working.Add(1)
		select {
		case next <- c:
			return
		default:
		}
		select {
		case next <- c:
		case free <- struct{}{}:
			go func() {
				defer func() { <-free }()
				s.hand(c, next, func(c arrivedCall) { b.serveCall(c.msg, c.at, handle) })
			}()
		}
	})
	if err != nil {
		return nil, failure(err)
	}
	s.sub = sub
	// A worker that says it is ready must be reachable: the subscription has
	// reached the server when the flush has come back.
	if err := b.nc.FlushTimeout(5 * time.Second); err != nil {
		return nil, failure(err)
	}
	return s, nil
}

// hand serves one call after the other until there is none for a while.
func (s *CallServer) hand(c arrivedCall, next <-chan arrivedCall, serve func(arrivedCall)) {
	idle := time.NewTimer(idleHand)
	defer idle.Stop()
	for {
		serve(c)
		s.working.Done()
		idle.Reset(idleHand)
		select {
		case c = <-next:
		case <-idle.C:
			return
		case <-s.closed:
			return
		}
	}
}

func (b *Bus) serveCall(m *nats.Msg, arrived time.Time, handle func(context.Context, *IncomingCall)) {
	c := &IncomingCall{Body: m.Data, Traceparent: m.Header.Get(wire.HeaderTraceparent), msg: m, maxBody: b.MaxBody()}
	err := c.read(arrived)
	if err == nil {
		ctx, cancel := context.WithDeadline(context.Background(), c.Deadline)
		defer cancel()
		handle(ctx, c)
		return
	}
	var refusal *action.Error
	if !errors.As(err, &refusal) {
		refusal = action.NewError(action.CodeInternal, action.StageBus, "").WithCause(err)
	}
	b.log.Info().Err(refusal).Str("subject", m.Subject).Msg("call refused")
	if err := c.Refuse(refusal); err != nil {
		b.log.Warn().Err(err).Msg("refusal could not be sent")
	}
}

func (c *IncomingCall) read(arrived time.Time) error {
	var err error
	if c.Instance, c.Phase, c.Name, err = wire.ParseCall(c.msg.Subject); err != nil {
		return err
	}
	budget, err := wire.ParseTimeout(c.msg.Header.Get(wire.HeaderTimeout))
	if err != nil {
		return err
	}
	c.Deadline = arrived.Add(budget)
	if text := c.msg.Header.Get(wire.HeaderMinRevision); text != "" {
		if c.MinRevision, err = strconv.ParseUint(text, 10, 64); err != nil {
			return action.NewError(action.CodeBadField, action.StageDecode, wire.HeaderMinRevision+" is a number").WithField(wire.HeaderMinRevision)
		}
	}
	return nil
}

// Stop leaves the queue group and waits until the calls in hand are answered,
// at most until ctx ends.
func (s *CallServer) Stop(ctx context.Context) error {
	drained := make(chan struct{})
	s.sub.SetClosedHandler(func(string) { close(drained) })
	if err := s.sub.Drain(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-drained:
			s.working.Wait()
		case <-ctx.Done():
		}
		close(s.closed)
		close(done)
	}()
	select {
	case <-done:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

package calls

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/share"
	"github.com/callout-hq/callout/pkg/wire"
)

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
}

// Reply answers with the JSON of HTTP 200. An answer over the bus's limit is
// too_large: it would never leave, and cost the caller all its time. The connection
// tells: to ask it for its limit beforehand would be to wait for it once more.
func (c *IncomingCall) Reply(raw []byte) error {
	err := c.msg.Respond(raw)
	if errors.Is(err, nats.ErrMaxPayload) {
		return action.NewError(action.CodeTooLarge, action.StageBus, "the answer is too large for the bus")
	}
	return err
}

// Refuse answers with {"error":…} and the status in a header.
func (c *IncomingCall) Refuse(err *action.Error) error {
	out := nats.NewMsg(c.msg.Reply)
	out.Header.Set(wire.HeaderStatus, strconv.Itoa(err.Status))
	out.Data = wire.EncodeError(err)
	return c.msg.RespondMsg(out)
}

// Bounds are what one instance may have in hand of a worker while no other has
// anything. All together have at most half as much again.
type Bounds struct {
	Calls int   // 0 = 5120
	Bytes int64 // of their bodies; 0 = 128 MiB
	// Undivided has who comes first take all that one instance may have, see
	// share.Undivided.
	Undivided bool
}

func (b Bounds) orDefault() Bounds {
	return Bounds{Calls: cmp.Or(b.Calls, 5120), Bytes: cmp.Or(b.Bytes, 128<<20), Undivided: b.Undivided}
}

// CallServer serves calls until it is stopped.
type CallServer struct {
	bus     *bus.Bus
	handle  func(context.Context, *IncomingCall)
	idle    time.Duration // how long a goroutine waits for the next call
	sub     *nats.Subscription
	cancel  *nats.Subscription
	calls   *share.Pool      // a place for each call in hand, of its instance
	bytes   *share.Pool      // those of the bodies in hand
	next    chan arrivedCall // to a goroutine that waits
	closed  chan struct{}
	running context.Context // ends when the time of Stop is over
	abort   func()
	stop    sync.Once
	stopped error
	working sync.WaitGroup
	askers  askers
}

// arrivedCall is a call that waits for a goroutine. Its time runs already.
type arrivedCall struct {
	call *IncomingCall
	at   time.Time
}

// wayBack is what a worker keeps of a call's time for the reply to travel, at
// most, and a twentieth of it: a caller is told which target was late.
const wayBack = 25 * time.Millisecond

// idleHand is how long a goroutine waits for the next call before it ends. A
// fresh one would have to grow its stack for every call.
const idleHand = 10 * time.Second

// Serve joins the queue group. handle is called in a goroutine for each call. A
// call over its instance's share of the bounds is refused at once, with busy.
// The context ends at the call's deadline, or when the caller goes away.
func Serve(b *bus.Bus, most Bounds, handle func(context.Context, *IncomingCall)) (*CallServer, error) {
	return serve(b, most, idleHand, handle)
}

// InHand counts the calls that are worked on, or wait.
func (s *CallServer) InHand() int { return int(s.calls.Used()) }

func serve(b *bus.Bus, most Bounds, idle time.Duration, handle func(context.Context, *IncomingCall)) (*CallServer, error) {
	most = most.orDefault()
	pool := share.New
	if most.Undivided {
		pool = share.Undivided
	}
	s := &CallServer{bus: b, handle: handle, idle: idle, calls: pool(int64(most.Calls)), bytes: pool(most.Bytes),
		next: make(chan arrivedCall), closed: make(chan struct{})}
	running, end := context.WithCancel(context.Background())
	s.running, s.abort = running, func() { end(); s.askers.end() }
	var err error
	if s.cancel, err = b.Conn().Subscribe(wire.Cancelled, func(m *nats.Msg) { s.askers.abandon(string(m.Data)) }); err != nil {
		return nil, bus.Failure(err)
	}
	if s.sub, err = b.Conn().QueueSubscribe(wire.AllCalls, wire.CallGroup, s.arrive); err != nil {
		return nil, bus.Failure(err)
	}
	// A worker that says it is ready must be reachable: the subscription has
	// reached the server when the flush has come back.
	if err := b.Conn().FlushTimeout(5 * time.Second); err != nil {
		return nil, bus.Failure(err)
	}
	return s, nil
}

// arrive gives a call to a goroutine that waits, or to a new one. It never
// blocks, so that every call's time runs from its arrival.
func (s *CallServer) arrive(m *nats.Msg) {
	if !isInbox(m.Reply) {
		notAsked(s.bus, m)
		return
	}
	c := arrivedCall{&IncomingCall{Body: m.Data, Traceparent: m.Header.Get(wire.HeaderTraceparent), msg: m}, time.Now()}
	err := c.call.read(c.at)
	if err == nil {
		err = s.take(c.call)
	}
	if err != nil {
		s.refuse(c.call, err)
		return
	}
	s.working.Add(1)
	select {
	case s.next <- c:
	default:
		go s.hand(c)
	}
}

// take takes the instance's share of what a call needs. It is only part of the
// fleet that has no more, so that it is never said that there is no worker.
func (s *CallServer) take(c *IncomingCall) error {
	if !s.calls.Take(c.Instance, 1) {
		return action.NewError(action.CodeBusy, action.StageBus, "the worker has as many calls of the instance in hand as it may")
	}
	if !s.bytes.Take(c.Instance, c.size()) {
		s.calls.Give(c.Instance, 1)
		return action.NewError(action.CodeBusy, action.StageBus, "the worker has as many bytes of the instance's calls in hand as it may")
	}
	return nil
}

func (s *CallServer) give(c *IncomingCall) {
	s.bytes.Give(c.Instance, c.size())
	s.calls.Give(c.Instance, 1)
}

func (c *IncomingCall) size() int64 { return int64(len(c.msg.Data)) }

// hand serves one call after the other until there is none for a while.
func (s *CallServer) hand(c arrivedCall) {
	idle := time.NewTimer(s.idle)
	defer idle.Stop()
	for {
		s.serve(c)
		s.give(c.call)
		s.working.Done()
		idle.Reset(s.idle)
		select {
		case c = <-s.next:
		case <-idle.C:
			return
		case <-s.closed:
			return
		}
	}
}

func (s *CallServer) serve(a arrivedCall) {
	c, m := a.call, a.call.msg
	if time.Now().After(c.Deadline) { // its caller has gone; no target is called
		s.refuse(c, action.NewError(action.CodeDeadline, action.StageBus, ""))
		return
	}
	ctx, cancel := context.WithDeadline(context.Background(), c.Deadline)
	defer cancel()
	asker := s.askers.wait(m.Reply, cancel)
	s.handle(ctx, c)
	s.askers.answered(m.Reply, asker)
}

func (s *CallServer) refuse(c *IncomingCall, err error) {
	refusal := action.AsError(err, action.StageBus)
	s.bus.Log().Info().Err(refusal).Str("subject", c.msg.Subject).Msg("call refused")
	if err := c.Refuse(refusal); err != nil {
		s.bus.Log().Warn().Err(err).Msg("refusal could not be sent")
	}
}

func (c *IncomingCall) read(arrived time.Time) error {
	var err error
	if c.Instance, c.Phase, c.Name, err = wire.ParseCall(c.msg.Subject); err != nil {
		return err
	}
	if err := wire.CheckHeaders(c.msg.Header, wire.HeaderTimeout, wire.HeaderMinRevision); err != nil {
		return err
	}
	budget, err := wire.ParseTimeout(c.msg.Header.Get(wire.HeaderTimeout))
	if err != nil {
		return err
	}
	c.Deadline = arrived.Add(budget - min(budget/20, wayBack))
	if text := c.msg.Header.Get(wire.HeaderMinRevision); text != "" {
		if c.MinRevision, err = strconv.ParseUint(text, 10, 64); err != nil {
			return action.NewError(action.CodeBadField, action.StageDecode, wire.HeaderMinRevision+" is a number").WithField(wire.HeaderMinRevision)
		}
	}
	return nil
}

// Stop leaves the queue group and waits until the calls in hand are answered.
// When ctx ends before that, those left are aborted. It may be called more than
// once.
func (s *CallServer) Stop(ctx context.Context) error {
	s.stop.Do(func() { s.stopped = s.leave(ctx) })
	return s.stopped
}

func (s *CallServer) leave(ctx context.Context) error {
	defer s.abort()
	_ = s.cancel.Unsubscribe() // only fails when the connection is gone
	drained := make(chan struct{})
	s.sub.SetClosedHandler(func(string) { close(drained) })
	if err := s.sub.Drain(); err != nil {
		close(s.closed)
		return bus.Failure(err)
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-drained:
			s.working.Wait()
		case <-s.running.Done():
		}
		close(s.closed)
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

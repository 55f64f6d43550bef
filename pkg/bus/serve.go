package bus

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
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
	bus     *Bus
	handle  func(context.Context, *IncomingCall)
	sub     *nats.Subscription
	cancel  *nats.Subscription
	free    chan struct{}    // a place for each goroutine
	next    chan arrivedCall // to a goroutine that waits
	queue   chan arrivedCall // what no goroutine is free for
	closed  chan struct{}
	working sync.WaitGroup
	mu      sync.Mutex
	inHand  map[string]context.CancelFunc // by the subject to answer to
}

// arrivedCall is a call that waits for a goroutine. Its time runs already.
type arrivedCall struct {
	msg *nats.Msg
	at  time.Time
}

// wayBack is what a worker keeps of a call's time for the reply to travel, at
// most, and a twentieth of it: a caller is told which target was late.
const wayBack = 25 * time.Millisecond

const (
	// idleHand is how long a goroutine waits for the next call before it ends.
	// A fresh one would have to grow its stack for every call.
	idleHand = 10 * time.Second
	// maxQueue is how many calls may wait for a goroutine; one more is told at
	// once that no worker is available.
	maxQueue = 4096
)

// ServeCalls joins the queue group. handle is called in up to slots goroutines
// at once; further calls wait, which counts against their deadline. Its context
// ends at the call's deadline, or when the caller goes away.
func (b *Bus) ServeCalls(slots int, handle func(context.Context, *IncomingCall)) (*CallServer, error) {
	s := &CallServer{bus: b, handle: handle, free: make(chan struct{}, slots), next: make(chan arrivedCall),
		queue: make(chan arrivedCall, maxQueue), closed: make(chan struct{}), inHand: map[string]context.CancelFunc{}}
	var err error
	if s.cancel, err = b.nc.Subscribe(subjectCancel, func(m *nats.Msg) { s.abandon(string(m.Data)) }); err != nil {
		return nil, failure(err)
	}
	if s.sub, err = b.nc.QueueSubscribe(wire.AllCalls, CallGroup, s.arrive); err != nil {
		return nil, failure(err)
	}
	// A worker that says it is ready must be reachable: the subscription has
	// reached the server when the flush has come back.
	if err := b.nc.FlushTimeout(5 * time.Second); err != nil {
		return nil, failure(err)
	}
	return s, nil
}

// arrive gives a call to a goroutine: one that waits, a new one, or the next
// that is free. It never blocks, so that every call's time runs from its
// arrival.
func (s *CallServer) arrive(m *nats.Msg) {
	if m.Reply == "" {
		return // nobody waits for an answer
	}
	c := arrivedCall{m, time.Now()}
	s.working.Add(1)
	select {
	case s.next <- c:
		return
	default:
	}
	select {
	case s.free <- struct{}{}:
		go s.hand(c)
		return
	default:
	}
	select {
	case s.queue <- c:
	default:
		s.refuse(&IncomingCall{msg: m}, action.NewError(action.CodeUnavailable, action.StageBus, "the worker has too many calls in hand"))
		s.working.Done()
	}
}

// hand serves one call after the other until there is none for a while.
func (s *CallServer) hand(c arrivedCall) {
	defer func() { <-s.free }()
	idle := time.NewTimer(idleHand)
	defer idle.Stop()
	for {
		s.serve(c)
		s.working.Done()
		select {
		case c = <-s.queue:
			continue
		default:
		}
		idle.Reset(idleHand)
		select {
		case c = <-s.queue:
		case c = <-s.next:
		case <-idle.C:
			return
		case <-s.closed:
			return
		}
	}
}

func (s *CallServer) serve(a arrivedCall) {
	m := a.msg
	c := &IncomingCall{Body: m.Data, Traceparent: m.Header.Get(wire.HeaderTraceparent), msg: m, maxBody: s.bus.MaxBody()}
	err := c.read(a.at)
	if err == nil && time.Now().After(c.Deadline) { // its caller has gone; no target is called
		err = action.NewError(action.CodeDeadline, action.StageBus, "")
	}
	if err != nil {
		s.refuse(c, err)
		return
	}
	ctx, cancel := context.WithDeadline(context.Background(), c.Deadline)
	defer cancel()
	s.mu.Lock()
	s.inHand[m.Reply] = cancel
	s.mu.Unlock()
	s.handle(ctx, c)
	s.mu.Lock()
	delete(s.inHand, m.Reply)
	s.mu.Unlock()
}

// abandon ends a call whose caller went away, if it is in hand here.
func (s *CallServer) abandon(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.inHand[id]; cancel != nil {
		cancel()
		return
	}
	for reply, cancel := range s.inHand { // between clusters a prefix is put before it
		if strings.Contains(id, ".") && strings.HasSuffix(reply, "."+id) {
			cancel()
		}
	}
}

func (s *CallServer) refuse(c *IncomingCall, err error) {
	var refusal *action.Error
	if !errors.As(err, &refusal) {
		refusal = action.NewError(action.CodeInternal, action.StageBus, "").WithCause(err)
	}
	s.bus.log.Info().Err(refusal).Str("subject", c.msg.Subject).Msg("call refused")
	if err := c.Refuse(refusal); err != nil {
		s.bus.log.Warn().Err(err).Msg("refusal could not be sent")
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
	c.Deadline = arrived.Add(budget - min(budget/20, wayBack))
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
	_ = s.cancel.Unsubscribe() // only fails when the connection is gone
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

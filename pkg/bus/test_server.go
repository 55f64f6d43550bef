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

// maxTests is how many targets one worker tries at once. One more is told that
// no worker is available.
const maxTests = 16

// TestServer serves tests of targets until it is stopped.
type TestServer struct {
	bus     *Bus
	handle  func(context.Context, Test) (Tested, error)
	sub     *nats.Subscription
	cancel  *nats.Subscription
	free    chan struct{}
	working sync.WaitGroup
	running context.Context // ends when Stop begins
	end     context.CancelFunc
	mu      sync.Mutex
	inHand  map[string]context.CancelFunc // by the subject to answer to
}

// ServeTests joins the queue group. handle is called in up to maxTests
// goroutines at once; its context ends when the test's time is over, or when
// the one who asked goes away. An error of it that is no *action.Error is shown
// as internal.
func (b *Bus) ServeTests(handle func(context.Context, Test) (Tested, error)) (*TestServer, error) {
	s := &TestServer{bus: b, handle: handle, free: make(chan struct{}, maxTests), inHand: map[string]context.CancelFunc{}}
	s.running, s.end = context.WithCancel(context.Background())
	var err error
	if s.cancel, err = b.nc.Subscribe(subjectCancel, func(m *nats.Msg) { s.abandon(string(m.Data)) }); err != nil {
		return nil, failure(err)
	}
	if s.sub, err = b.nc.QueueSubscribe(wire.AllTests, CallGroup, s.arrive); err != nil {
		_ = s.cancel.Unsubscribe() // the first error is the one to tell
		return nil, failure(err)
	}
	if err := b.nc.FlushTimeout(5 * time.Second); err != nil { // the server knows of it from here on
		return nil, failure(err)
	}
	return s, nil
}

func (s *TestServer) arrive(m *nats.Msg) {
	if m.Reply == "" {
		return // nobody waits for an answer
	}
	arrived := time.Now()
	select {
	case s.free <- struct{}{}:
	default:
		s.refuse(m, action.NewError(action.CodeUnavailable, action.StageBus, "the worker tries as many targets as it can at once"))
		return
	}
	s.working.Go(func() {
		defer func() { <-s.free }()
		s.serve(m, arrived)
	})
}

func (s *TestServer) serve(m *nats.Msg, arrived time.Time) {
	t, budget, err := readTest(m)
	if err != nil {
		s.refuse(m, err)
		return
	}
	ctx, cancel := context.WithDeadline(s.running, arrived.Add(budget-min(budget/20, wayBack)))
	defer cancel()
	s.mu.Lock()
	s.inHand[m.Reply] = cancel
	s.mu.Unlock()
	tested, err := s.handle(ctx, t)
	s.mu.Lock()
	delete(s.inHand, m.Reply)
	s.mu.Unlock()
	if s.running.Err() != nil {
		err = action.NewError(action.CodeUnavailable, action.StageBus, "the worker is stopping")
	}
	if err == nil {
		err = s.reply(m, tested)
	}
	if err != nil {
		s.refuse(m, err)
	}
}

func readTest(m *nats.Msg) (t Test, budget time.Duration, err error) {
	if t.Body, err = readLine(m.Data, &t); err != nil {
		return t, 0, action.NewError(action.CodeMalformed, action.StageDecode, "").WithCause(err)
	}
	if t.Instance, err = wire.ParseTest(m.Subject); err != nil {
		return t, 0, err
	}
	budget, err = wire.ParseTimeout(m.Header.Get(wire.HeaderTimeout))
	return t, budget, err
}

// reply sends the report. An object that does not fit beside the rest is not
// shown, and the message says so.
func (s *TestServer) reply(m *nats.Msg, t Tested) error {
	t.Shown = len(t.ResponseBody)
	raw, err := withBytes(t, t.ResponseBody, t.Object)
	if err == nil && len(raw) > s.bus.MaxBody() {
		t.Message = "the changed object is too large to be shown here"
		raw, err = withBytes(t, t.ResponseBody)
	}
	if err != nil {
		return err
	}
	return m.Respond(raw)
}

func (s *TestServer) refuse(m *nats.Msg, err error) {
	var refusal *action.Error
	if !errors.As(err, &refusal) {
		refusal = action.NewError(action.CodeInternal, action.StageBus, "").WithCause(err)
	}
	s.bus.log.Info().Err(refusal).Str("subject", m.Subject).Msg("test refused")
	out := nats.NewMsg(m.Reply)
	out.Header.Set(wire.HeaderStatus, strconv.Itoa(refusal.Status))
	out.Data = wire.EncodeError(refusal)
	if err := m.RespondMsg(out); err != nil {
		s.bus.log.Warn().Err(err).Msg("refusal could not be sent")
	}
}

// abandon ends a test whose asker went away, if it is in hand here. Between
// clusters a prefix is put before the subject to answer to.
func (s *TestServer) abandon(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for reply, cancel := range s.inHand {
		if reply == id || strings.Contains(id, ".") && strings.HasSuffix(reply, "."+id) {
			cancel()
		}
	}
}

// Stop leaves the queue group and ends the tests in hand: nobody loses anything
// by it. It waits for them until ctx ends.
func (s *TestServer) Stop(ctx context.Context) error {
	s.end()
	_ = s.cancel.Unsubscribe() // only fails when the connection is gone
	drained := make(chan struct{})
	s.sub.SetClosedHandler(func(string) { close(drained) })
	if err := s.sub.Drain(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-drained:
			s.working.Wait()
		case <-ctx.Done():
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return ctx.Err()
}

package calls

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/share"
	"github.com/callout-hq/callout/pkg/wire"
)

// maxTrials is how many targets of one instance a worker tries at once while no
// other instance has any tried. One more is busy.
const maxTrials = 16

// TrialServer serves tests of targets until it is stopped.
type TrialServer struct {
	bus     *bus.Bus
	handle  func(context.Context, Trial) (Tried, error)
	sub     *nats.Subscription
	cancel  *nats.Subscription
	free    *share.Pool // a place for each test, of its instance
	working sync.WaitGroup
	running context.Context // ends when Stop begins
	end     context.CancelFunc
	stop    sync.Once
	stopped error
	askers  askers
}

// ServeTrials joins the queue group. handle is called in up to maxTrials
// goroutines at once for an instance; its context ends when the test's time is over, or when
// the one who asked goes away. An error of it that is no *action.Error is shown
// as internal.
func ServeTrials(b *bus.Bus, handle func(context.Context, Trial) (Tried, error)) (*TrialServer, error) {
	s := &TrialServer{bus: b, handle: handle, free: share.New(maxTrials)}
	s.running, s.end = context.WithCancel(context.Background())
	var err error
	if s.cancel, err = b.Conn().Subscribe(wire.Cancelled, func(m *nats.Msg) { s.askers.abandon(string(m.Data)) }); err != nil {
		return nil, bus.Failure(err)
	}
	if s.sub, err = b.Conn().QueueSubscribe(wire.AllTests, wire.CallGroup, s.arrive); err != nil {
		_ = s.cancel.Unsubscribe() // the first error is the one to tell
		return nil, bus.Failure(err)
	}
	if err := b.Conn().FlushTimeout(5 * time.Second); err != nil { // the server knows of it from here on
		return nil, bus.Failure(err)
	}
	return s, nil
}

func (s *TrialServer) arrive(m *nats.Msg) {
	if !isInbox(m.Reply) {
		notAsked(s.bus, m)
		return
	}
	arrived := time.Now()
	instance, err := wire.ParseTest(m.Subject)
	if err != nil {
		s.refuse(m, err)
		return
	}
	if !s.free.Take(instance, 1) {
		s.refuse(m, action.NewError(action.CodeBusy, action.StageBus, "the worker tries as many targets as it can at once"))
		return
	}
	s.working.Go(func() {
		defer s.free.Give(instance, 1)
		s.serve(m, arrived)
	})
}

func (s *TrialServer) serve(m *nats.Msg, arrived time.Time) {
	t, budget, err := readTrial(m)
	if err != nil {
		s.refuse(m, err)
		return
	}
	ctx, cancel := context.WithDeadline(s.running, arrived.Add(budget-min(budget/20, wayBack)))
	defer cancel()
	asker := s.askers.wait(m.Reply, cancel)
	tested, err := s.handle(ctx, t)
	s.askers.answered(m.Reply, asker)
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

func readTrial(m *nats.Msg) (t Trial, budget time.Duration, err error) {
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
func (s *TrialServer) reply(m *nats.Msg, t Tried) error {
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

func (s *TrialServer) refuse(m *nats.Msg, err error) {
	refusal := action.AsError(err, action.StageBus)
	s.bus.Log().Info().Err(refusal).Str("subject", m.Subject).Msg("test refused")
	out := nats.NewMsg(m.Reply)
	out.Header.Set(wire.HeaderStatus, strconv.Itoa(refusal.Status))
	out.Data = wire.EncodeError(refusal)
	if err := m.RespondMsg(out); err != nil {
		s.bus.Log().Warn().Err(err).Msg("refusal could not be sent")
	}
}

// Stop leaves the queue group and ends the tests in hand: nobody loses anything
// by it. It waits for them until ctx ends. It may be called more than once.
func (s *TrialServer) Stop(ctx context.Context) error {
	s.stop.Do(func() { s.stopped = s.leave(ctx) })
	return s.stopped
}

func (s *TrialServer) leave(ctx context.Context) error {
	s.end()
	_ = s.cancel.Unsubscribe() // only fails when the connection is gone
	drained := make(chan struct{})
	s.sub.SetClosedHandler(func(string) { close(drained) })
	if err := s.sub.Drain(); err != nil {
		return bus.Failure(err)
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

package lines

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/bus"
)

// ErrLapsed is the cause of a context whose lease has lapsed: another worker
// may hold the delivery by now, so nothing may be sent or acknowledged.
var ErrLapsed = errors.New("the lease on the delivery has lapsed")

// leaseShare is the part of AckWait after which a lease has lapsed. The rest
// is the margin for what is on its way.
const leaseShare = 0.8

func leaseOf(ackWait time.Duration) time.Duration {
	return time.Duration(float64(ackWait) * leaseShare)
}

// leases is the lease clock of one worker. JetStream does not tie an
// acknowledgement to a delivery: a worker that stalled past AckWait and then
// acknowledges would free a line that another holds. So each worker keeps its
// own clock, with one ticker for all it holds.
type leases struct {
	nc     *nats.Conn
	tick   atomic.Int64    // a twentieth of the shortest AckWait, in nanoseconds
	sooner chan struct{}   // the tick has become shorter
	life   context.Context // ends with close
	end    context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	held   map[*lease]struct{}
	ears   map[*heard]struct{} // who wants to know when the server was there
}

func newLeases(b *bus.Bus) *leases {
	l := &leases{nc: b.Conn(), sooner: make(chan struct{}, 1), held: map[*lease]struct{}{}, ears: map[*heard]struct{}{}}
	l.life, l.end = context.WithCancel(context.Background())
	l.tick.Store(int64(b.AckWait() / 20))
	l.done.Go(l.run)
	return l
}

func (l *leases) close() {
	l.end()
	l.done.Wait()
}

// run sends a heartbeat for what is held every fifth of AckWait, and every tenth
// asks whether the server is there.
func (l *leases) run() {
	next := time.NewTimer(0)
	defer next.Stop()
	var asking sync.Mutex
	for n := 1; ; n++ {
		next.Reset(2 * time.Duration(l.tick.Load()))
		select {
		case <-l.life.Done():
			return
		case <-l.sooner:
		case <-next.C:
			if n%2 == 0 {
				l.heartbeats()
			}
			if asking.TryLock() {
				l.done.Go(func() { defer asking.Unlock(); l.hear() })
			}
		}
	}
}

// listen has an ear told whenever the server was there, as often as leases of an
// AckWait need: its consumer may have been given a shorter one than this worker
// was told.
func (l *leases) listen(ear *heard, ackWait time.Duration) (stop func()) {
	l.mu.Lock()
	l.ears[ear] = struct{}{}
	tick := int64(max(ackWait, bus.MinAckWait) / 20) // whatever a consumer or an entry says, it is not 0
	shorter := tick < l.tick.Load()
	if shorter {
		l.tick.Store(tick)
	}
	l.mu.Unlock()
	if shorter {
		select {
		case l.sooner <- struct{}{}:
		default: // it is told already
		}
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.ears, ear)
	}
}

// hear finds out whether the server is there. What it answers late says nothing
// of now, so the moment of asking counts.
func (l *leases) hear() {
	ctx, cancel := context.WithTimeout(l.life, 10*time.Duration(l.tick.Load()))
	defer cancel()
	sent := time.Now()
	if l.nc.FlushWithContext(ctx) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for ear := range l.ears {
		ear.note(sent)
	}
}

func (l *leases) heartbeats() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for held := range l.held {
		if !held.isYoung() {
			go held.heartbeat()
		}
	}
}

// lease is the right to work on one delivery.
type lease struct {
	owner   *leases
	ackWait time.Duration
	reply   string // where acknowledgements go
	ctx     context.Context
	cancel  context.CancelCauseFunc
	mu      sync.Mutex
	until   time.Time
	lapsed  bool
	timer   *time.Timer
	told    bool // no heartbeat any more

	beating sync.WaitGroup // heartbeats on their way
	hush    []func()       // ends each of them
}

// take starts a lease that runs since a moment at which the delivery had surely
// not been handed out yet, not from now: it may have waited on its way.
func (l *leases) take(parent context.Context, reply string, since time.Time, ackWait time.Duration) *lease {
	s := &lease{owner: l, ackWait: ackWait, reply: reply, until: since.Add(leaseOf(ackWait))}
	s.ctx, s.cancel = context.WithCancelCause(parent)
	s.timer = time.AfterFunc(time.Until(s.until), s.expire)
	l.mu.Lock()
	l.held[s] = struct{}{}
	l.mu.Unlock()
	return s
}

// youngFor is the part of AckWait for which a lease needs no heartbeat: most have ended by
// then, and the next one is in time.
const youngFor = 0.05

func (s *lease) isYoung() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Until(s.until) > time.Duration((leaseShare-youngFor)*float64(s.ackWait))
}

// heartbeat asks the server for more time. The lease is renewed from the
// moment of sending, and only when the server has confirmed; once lapsed it
// stays lapsed, for the server confirms a stale holder too.
func (s *lease) heartbeat() {
	ctx, cancel := context.WithTimeout(context.Background(), s.ackWait/2)
	defer cancel()
	s.mu.Lock()
	if s.told {
		s.mu.Unlock()
		return
	}
	s.beating.Add(1)
	s.hush = append(s.hush, cancel)
	s.mu.Unlock()
	defer s.beating.Done()
	sent := time.Now()
	if _, err := s.owner.nc.RequestWithContext(ctx, s.reply, []byte("+WPI")); err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lapsed || bus.Past(s.until) {
		return
	}
	s.until = sent.Add(leaseOf(s.ackWait))
	s.timer.Reset(time.Until(s.until))
}

func (s *lease) expire() {
	s.mu.Lock()
	if left := time.Until(s.until); left > 0 && !bus.Past(s.until) { // renewed in the meantime
		s.timer.Reset(left)
		s.mu.Unlock()
		return
	}
	s.lapsed = true
	s.mu.Unlock()
	s.cancel(ErrLapsed)
}

// valid tells whether the lease holds at this moment. The clock is read here
// and not left to the timer: after a stop of the process the timer may run
// later than the caller.
func (s *lease) valid() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if bus.Past(s.until) {
		s.lapsed = true
	}
	return !s.lapsed
}

// quiet ends the heartbeats; the lease runs on. When it returns none is about to
// be sent: what is told the server next comes behind them all.
func (s *lease) quiet() {
	s.owner.mu.Lock()
	delete(s.owner.held, s)
	s.owner.mu.Unlock()
	s.mu.Lock()
	s.told = true
	hush := s.hush
	s.mu.Unlock()
	for _, end := range hush {
		end()
	}
	s.beating.Wait()
}

func (s *lease) release() {
	s.timer.Stop()
	s.cancel(nil)
	s.owner.mu.Lock()
	delete(s.owner.held, s)
	s.owner.mu.Unlock()
}

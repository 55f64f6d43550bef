package bus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrLapsed is the cause of a context whose lease has lapsed: another worker
// may hold the delivery by now, so nothing may be sent or acknowledged.
var ErrLapsed = errors.New("the lease on the delivery has lapsed")

// leaseShare is the part of AckWait after which a lease has lapsed. The rest
// is the margin for what is on its way.
const leaseShare = 0.8

// leases is the lease clock of one worker. JetStream does not tie an
// acknowledgement to a delivery: a worker that stalled past AckWait and then
// acknowledges would free a line that another holds. So each worker keeps its
// own clock, with one ticker for all it holds.
type leases struct {
	nc      *nats.Conn
	ackWait time.Duration
	beat    atomic.Int64 // when the ticker last ran, as time since start
	start   time.Time
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once
	mu      sync.Mutex
	held    map[*lease]struct{}
}

func newLeases(nc *nats.Conn, ackWait time.Duration) *leases {
	l := &leases{nc: nc, ackWait: ackWait, start: time.Now(), held: map[*lease]struct{}{},
		stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *leases) close() {
	l.once.Do(func() { close(l.stop) })
	<-l.done
}

// run notes that the process lives every twentieth of AckWait, and sends a
// heartbeat for what is held every fifth.
func (l *leases) run() {
	defer close(l.done)
	ticker := time.NewTicker(l.ackWait / 20)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			l.beat.Store(int64(time.Since(l.start)))
			if n%4 == 0 {
				l.heartbeats()
			}
		}
	}
}

func (l *leases) heartbeats() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for held := range l.held {
		go held.heartbeat()
	}
}

// lease is the right to work on one delivery.
type lease struct {
	owner  *leases
	reply  string // where acknowledgements go
	ctx    context.Context
	cancel context.CancelCauseFunc
	mu     sync.Mutex
	until  time.Time
	lapsed bool
	timer  *time.Timer
	told   bool // no heartbeat any more

	beating sync.WaitGroup // heartbeats on their way
	hush    []func()       // ends each of them
}

// take starts a lease. It runs from the last moment at which this process is
// known to have been alive, not from now: a message may have waited in a
// buffer while the process was stopped.
func (l *leases) take(parent context.Context, reply string) *lease {
	alive := l.start.Add(time.Duration(l.beat.Load()))
	s := &lease{owner: l, reply: reply, until: alive.Add(l.span())}
	s.ctx, s.cancel = context.WithCancelCause(parent)
	s.timer = time.AfterFunc(time.Until(s.until), s.expire)
	l.mu.Lock()
	l.held[s] = struct{}{}
	l.mu.Unlock()
	return s
}

func (l *leases) span() time.Duration { return time.Duration(float64(l.ackWait) * leaseShare) }

// heartbeat asks the server for more time. The lease is renewed from the
// moment of sending, and only when the server has confirmed; once lapsed it
// stays lapsed, for the server confirms a stale holder too.
func (s *lease) heartbeat() {
	ctx, cancel := context.WithTimeout(context.Background(), s.owner.ackWait/2)
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
	if s.lapsed || time.Now().After(s.until) {
		return
	}
	s.until = sent.Add(s.owner.span())
	s.timer.Reset(time.Until(s.until))
}

func (s *lease) expire() {
	s.mu.Lock()
	if left := time.Until(s.until); left > 0 { // renewed in the meantime
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
	if time.Now().After(s.until) {
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

package lines

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// Consumer hands the deliveries of lines, of any instance, to a handler, for one
// worker.
type Consumer struct {
	bus    *bus.Bus
	leases *leases
	hands  *hands
	handle func(context.Context, *Delivery)
	holder *shards.Holder
	queued atomic.Int64  // bytes of events that wait in memory
	places chan struct{} // of deliveries of packed lines that are worked on
	mu     sync.Mutex
	lines  map[Key]*consuming
	closed bool // takes nothing more

	stopped bool            // has given back its shards
	working context.Context // of packed lines: ends when what is in hand must end
	packed  map[Key]Line
	wanted  map[shards.Shard]int // how many of them are in each
	held    map[shards.Shard]*held
	readers map[string]*reader
}

// consuming is a line that is taken from.
type consuming struct {
	line Line
	stop context.CancelFunc // take nothing more
	done chan struct{}      // closed when nothing is in hand
}

// NewConsumer makes a consumer without lines. handle gets a context that ends
// when the lease lapses or the worker's patience is over; it must end the
// delivery by one of its methods, or leave it when it could not. slots is how
// many deliveries of unordered lines are worked on at once for one target, while
// there are none of others; each line has ownSlots in any case.
func NewConsumer(b *bus.Bus, slots int, handle func(context.Context, *Delivery)) *Consumer {
	return &Consumer{bus: b, leases: newLeases(b), hands: newHands(slots, b.Conn().MaxPayload()), handle: handle, lines: map[Key]*consuming{}, places: make(chan struct{}, inWorkMost),
		working: context.Background(), packed: map[Key]Line{}, wanted: map[shards.Shard]int{}, held: map[shards.Shard]*held{}, readers: map[string]*reader{}}
}

// Within has no more deliveries of an unordered line worked on than width says, which is
// asked often; 0 or less = no bound but the slots. It is called before the first Start.
func (c *Consumer) Within(width func(Line) int) { c.hands.width = width }

// Start begins to take deliveries of a line. Starting a line twice does
// nothing, unless it keeps an order now and did not before, or the reverse, its
// leases have another length, or its stream was made again. Any number of workers may take from one line:
// an ordered one hands out one delivery at a time over the fleet.
func (c *Consumer) Start(ctx context.Context, l Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.Packed() {
		if c.holder == nil { // from then on it is read without the lock
			c.working = ctx
		}
		c.pack(l)
		return
	}
	before := c.lines[l.Key()]
	if c.closed || before != nil && before.line.Unordered == l.Unordered && before.line.AckWait == l.AckWait && before.line.MadeAt == l.MadeAt {
		return
	}
	taking, stop := context.WithCancel(ctx)
	w := &consuming{line: l, stop: stop, done: make(chan struct{})}
	c.lines[l.Key()] = w
	if before != nil {
		before.stop()
	}
	go func() {
		defer close(w.done)
		if before != nil {
			<-before.done
		}
		c.follow(ctx, taking, l)
	}()
}

// InHand counts the deliveries that are worked on.
func (c *Consumer) InHand() int {
	c.mu.Lock()
	n := 0
	for _, h := range c.held {
		h.mu.Lock()
		n += h.inWork
		h.mu.Unlock()
	}
	c.mu.Unlock()
	c.leases.mu.Lock()
	defer c.leases.mu.Unlock()
	return n + len(c.leases.held)
}

// StopLine takes nothing more from a line. The channel is closed when what is
// in hand has ended. A line of the same key may be started at once.
func (c *Consumer) StopLine(k Key) (ended <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ended, was := c.unpack(k); was {
		return ended
	}
	w := c.lines[k]
	if w == nil {
		none := make(chan struct{})
		close(none)
		return none
	}
	delete(c.lines, k)
	w.stop()
	return w.done
}

// TakeNothing takes nothing more from any line: what was asked for is handed
// back. It does not wait.
func (c *Consumer) TakeNothing() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, w := range c.lines {
		w.stop()
	}
	for _, h := range c.held {
		h.mu.Lock()
		h.dropping = true
		h.mu.Unlock()
		h.hurry()
	}
}

// Stop takes nothing more from any line and waits for what is in hand, which
// ends at the latest when the context given to Start ends. It may be called more
// than once.
func (c *Consumer) Stop() {
	c.TakeNothing()
	c.mu.Lock()
	lines, holder, working, stopped := c.lines, c.holder, c.working, c.stopped
	c.lines, c.stopped = map[Key]*consuming{}, true
	c.mu.Unlock()
	if holder != nil && !stopped {
		holder.Stop(working)
		c.mu.Lock()
		for _, r := range c.readers {
			r.stop()
		}
		c.mu.Unlock()
	}
	for _, w := range lines {
		<-w.done
	}
	c.hands.end()
	c.leases.close()
}

// How soon a line that was interrupted is taken from again, at first and at
// most.
const (
	takeSoon  = 50 * time.Millisecond
	takeAgain = 2 * time.Second
)

// follow takes from a line until told to stop, through lost connections and
// consumers that are away for a while.
// What keeps it from that is told once, as long as it is the same.
func (c *Consumer) follow(working, taking context.Context, l Line) {
	told := ""
	for wait := takeSoon; taking.Err() == nil; wait = min(2*wait, takeAgain) {
		began := time.Now()
		err := c.take(working, taking, l)
		if taking.Err() != nil {
			return
		}
		if time.Since(began) > takeAgain { // it went well for a while
			wait, told = takeSoon, ""
		}
		if why := err.Error(); why != told {
			told = why
			c.bus.Log().Warn().Err(err).Str("instance", l.Instance).Str("line", l.Name).Msg("line interrupted")
		}
		select {
		case <-taking.Done():
		case <-time.After(wait):
		}
	}
}

// take takes one delivery after the other. It asks only when there is a free
// slot: what is fetched ahead shares a lease and lapses while it waits. In an
// ordered line the next one is asked for while this one is worked on; the
// server gives it to somebody only when this one is done.
func (c *Consumer) take(working, taking context.Context, l Line) error {
	p, err := newPull(taking, c.bus, l)
	if err != nil {
		return err
	}
	defer c.leases.listen(p.heard, p.ackWait)()
	defer p.close()
	record := l.RecordKey()
	if !l.Unordered {
		for {
			msg, err := p.next(taking, nil)
			if err != nil {
				return err
			}
			since, err := p.since(working, msg) // it is in hand, also when the line is left now
			if err != nil {
				return err
			}
			if err := p.ask(taking, bus.PullMany); err != nil {
				return err
			}
			p.freed = c.deliver(working, p, record, msg, since)
		}
	}
	return c.takeSideBySide(working, taking, p)
}

// takeSideBySide takes of a line without an order as much at once as there are hands
// for.
func (c *Consumer) takeSideBySide(working, taking context.Context, p *pull) error {
	record := p.line.RecordKey()
	h := c.hands.of(p.line)
	defer h.all.Wait()
	for {
		if p.left == 0 { // else there was room when it was asked for
			if err := h.await(taking); err != nil {
				return err
			}
		}
		msg, err := p.next(taking, h.roomNow)
		if err != nil {
			return err
		}
		since := p.heard.since()
		h.take(msg, func() { c.deliver(working, p, record, msg, since) })
	}
}

// deliver hands one delivery to the handler, under a lease that runs since then.
// It tells when the server was told to go on with the next; zero = it was not.
func (c *Consumer) deliver(working context.Context, p *pull, record string, msg *nats.Msg, since time.Time) (freed time.Time) {
	s := c.leases.take(working, msg.Reply, since, p.ackWait)
	defer s.release()
	g := &pulled{lease: s, nc: c.bus.Conn()}
	d, err := newDelivery(working, p, record, msg, g)
	if err != nil { // not a JetStream message, or a letter that cannot be read now: it comes again
		c.bus.Log().Error().Err(err).Str("instance", p.line.Instance).Str("line", p.line.Name).Msg("unreadable delivery")
		return time.Time{}
	}
	c.handle(s.ctx, d)
	return g.freed
}

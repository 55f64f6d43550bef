package bus

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Consumer hands the deliveries of lines to a handler, for one worker.
type Consumer struct {
	bus    *Bus
	leases *leases
	slots  int
	handle func(context.Context, *Delivery)
	mu     sync.Mutex
	lines  map[string]*consuming
	closed bool
}

type consuming struct {
	unordered bool
	stop      context.CancelFunc // take nothing more
	done      chan struct{}      // closed when nothing is in hand
}

// NewConsumer makes a consumer without lines. handle gets a context that ends
// when the lease lapses or the worker's patience is over; it must end the
// delivery by one of its methods, or leave it when it could not. slots is how
// many deliveries of one unordered line are worked on at once.
func (b *Bus) NewConsumer(slots int, handle func(context.Context, *Delivery)) *Consumer {
	return &Consumer{bus: b, leases: newLeases(b.nc, b.opts.AckWait), slots: slots, handle: handle, lines: map[string]*consuming{}}
}

// Start begins to take deliveries of a line. Starting a line twice does
// nothing, unless it keeps an order now and did not before, or the reverse. Any
// number of workers may take from one line: an ordered one hands out one
// delivery at a time over the fleet.
func (c *Consumer) Start(ctx context.Context, l Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.lines[l.Name]
	if c.closed || before != nil && before.unordered == l.Unordered {
		return
	}
	taking, stop := context.WithCancel(ctx)
	w := &consuming{unordered: l.Unordered, stop: stop, done: make(chan struct{})}
	c.lines[l.Name] = w
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

// StopLine takes nothing more from a line. The channel is closed when what is
// in hand has ended. A line of the same name may be started at once.
func (c *Consumer) StopLine(name string) (ended <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.lines[name]
	if w == nil {
		none := make(chan struct{})
		close(none)
		return none
	}
	delete(c.lines, name)
	w.stop()
	return w.done
}

// Stop takes nothing more from any line and waits for what is in hand, which
// ends at the latest when the context given to Start ends.
func (c *Consumer) Stop() {
	c.mu.Lock()
	c.closed = true
	lines := c.lines
	c.lines = map[string]*consuming{}
	c.mu.Unlock()
	for _, w := range lines {
		w.stop()
	}
	for _, w := range lines {
		<-w.done
	}
	c.leases.close()
}

// follow takes from a line until told to stop, through lost connections and
// consumers that are away for a while.
func (c *Consumer) follow(working, taking context.Context, l Line) {
	for wait := 50 * time.Millisecond; taking.Err() == nil; wait = min(2*wait, 2*time.Second) {
		err := c.take(working, taking, l)
		if taking.Err() != nil {
			return
		}
		c.bus.log.Warn().Err(err).Str("line", l.Name).Dur("again_in", wait).Msg("line interrupted")
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
	p, err := c.bus.pull(l)
	if err != nil {
		return err
	}
	defer p.close()
	record := l.RecordKey()
	if !l.Unordered {
		for {
			msg, err := p.next(taking)
			if err != nil {
				return err
			}
			if err := p.ask(taking, true); err != nil {
				return err
			}
			c.deliver(working, &l, record, msg)
		}
	}
	free := make(chan struct{}, c.slots)
	var inHand sync.WaitGroup
	defer inHand.Wait()
	for {
		select {
		case free <- struct{}{}:
		case <-taking.Done():
			return taking.Err()
		}
		msg, err := p.next(taking)
		if err != nil {
			return err
		}
		inHand.Add(1)
		go func() {
			defer func() { <-free; inHand.Done() }()
			c.deliver(working, &l, record, msg)
		}()
	}
}

func (c *Consumer) deliver(working context.Context, l *Line, record string, msg *nats.Msg) {
	s := c.leases.take(working, msg.Reply)
	defer s.release()
	d, err := c.bus.newDelivery(working, l, record, msg, s)
	if err != nil { // not a JetStream message, or a letter that cannot be read now: it comes again
		c.bus.log.Error().Err(err).Str("line", l.Name).Msg("unreadable delivery")
		return
	}
	c.handle(d.context(), d)
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// How long a request for messages stands at the server, and for how many. If the
// server forgets one without a word, the line stands as long as that.
//
// While nothing comes, a request is for one message and stands long. Once an
// ordered line flows, one request is for many: the server hands them out one
// at a time all the same, each when the one before is done. It stands no longer
// than AckWait, for a worker that has stalled gets a turn as often as its
// request lets it, and each turn costs that long.
const (
	pullFor  = 15 * time.Second
	pullMany = 64
)

// pull asks for the messages of one consumer. The client's own iterator can
// forget to ask when a message comes back faster than its request was booked,
// and then stands until a heartbeat is missed; with few messages a request that
// is not rare. Here one request stands at a time, and what it brought is
// counted. It is used by one goroutine.
type pull struct {
	bus       *Bus
	sub       *nats.Subscription
	subject   string
	unordered bool
	left      int // messages that the standing request may still bring; 0: none stands
	standing  context.Context
	forget    context.CancelFunc
}

func (b *Bus) pull(l Line) (*pull, error) {
	sub, err := b.nc.SubscribeSync(b.nc.NewInbox())
	if err != nil {
		return nil, err
	}
	return &pull{bus: b, sub: sub, subject: "$JS.API.CONSUMER.MSG.NEXT." + l.Stream() + "." + l.Name,
		unordered: l.Unordered, forget: func() {}}, nil
}

// ask sends a request unless one stands already. flowing says that a message
// has just come. The request is forgotten when ctx ends.
func (p *pull) ask(ctx context.Context, flowing bool) error {
	if p.left > 0 {
		return nil
	}
	many, long := 1, pullFor
	if flowing && !p.unordered {
		many, long = pullMany, p.bus.opts.AckWait
	}
	request := fmt.Appendf(nil, `{"expires":%d,"batch":%d}`, long.Nanoseconds(), many)
	p.forget()
	p.standing, p.forget = p.bus.session(ctx, time.Now().Add(long+time.Second))
	if err := p.bus.nc.PublishRequest(p.subject, p.sub.Subject, request); err != nil {
		return err
	}
	p.left = many
	return nil
}

// next waits for a message until ctx ends. An error that is not ctx's means
// that the consumer cannot be reached.
func (p *pull) next(ctx context.Context) (*nats.Msg, error) {
	for {
		if err := p.ask(ctx, false); err != nil {
			return nil, err
		}
		msg, err := p.sub.NextMsgWithContext(p.standing)
		switch {
		case ctx.Err() != nil && msg == nil:
			return nil, ctx.Err()
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			p.left = 0 // the connection was another, or the request is forgotten
			continue
		case err != nil:
			return nil, err
		}
		switch status := msg.Header.Get("Status"); status {
		case "":
			p.left--
			return msg, nil
		case "404", "408": // nothing more came in time
			p.left = 0
		default:
			// "Exceeded MaxWaiting" and "Leadership Change" pass; "Consumer
			// Deleted" does not. All are tried again a little later.
			p.left = 0
			return nil, fmt.Errorf("%s %s", status, msg.Header.Get("Description"))
		}
	}
}

// close ends the pulling. A message that was on its way is handed back, so
// that nobody waits for its lease to lapse.
func (p *pull) close() {
	p.forget()
	if p.left == 0 || p.sub.Drain() != nil {
		_ = p.sub.Unsubscribe() // only fails when the connection is gone
		return
	}
	for {
		msg, err := p.sub.NextMsg(time.Second)
		if err != nil {
			return
		}
		if msg.Header.Get("Status") == "" {
			_ = p.bus.nc.Publish(msg.Reply, []byte("-NAK")) // else its lease lapses
		}
	}
}

// session gives a context that ends with ctx, at the deadline, or when the
// connection has been made anew: what was asked on the old one is forgotten.
func (b *Bus) session(ctx context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	waiting, cancel := context.WithDeadline(ctx, deadline)
	stop := context.AfterFunc(*b.connection.Load(), cancel)
	return waiting, func() { stop(); cancel() }
}

// renewed ends the session of the old connection.
func (b *Bus) renewed() { succeed(&b.connection, &b.endSession) }

// broken ends what waits for an answer that this connection would have brought.
func (b *Bus) broken() { succeed(&b.link, &b.endLink) }

// succeed puts a fresh context in the place of one that it ends.
func succeed(current *atomic.Pointer[context.Context], end *atomic.Pointer[context.CancelFunc]) {
	next, cancel := context.WithCancel(context.Background())
	current.Store(&next)
	if old := end.Swap(&cancel); old != nil {
		(*old)()
	}
}

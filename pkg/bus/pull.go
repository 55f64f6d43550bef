package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// pullFor is how long one request for a message stands at the server. If the
// server forgets it without a word, the line stands as long as that.
const pullFor = 15 * time.Second

// pull asks for the messages of one consumer, one at a time. The client's own
// iterator can forget to ask when a message comes back faster than its request
// was booked, and then stands until a heartbeat is missed; with one message a
// request that is not rare. It is used by one goroutine.
type pull struct {
	bus     *Bus
	sub     *nats.Subscription
	subject string
	request []byte
	asked   time.Time // zero: no request stands at the server
}

func (b *Bus) pull(l Line) (*pull, error) {
	request, err := json.Marshal(struct {
		Expires time.Duration `json:"expires"`
		Batch   int           `json:"batch"`
	}{pullFor, 1})
	if err != nil {
		return nil, err
	}
	sub, err := b.nc.SubscribeSync(b.nc.NewInbox())
	if err != nil {
		return nil, err
	}
	return &pull{bus: b, sub: sub, subject: "$JS.API.CONSUMER.MSG.NEXT." + l.Stream() + "." + l.Name, request: request}, nil
}

// ask sends a request unless one stands already.
func (p *pull) ask() error {
	if !p.asked.IsZero() && time.Since(p.asked) < pullFor {
		return nil
	}
	if err := p.bus.nc.PublishRequest(p.subject, p.sub.Subject, p.request); err != nil {
		return err
	}
	p.asked = time.Now()
	return nil
}

// next waits for a message until ctx ends. An error that is not ctx's means
// that the consumer cannot be reached.
func (p *pull) next(ctx context.Context) (*nats.Msg, error) {
	for {
		if err := p.ask(); err != nil {
			return nil, err
		}
		waiting, cancel := p.bus.session(ctx, p.asked.Add(pullFor+time.Second))
		msg, err := p.sub.NextMsgWithContext(waiting)
		cancel()
		switch {
		case ctx.Err() != nil && msg == nil:
			return nil, ctx.Err()
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			p.asked = time.Time{} // the connection was another, or the request is forgotten
			continue
		case err != nil:
			return nil, err
		}
		p.asked = time.Time{}
		switch status := msg.Header.Get("Status"); status {
		case "":
			return msg, nil
		case "404", "408": // nothing came in time
		case "409":
			// "Exceeded MaxWaiting" and "Leadership Change" pass; "Consumer
			// Deleted" does not. All are tried again a little later.
			return nil, fmt.Errorf("%s %s", status, msg.Header.Get("Description"))
		default:
			return nil, fmt.Errorf("%s %s", status, msg.Header.Get("Description"))
		}
	}
}

// close ends the pulling. A message that was on its way is handed back, so
// that nobody waits for its lease to lapse.
func (p *pull) close() {
	if p.asked.IsZero() || p.sub.Drain() != nil {
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

package lines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/bus"
)

// How long a request for messages stands at the server. If the server forgets
// one without a word, the line stands as long as that.
//
// While nothing comes, a request is for one message and stands long. Once an
// ordered line flows, one request is for many: the server hands them out one
// at a time all the same, each when the one before is done. It stands no longer
// than AckWait, for a worker that has stalled gets a turn as often as its
// request lets it, and each turn costs that long.
//
// Where a line keeps no order, a request for many brings as many at once. It is
// for no more than there are hands for, and no more than a moment's: four times as many as
// the one before when that was used up within usedUpIn, else a quarter of them. So what the
// worker asks for and cannot do, since other lines have got theirs meanwhile or
// since it has stalled, is little.
const (
	pullFor  = 15 * time.Second
	usedUpIn = 50 * time.Millisecond
	pullStep = 4
)

// pull asks for the messages of one consumer. The client's own iterator can
// forget to ask when a message comes back faster than its request was booked,
// and then stands until a heartbeat is missed; with few messages a request that
// is not rare. Here one request stands at a time, and what it brought is
// counted. It is used by one goroutine.
type pull struct {
	lines    Lines
	line     Line
	ackWait  time.Duration // of the consumer itself
	sub      *nats.Subscription
	heard    *heard // when messages of sub may have been sent
	subject  string
	left     int       // messages that the standing request may still bring; 0: none stands
	many     int       // for how many it was, of a line without an order
	asked    time.Time // when the standing request was sent
	usedUp   time.Time // when what it was for had all come
	freed    time.Time // when the server was told of the last delivery's end; zero = it was not
	last     uint64    // the last delivery's number among all of the consumer
	standing context.Context
	forget   context.CancelFunc
}

// newPull takes the length of leases from the consumer, whatever this worker was
// told: somebody may have given it another. While it is changed, the shorter one
// counts.
func newPull(ctx context.Context, b *bus.Bus, l Line) (*pull, error) {
	i := Of(b.Instance(l.Instance))
	info, err := i.info(ctx, l)
	if err != nil {
		return nil, err
	}
	sub, err := i.Conn().SubscribeSync(i.Conn().NewInbox())
	if err != nil {
		return nil, bus.Failure(err)
	}
	ackWait := info.Config.AckWait
	if l.AckWait > 0 {
		ackWait = min(ackWait, l.AckWait)
	}
	return &pull{lines: i, line: l, ackWait: ackWait, sub: sub, heard: newHeard(sub),
		subject: "$JS.API.CONSUMER.MSG.NEXT." + i.stream(l) + "." + l.Name, forget: func() {}}, nil
}

// ask sends a request for so many unless one stands already. The request is
// forgotten when ctx ends.
func (p *pull) ask(ctx context.Context, many int) error {
	if p.left > 0 {
		return nil
	}
	long := pullFor
	if many > 1 {
		long = max(p.ackWait, bus.MinAckWait)
	}
	request := fmt.Appendf(nil, `{"expires":%d,"batch":%d}`, long.Nanoseconds(), many)
	p.forget()
	p.asked = time.Now()
	p.standing, p.forget = p.lines.Session(ctx, p.asked.Add(long+time.Second))
	if err := p.lines.Conn().PublishRequest(p.subject, p.sub.Subject, request); err != nil {
		return bus.Failure(err)
	}
	p.left, p.many = many, many
	return nil
}

// moment is for how many of a line without an order the next request is, of those
// that there is room for. flowing says that the one before was used up.
func (p *pull) moment(room int, flowing bool) int {
	switch {
	case !flowing:
		return 1
	case p.usedUp.Sub(p.asked) < usedUpIn:
		return max(min(room, pullStep*p.many), 1)
	}
	return max(min(room, p.many/pullStep), 1)
}

// next waits for a message until ctx ends. room is how many may be taken at once of
// a line without an order, nil of another. An error that is not ctx's means
// that the consumer cannot be reached.
func (p *pull) next(ctx context.Context, room func() int) (*nats.Msg, error) {
	for flowing := p.many > 0; ; flowing = false {
		many := 1
		if p.left == 0 && room != nil {
			many = p.moment(room(), flowing)
		}
		if err := p.ask(ctx, many); err != nil {
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
			return nil, bus.Failure(err)
		}
		switch status := bus.StatusOf(msg); status {
		case "":
			if p.left--; p.left == 0 {
				p.usedUp = time.Now()
			}
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

// sureFor is the part of AckWait for which a moment counts as just now: the
// lease of a delivery that came from a request as old as that begins with it.
const sureFor = 0.1

// since is the last moment at which an ordered line's delivery had surely not
// been handed out yet, from which its lease runs. It may have waited on the way,
// in a network that stalled or in a process that was stopped, and its time ran
// at the server all the while. The server hands it out after it was asked, and
// after it heard of the end of the one before it: mostly one of the two was just
// now. Otherwise the server is asked how long ago it was. zero = it is too old,
// or is another's by now.
func (p *pull) since(ctx context.Context, msg *nats.Msg) (time.Time, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return time.Time{}, bus.Failure(err)
	}
	number := meta.Sequence.Consumer
	since := p.asked
	if number == p.last+1 && p.freed.After(since) { // our own word freed it
		since = p.freed
	}
	p.last, p.freed = number, time.Time{}
	if time.Since(since) < time.Duration(sureFor*float64(p.ackWait)) && !bus.Past(since.Add(p.ackWait)) {
		return since, nil
	}
	sent := time.Now()
	info, err := p.lines.info(ctx, p.line)
	if err != nil {
		return time.Time{}, err
	}
	if info.Delivered.Consumer != number || info.Delivered.Last == nil {
		return time.Time{}, nil
	}
	return sent.Add(-info.TimeStamp.Sub(*info.Delivered.Last)), nil
}

// closeFor is how long what was on its way is waited for when a line is left.
const closeFor = time.Second

// close ends the pulling. A message that was on its way is handed back, so that
// nobody waits for its lease to lapse, if it is surely still ours: whoever has it
// by now must not be disturbed.
func (p *pull) close() {
	p.forget()
	if p.left == 0 || p.sub.Drain() != nil {
		_ = p.sub.Unsubscribe() // only fails when the connection is gone
		return
	}
	end := time.Now().Add(closeFor)
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	for {
		msg, err := p.sub.NextMsgWithContext(ctx)
		if err != nil {
			return
		}
		if _, err := msg.Metadata(); err != nil { // no delivery: nobody else is told anything
			continue
		}
		since := p.heard.since()
		if !p.line.Unordered {
			if since, err = p.since(ctx, msg); err != nil {
				return
			}
		}
		if !since.IsZero() && !bus.Past(since.Add(leaseOf(p.ackWait))) {
			_ = p.lines.Conn().Publish(msg.Reply, []byte("-NAK")) // else its lease lapses
		}
	}
}

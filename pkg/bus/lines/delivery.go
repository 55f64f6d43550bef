package lines

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/wire"
)

// Delivery is a message of a line in the hands of a worker, under a lease. It
// is used by one goroutine.
type Delivery struct {
	Line        Line
	Subject     string
	Body        []byte
	Sequence    uint64 // of the stream
	StoredAt    time.Time
	Redelivered bool // the server has handed it out before
	Traceparent string
	AsyncID     string             // delivery id of an async delivery, made when it was stored
	Phase       string             // phase of the call an async delivery came from
	CallName    string             // method or function of that call; "" = not known
	CallOrg     string             // organization of that call; "" = none, or not known
	EventID     string             // what publishing the event returned; "" = not known
	Letter      *action.DeadLetter // the dead letter that is sent again
	LetterPlace uint64             // and where it lay
	Unreadable  error              // why it, or its Letter, cannot be read as a whole; nothing changes that
	Hurried     bool               // somebody wants it now, whatever wait was in force
	recordKey   string             // one a line, or one a delivery where the line keeps no order
	stop        func(context.Context) error
	lastAck     func(context.Context) (time.Time, error)
	grip        grip
}

// grip is a worker's hold on one delivery, and how it is let go.
type grip interface {
	valid() bool
	ack() error
	wait(delay time.Duration) error
	end() error
	handBack() error
}

// pulled is the grip on what a consumer has handed out.
type pulled struct {
	*lease
	nc    *nats.Conn
	freed time.Time // when the server was told to go on with the next; zero = it was not
}

// newDelivery makes a delivery of a message. recordKey is the line's.
func newDelivery(ctx context.Context, p *pull, recordKey string, msg *nats.Msg, g grip) (*Delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	h := msg.Header
	d := &Delivery{
		Line: p.line, Subject: msg.Subject, Body: msg.Data, recordKey: recordKey,
		Sequence: meta.Sequence.Stream, StoredAt: meta.Timestamp, Redelivered: meta.NumDelivered > 1,
		Traceparent: h.Get(wire.HeaderTraceparent), grip: g, stop: func(ctx context.Context) error { return p.lines.Stop(ctx, p.line) },
		lastAck:    func(ctx context.Context) (time.Time, error) { return p.lines.LastAck(ctx, p.line) },
		Unreadable: bus.CheckMessage(h),
	}
	if d.Line.Unordered {
		d.recordKey = d.Line.recordOf(d.Sequence)
	}
	if d.Line.Async {
		d.AsyncID, d.Phase = h.Get(wire.HeaderDelivery), h.Get(wire.HeaderPhase)
		d.CallName, _ = wire.ID(h.Get(wire.HeaderName)) // an older version left it out
		d.CallOrg = textIn(h, wire.HeaderOrg)
	} else {
		d.EventID = textIn(h, wire.HeaderEventID)
		if !d.Line.Redrive {
			p.lines.NoteHeaders(d.Sequence, h)
		}
	}
	if d.Line.Redrive {
		return d, d.readLetter(ctx, p, msg)
	}
	return d, nil
}

// readLetter reads the dead letter that is sent again. Something that is none,
// or whose body is gone, never will be: whoever has it in hand ends it.
func (d *Delivery) readLetter(ctx context.Context, p *pull, msg *nats.Msg) error {
	letter, err := letters.Of(p.lines.Instance).ReadRedriven(ctx, msg)
	switch action.CodeOf(err) {
	case "":
		d.Unreadable = err
	case action.CodeNewer: // its stream says whether it is: see CheckForm
		d.Unreadable = err
		return nil
	case action.CodeNotFound:
		d.Unreadable, d.Letter = err, &letter.DeadLetter
		return nil
	default:
		return err
	}
	if err == nil {
		d.Letter, d.LetterPlace, d.Body = &letter.DeadLetter, letter.Place, letter.Body
	}
	return nil
}

// CheckForm is the error newer for a delivery from a stream that a newer version
// has stored in. One that says so itself, in a stream that does not, was put there
// by somebody else: it is Unreadable.
func (i Lines) CheckForm(ctx context.Context, d *Delivery) error {
	return i.Readable(ctx, i.stream(d.Line))
}

// RecordKey is the key under which Follow reports the delivery's record.
func (d *Delivery) RecordKey() string { return d.recordKey }

// Held tells whether the lease still holds. Without it nothing may be sent.
func (d *Delivery) Held() bool { return d.grip.valid() }

// Ack ends the delivery and lets the line go on. It fails with ErrLapsed when
// somebody else may hold the delivery.
func (d *Delivery) Ack() error { return d.grip.ack() }

// Wait gives the delivery back, to be handed out again after delay. In an
// ordered line everything behind it waits too. Where the line has a consumer the
// server has confirmed the wait when this returns: it survives the worker. The server
// keeps it in whole seconds over a restart, so it may then end up to a second early.
// In a packed line the record tells who takes over how long to wait.
func (d *Delivery) Wait(delay time.Duration) error { return d.grip.wait(delay) }

// End ends the delivery for good, though nothing has become of it.
func (d *Delivery) End() error { return d.grip.end() }

// HandBack gives the delivery back for another worker to take at once.
func (d *Delivery) HandBack() error { return d.grip.handBack() }

// StopLine holds the delivery's line until somebody resumes it. It outlives restarts.
func (d *Delivery) StopLine(ctx context.Context) error { return d.stop(ctx) }

// LastAck is when the delivery's line last went on; zero = never, or nobody here knows.
func (d *Delivery) LastAck(ctx context.Context) (time.Time, error) { return d.lastAck(ctx) }

func (g *pulled) ack() error {
	sent := time.Now()
	err := g.tell("+ACK")
	if err == nil {
		g.freed = sent
	}
	return err
}

func (g *pulled) wait(delay time.Duration) error {
	if !g.valid() {
		return ErrLapsed
	}
	g.quiet()       // a heartbeat behind it would take the wait back
	if !g.valid() { // that took long
		return ErrLapsed
	}
	_, err := g.nc.Request(g.reply, fmt.Appendf(nil, `-NAK {"delay":%d}`, max(delay, time.Millisecond).Nanoseconds()), g.ackWait/2)
	return err
}

func (g *pulled) end() error { return g.tell("+TERM") }

func (g *pulled) handBack() error { return g.tell("-NAK") }

// tell tells the server what becomes of the delivery, in the words of
// JetStream's protocol, unless somebody else may hold it by now.
func (g *pulled) tell(what string) error {
	if !g.valid() {
		return ErrLapsed
	}
	return g.nc.Publish(g.reply, []byte(what))
}

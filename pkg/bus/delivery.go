package bus

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
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
	Letter      *action.DeadLetter // the dead letter that is sent again
	LetterPlace uint64             // and where it lay
	recordKey   string             // one a line, or one a delivery where the line keeps no order
	nc          *nats.Conn
	reply       string // where the server is told
	lease       *lease
}

// newDelivery makes a delivery of a message. recordKey is the line's.
func (b *Bus) newDelivery(ctx context.Context, line *Line, recordKey string, msg *nats.Msg, s *lease) (*Delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	h := msg.Header
	d := &Delivery{
		Line: *line, Subject: msg.Subject, Body: msg.Data, recordKey: recordKey,
		Sequence: meta.Sequence.Stream, StoredAt: meta.Timestamp, Redelivered: meta.NumDelivered > 1,
		Traceparent: h.Get(wire.HeaderTraceparent), nc: b.nc, reply: msg.Reply, lease: s,
	}
	if line.Unordered {
		d.recordKey = line.recordOf(d.Sequence)
	}
	if line.Async {
		d.AsyncID, d.Phase = h.Get(wire.HeaderDelivery), h.Get(wire.HeaderPhase)
	}
	if line.Redrive {
		letter, err := b.readLetter(ctx, line.Instance, h, msg.Data)
		if err != nil {
			return nil, err
		}
		d.Letter, d.Body = &letter, letter.Body
		if d.LetterPlace, err = strconv.ParseUint(h.Get(headerPlace), 10, 64); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Held tells whether the lease still holds. Without it nothing may be sent.
func (d *Delivery) Held() bool { return d.lease.valid() }

// Ack ends the delivery and lets the line go on. It fails with ErrLapsed when
// somebody else may hold the delivery.
func (d *Delivery) Ack() error { return d.tell("+ACK") }

// Wait gives the delivery back, to be handed out again after delay. In an
// ordered line everything behind it waits too. The server has confirmed the wait
// when this returns: it survives the worker. The server keeps it in whole
// seconds over a restart, so it may then end up to a second early.
func (d *Delivery) Wait(delay time.Duration) error {
	if !d.lease.valid() {
		return ErrLapsed
	}
	d.lease.quiet() // a heartbeat behind it would take the wait back
	_, err := d.nc.Request(d.reply, fmt.Appendf(nil, `-NAK {"delay":%d}`, max(delay, time.Millisecond).Nanoseconds()), d.lease.owner.ackWait/2)
	return err
}

// HandBack gives the delivery back for another worker to take at once.
func (d *Delivery) HandBack() error { return d.tell("-NAK") }

// tell tells the server what becomes of the delivery, in the words of
// JetStream's protocol, unless somebody else may hold it by now.
func (d *Delivery) tell(what string) error {
	if !d.lease.valid() {
		return ErrLapsed
	}
	return d.nc.Publish(d.reply, []byte(what))
}

// context ends when the lease does, or when the worker stops.
func (d *Delivery) context() context.Context { return d.lease.ctx }

package bus

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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
	AsyncID     string // delivery id of an async delivery, made when it was stored
	Phase       string // phase of the call an async delivery came from
	msg         jetstream.Msg
	lease       *lease
}

func newDelivery(line Line, msg jetstream.Msg, s *lease) (*Delivery, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	h := msg.Headers()
	return &Delivery{
		Line: line, Subject: msg.Subject(), Body: msg.Data(),
		Sequence: meta.Sequence.Stream, StoredAt: meta.Timestamp, Redelivered: meta.NumDelivered > 1,
		Traceparent: header(h, wire.HeaderTraceparent), AsyncID: header(h, wire.HeaderDelivery),
		Phase: header(h, wire.HeaderPhase), msg: msg, lease: s,
	}, nil
}

func header(h nats.Header, name string) string {
	if h == nil {
		return ""
	}
	return h.Get(name)
}

// Held tells whether the lease still holds. Without it nothing may be sent.
func (d *Delivery) Held() bool { return d.lease.valid() }

// Ack ends the delivery and lets the line go on. It fails with ErrLapsed when
// somebody else may hold the delivery.
func (d *Delivery) Ack() error {
	if !d.lease.valid() {
		return ErrLapsed
	}
	return d.msg.Ack()
}

// Wait gives the delivery back, to be handed out again after delay. In an
// ordered line everything behind it waits too. The server keeps the wait in
// whole seconds over a restart, so it may then end up to a second early.
func (d *Delivery) Wait(delay time.Duration) error {
	if !d.lease.valid() {
		return ErrLapsed
	}
	// The client writes the delay as JSON; zero would mean AckWait.
	return d.msg.NakWithDelay(max(delay, time.Millisecond))
}

// HandBack gives the delivery back for another worker to take at once.
func (d *Delivery) HandBack() error {
	if !d.lease.valid() {
		return ErrLapsed
	}
	return d.msg.Nak()
}

// ack and lease belong to consuming; the context of a delivery ends when its
// lease does, or when the worker stops.
func (d *Delivery) context() context.Context { return d.lease.ctx }

// key is the record key of the delivery: one a line, or one a delivery where
// the line keeps no order.
func (d *Delivery) key() string {
	key := recordKey(d.Line.Instance, d.Line.Name)
	if d.Line.Unordered {
		key += "." + strconv.FormatUint(d.Sequence, 10)
	}
	return key
}

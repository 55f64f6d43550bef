package lines

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// ending is what became of a delivery of a packed line.
type ending struct {
	kind  int
	delay time.Duration
}

const (
	endLeft  = iota // nothing was said
	endDone         // the line goes on
	endWaits        // it comes again later
	endNone         // there was none
)

// packed is the grip on a delivery of a packed line. It is used by one goroutine.
type packed struct {
	held     *held
	member   *member
	turn     uint64
	sequence uint64
	end_     ending
}

func (g *packed) valid() bool {
	if g.held.ctx.Err() != nil || !g.held.consumer.holder.Valid() {
		return false
	}
	g.held.mu.Lock()
	defer g.held.mu.Unlock()
	return g.member.turn == g.turn
}

func (g *packed) say(e ending) error {
	if !g.valid() {
		return ErrLapsed
	}
	g.end_ = e
	return nil
}

func (g *packed) ack() error                     { return g.say(ending{kind: endDone}) }
func (g *packed) end() error                     { return g.say(ending{kind: endDone}) }
func (g *packed) wait(delay time.Duration) error { return g.say(ending{endWaits, delay}) }
func (g *packed) handBack() error                { return g.say(ending{kind: endWaits}) }

// eventDelivery is an event in the hands of a worker.
func eventDelivery(h *held, l Line, e bus.Message, tried, hurried bool, g grip) *Delivery {
	h.lines.NoteHeaders(e.Sequence, e.Header)
	return &Delivery{
		Line: l, Subject: e.Subject, Body: e.Body, recordKey: l.RecordKey(), Sequence: e.Sequence, StoredAt: e.StoredAt,
		Redelivered: tried, Hurried: hurried, Traceparent: e.Header.Get(wire.HeaderTraceparent), EventID: textIn(e.Header, wire.HeaderEventID),
		Unreadable: bus.CheckMessage(e.Header), grip: g,
		stop: func(ctx context.Context) error { // asked here: a worker may not answer itself over NATS
			return h.answer(ctx, question{Do: askHold, Line: l.Name, Until: farAway()}, &answer{})
		},
		lastAck: func(context.Context) (time.Time, error) {
			return h.placements(func(name string) bool { return name == l.Name })[l.Name].Moved, nil
		},
	}
}

package lines

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/wire"
)

// What a dispatcher does to a packed line it asks of the worker that holds the shard,
// or does itself while nobody does.

// placementOf tells how a packed line stands.
func (i Lines) placementOf(ctx context.Context, l Line) (p placement, err error) {
	for range askTries {
		var a answer
		a, err = i.ask(ctx, l.shard(), question{Do: askStanding, Line: l.Name})
		if errors.Is(err, errNobody) {
			return i.written(ctx, l)
		}
		if p, known := a.Lines[l.Name]; err == nil && known {
			return i.counted(ctx, l, p)
		}
		select { // who holds its shard has not heard of it yet, or has just lost it
		case <-ctx.Done():
			return p, bus.Failure(ctx.Err())
		case <-time.After(askAgain):
		}
	}
	if err != nil {
		return p, err
	}
	return i.written(ctx, l)
}

// written tells how a packed line stands by what is written of it.
func (i Lines) written(ctx context.Context, l Line) (placement, error) {
	all, err := shards.Read(ctx, i.Bus, l.shard())
	if err != nil {
		return placement{}, err
	}
	place, known := all.Lines[l.Name]
	p := placement{Floor: all.Read}
	switch {
	case !known:
		kept, err := i.position(ctx, l)
		if err != nil {
			return p, err
		}
		p.Floor = max(kept, max(l.Cut, 1)-1)
	case place.Next > 0:
		p.Floor = place.Next - 1
	}
	if place.Until > 0 {
		p.Until = time.Unix(0, place.Until)
	}
	p.Handed = p.Floor
	return i.counted(ctx, l, p)
}

// counted counts what waits where it is not known.
func (i Lines) counted(ctx context.Context, l Line, p placement) (placement, error) {
	if p.Counted {
		return p, nil
	}
	n, err := i.count(ctx, l, max(p.Floor+1, l.Cut))
	if err != nil {
		return p, err
	}
	p.Pending, p.Counted = n-min(n, uint64(p.InWork)), true
	return p, nil
}

// countFor is how long the server keeps what was made to count, should it not be
// removed.
const countFor = 5 * time.Second

// count counts the events of a line from a sequence on. The server does so for who is
// about to read them.
func (i Lines) count(ctx context.Context, l Line, from uint64) (uint64, error) {
	c, err := i.JetStream().CreateConsumer(ctx, i.Events, jetstream.ConsumerConfig{
		FilterSubject: l.filter(), AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: max(from, 1), InactiveThreshold: countFor, MemoryStorage: true, Replicas: 1, Description: "counts what waits in " + l.Name,
		Metadata: map[string]string{"callout_instance": "", "callout_counts": wire.Token(l.Instance)},
	})
	if err != nil {
		return 0, i.failure(ctx, l, err)
	}
	n := c.CachedInfo().NumPending
	_ = i.JetStream().DeleteConsumer(ctx, i.Events, c.CachedInfo().Name) // else it goes by itself
	return n, nil
}

// standing is a placement in the words of a Standing, without its record.
func (p placement) standing(ackWait time.Duration) Standing {
	s := Standing{Backlog: Backlog{Pending: p.Pending, InWork: p.InWork, Floor: p.Floor}, AckWait: ackWait, LastAck: p.Moved}
	if left := time.Until(p.Until); left > 0 {
		s.Held, s.Paused = true, left > standsFrom
	}
	if p.Tried {
		s.Redelivered = p.InWork
	}
	return s
}

// standPacked lets a packed line stand that is to stand, and go on when nobody of us
// has stopped it.
func (i Lines) standPacked(ctx context.Context, l Line) (changed string, err error) {
	p, err := i.placementOf(ctx, l)
	if err != nil {
		return "", err
	}
	r, err := i.LineRecord(ctx, l)
	if err != nil {
		return "", err
	}
	left := time.Until(p.Until)
	switch stood := left > standsFrom; {
	case l.stands(r) && !l.Fenced && !stood:
		return "pause", i.Stop(ctx, l)
	case !l.stands(r) && left > longestHold:
		return "pause", i.Resume(ctx, l)
	}
	return "", nil
}

package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// loss is what an instance has lost in NATS, as far as a look can tell: what is
// missing now, or has been made again by somebody since it was looked after.
type loss struct {
	events, dead, async *bus.StreamLook // another stream stands in their place, or none; as they were before
	purged              *bus.StreamLook // the event stream has no marker; as it was before
	catalog, conditions bool            // buckets
	secrets, book       bool
	consumers           []lines.Line // without their consumer
	words               []string     // what is missing
	spoilt              []string     // what is there, and is not what the engine put there
}

func (l *loss) none() bool { return len(l.words) == 0 }

// String names what is missing.
func (l *loss) String() string { return strings.Join(l.words, ", ") }

// lossOf compares what there is with what an instance needs.
func (h *health) lossOf(ctx context.Context, i *Instance, look bus.Look) (l loss) {
	l.events = h.lost(&l, i, i.bus.Events, look)
	l.dead = h.lost(&l, i, i.bus.Dead, look)
	l.async = h.lost(&l, i, i.bus.Async, look)
	for bucket, is := range map[string]*bool{bus.BucketCatalog: &l.catalog, bus.BucketConditions: &l.conditions, bus.BucketSecrets: &l.secrets, bus.BucketLines: &l.book} {
		*is = h.lost(&l, i, bus.BucketStream(bucket), look) != nil
	}
	if l.events == nil && h.older(ctx, i, look) {
		l.events = &bus.StreamLook{}
		l.words = append(l.words, "the lines of "+i.bus.Events+" (they are of an older one)")
	}
	if l.events == nil {
		if marked, err := h.markedOf(ctx, i); err == nil && !marked {
			l.words = append(l.words, "the catalog marker in "+i.bus.Events)
			h.mu.Lock()
			before := h.before[looked{i.ID, i.bus.Events}]
			h.mu.Unlock()
			l.purged = &before
		}
	}
	if l.events == nil && l.async == nil {
		l.consumers = h.lostConsumers(ctx, i, look)
		for _, gone := range l.consumers {
			l.words = append(l.words, "the consumer of line "+gone.Name)
		}
	}
	l.spoilt = h.spoiltOf(i)
	return l
}

// lost tells how a stream was before, when it is missing, is another one than was
// looked after, or is a bucket that somebody has emptied; nil when it is not.
func (h *health) lost(l *loss, i *Instance, name string, look bus.Look) *bus.StreamLook {
	h.mu.Lock()
	before, after := h.before[looked{i.ID, name}]
	h.mu.Unlock()
	now, there := look.Streams[name]
	switch {
	case !there:
		l.words = append(l.words, name)
	case after && !now.Made.Equal(before.Made):
		l.words = append(l.words, name+" (it was made again, without what was in it)")
	case after && strings.HasPrefix(name, bus.BucketStream("")) && now.EmptiedSince(before):
		l.words = append(l.words, name+" (it was emptied)")
	default:
		return nil
	}
	return &before
}

// lostConsumers finds the lines whose consumer somebody deleted. The server is
// asked for their names only where it counts others than there should be.
func (h *health) lostConsumers(ctx context.Context, i *Instance, look bus.Look) []lines.Line {
	known := h.dispatcher.lines.of(i.ID)
	events, async, packed := 0, 0, 0
	for _, l := range known {
		switch {
		case l.Drained:
		case l.Packed():
			packed++
		case l.Async:
			async++
		default:
			events++
		}
	}
	// Where lines are packed, those who read for them and show their lag are consumers too:
	// how many there are tells nothing then.
	there := look.Streams[i.bus.Events].Consumers == events && packed == 0 || events == 0
	if there && look.Streams[i.bus.Async].Consumers == async {
		return nil
	}
	gone, err := i.lines.WithoutConsumer(ctx, known)
	if err != nil {
		return nil // the next look finds it
	}
	return slices.DeleteFunc(gone, func(l lines.Line) bool { return !i.stands(ctx, l) })
}

// stands tells whether a line is there and stays: what is known of it by following
// may be a moment old.
func (i *Instance) stands(ctx context.Context, l lines.Line) bool {
	now, there, err := i.lines.Now(ctx, l.Name)
	return err == nil && there && !now.Drained
}

// older tells whether there are lines of an event stream that was there before.
func (h *health) older(ctx context.Context, i *Instance, look bus.Look) bool {
	made := look.Streams[i.bus.Events].Made
	return slices.ContainsFunc(h.dispatcher.lines.of(i.ID), func(l lines.Line) bool { return l.OlderThan(made) && i.stands(ctx, l) })
}

// gone names what the streams held, for the log of who made them again: one of
// all dispatchers.
func (l *loss) gone(h *healing) (gone []string) {
	lacked := func(stream string) bool { return slices.Contains(h.lacked, stream) }
	if l.events != nil && l.events.LastSeq > 0 && (h.older || lacked(h.bus.Events)) {
		gone = append(gone, fmt.Sprintf("events %d to %d or later", max(l.events.FirstSeq, 1), l.events.LastSeq))
	}
	if l.purged != nil && h.now.FirstSeq > l.purged.FirstSeq {
		gone = append(gone, fmt.Sprintf("events %d to %d", max(l.purged.FirstSeq, 1), h.now.FirstSeq-1))
	}
	if l.dead != nil && l.dead.Messages > 0 && lacked(h.bus.Dead) {
		gone = append(gone, fmt.Sprintf("%d dead letters", l.dead.Messages))
	}
	if l.async != nil && l.async.Messages > 0 && lacked(h.bus.Async) {
		gone = append(gone, fmt.Sprintf("%d async deliveries and redrives", l.async.Messages))
	}
	return gone
}

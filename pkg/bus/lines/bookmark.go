package lines

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/wire"
)

// A packed line has no consumer, so no NATS tool would show how far behind it is. Whoever
// holds a shard therefore keeps a bookmark: a durable consumer of the instance's events
// that nobody takes from. Its place is set to what is written of the shard's lines: its
// ack floor is the lowest of theirs, and what the server counts as pending is what lies
// behind that. Nothing is read from it, and nothing depends on it.

// The metadata by which a bookmark is told from the consumer of a line.
const (
	metaShard = "callout_shard" // its number
	metaLines = "callout_lines" // how many lines are in it
)

const (
	bookmarkEvery = time.Second     // how often one is looked at, and moved where it has to be
	bookmarkFor   = 2 * time.Second // how long the server is waited for then
	// bookmarksASecond is how many a worker looks at in a second: with more shards each
	// has its turn later.
	bookmarksASecond = 50
	// bookmarkRest is how many times as long as a turn took it is left alone, bookmarkLate at
	// most: the server counts what is pending anew each time, which with millions of events
	// behind a line takes it a while.
	bookmarkRest = 50
	bookmarkLate = 10 * time.Second
)

// bookmark is what the consumer of a shard is to show.
type bookmark struct {
	floor uint64 // up to which everything of its lines is done, as it is written
	lines int    // 0 = it is to be no more
}

// bookmarkName is the name of a shard's consumer. A line's ends by 32 hexadecimal digits.
func bookmarkName(s shards.Shard) string { return "shard-" + strconv.Itoa(s.Number) }

// bookmarkOf tells whether a consumer is the bookmark of a shard, and of which.
func bookmarkOf(cfg jetstream.ConsumerConfig) (number int, is bool) {
	number, err := strconv.Atoi(cfg.Metadata[metaShard])
	return number, err == nil && cfg.Durable == bookmarkName(shards.Shard{Number: number})
}

func (i Lines) bookmark(s shards.Shard, b bookmark) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable: bookmarkName(s), FilterSubject: wire.EventsOf(i.ID), AckPolicy: jetstream.AckExplicitPolicy,
		DeliverPolicy: jetstream.DeliverAllPolicy, MaxDeliver: -1, MaxAckPending: 1, MaxWaiting: 1,
		Description: fmt.Sprintf("how far the slowest line of shard %d has come; nothing is taken from here", s.Number),
		Metadata:    map[string]string{"callout_instance": i.ID, metaShard: strconv.Itoa(s.Number), metaLines: strconv.Itoa(b.lines)},
	}
}

// mark has the bookmark say what is written by now. It is called by the one goroutine
// that writes, between two writes, so that nothing is on its way.
func (h *held) mark() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.marked) < bookmarkEvery/2 { // to find the lowest is to look at each line
		return
	}
	b, ok := h.bookmark()
	if !ok {
		return
	}
	h.marked = time.Now()
	select {
	case <-h.marks: // nobody has come to it
	default:
	}
	h.marks <- b
}

// bookmark is the lowest of what is written of the lines; ok is false when something of
// one of them is not written at all yet, which is so for a moment. mu is held.
func (h *held) bookmark() (b bookmark, ok bool) {
	b = bookmark{floor: h.wrote, lines: len(h.members) + len(h.others)}
	lower := func(p shards.Place) {
		if p.Next > 0 {
			b.floor = min(b.floor, p.Next-1)
		}
	}
	if len(h.fixed) > 0 {
		return b, false
	}
	for _, p := range h.others {
		lower(p)
	}
	for _, m := range h.members {
		if !m.known {
			return b, false
		}
		lower(m.written)
	}
	return b, true
}

// keepBookmark keeps the consumer of the shard until that is not ours. What is in its way
// is told once, as long as it is the same.
func (h *held) keepBookmark() {
	told, kept := "", true
	for {
		var b bookmark
		select {
		case <-h.ctx.Done():
			return
		case b = <-h.marks:
		}
		began := time.Now()
		if kept || b.lines > 0 {
			err := h.lines.putBookmark(h.ctx, h.shard, b)
			kept = err != nil || b.lines > 0
			switch {
			case err == nil:
				told = ""
			case h.ctx.Err() == nil && err.Error() != told:
				told = err.Error()
				h.consumer.bus.Log().Warn().Err(err).Stringer("shard", h.shard).Msg("NATS tools do not show the lag of a shard: its consumer could not be kept, which is tried again")
			}
		}
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(max(h.consumer.bookmarkPause(), min(bookmarkRest*time.Since(began), bookmarkLate))):
		}
	}
}

// bookmarkPause is how long a worker leaves one bookmark alone.
func (c *Consumer) bookmarkPause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(bookmarkEvery, time.Duration(len(c.held))*time.Second/bookmarksASecond)
}

// putBookmark makes or changes the consumer of a shard where it is not as it is to be,
// also when somebody has deleted it, moved it, or taken from it.
func (i Lines) putBookmark(ctx context.Context, s shards.Shard, b bookmark) error {
	ctx, cancel := context.WithTimeout(ctx, bookmarkFor)
	defer cancel()
	if b.lines == 0 {
		return i.dropBookmark(ctx, s)
	}
	want := i.bookmark(s, b)
	c, err := i.JetStream().Consumer(ctx, i.Events, want.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		c, err = i.JetStream().CreateConsumer(ctx, i.Events, want)
	case IsAnother(err) || err == nil && !mayBecome(c.CachedInfo().Config, want):
		if err := i.dropBookmark(ctx, s); err != nil {
			return err
		}
		c, err = i.JetStream().CreateConsumer(ctx, i.Events, want)
	case err == nil && !isBookmark(c.CachedInfo().Config, want):
		c, err = i.JetStream().UpdateConsumer(ctx, i.Events, want)
	}
	if err != nil {
		return i.StreamFailure(ctx, i.Events, err)
	}
	if info := c.CachedInfo(); info.AckFloor.Stream == b.floor && info.Delivered.Stream == b.floor {
		return nil
	}
	if _, err := i.JetStream().ResetConsumerToSequence(ctx, i.Events, want.Durable, b.floor+1); err != nil {
		return i.StreamFailure(ctx, i.Events, err)
	}
	return nil
}

// isBookmark tells whether a consumer is as a bookmark is to be. The server adds metadata
// of its own.
func isBookmark(have, want jetstream.ConsumerConfig) bool {
	for key, value := range want.Metadata {
		if have.Metadata[key] != value {
			return false
		}
	}
	return have.FilterSubject == want.FilterSubject
}

// mayBecome tells whether a consumer can be made a bookmark as it stands: the server
// changes none of these.
func mayBecome(have, want jetstream.ConsumerConfig) bool {
	return have.AckPolicy == want.AckPolicy && have.DeliverPolicy == want.DeliverPolicy && have.ReplayPolicy == want.ReplayPolicy &&
		have.MaxWaiting == want.MaxWaiting && have.Durable == want.Durable && have.PauseUntil == nil
}

func (i Lines) dropBookmark(ctx context.Context, s shards.Shard) error {
	err := i.JetStream().DeleteConsumer(ctx, i.Events, bookmarkName(s))
	if err == nil || errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return i.StreamFailure(ctx, i.Events, err)
}

// SweepBookmarks removes the consumers of shards that none of these lines is in: who held
// one may have left before he could. It is for who holds the lead, and has just listed
// all lines.
func (i Lines) SweepBookmarks(ctx context.Context, all []Line) (removed int, err error) {
	consumers, err := i.consumers(ctx, i.Events)
	if err != nil {
		return 0, err
	}
	left := map[int]bool{}
	for _, info := range consumers {
		if number, is := bookmarkOf(info.Config); is {
			left[number] = true
		}
	}
	for _, l := range all {
		if l.Packed() {
			delete(left, l.Shard)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(left)) {
		if err := i.dropBookmark(ctx, shards.Shard{Instance: i.ID, Number: number}); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

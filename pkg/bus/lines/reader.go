package lines

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// reader reads the events of an instance in their order, once, for all shards of it
// that this worker holds.
type reader struct {
	consumer *Consumer
	lines    Lines
	again    context.CancelFunc // begins at an earlier place
	stop     context.CancelFunc
	shards   map[int]*held
}

const (
	readAhead = 256
	readAgain = 100 * time.Millisecond
	readIdle  = 30 * time.Second
)

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	told := ""
	for ctx.Err() == nil {
		reading, again := context.WithCancel(ctx)
		r.consumer.mu.Lock()
		r.again = again
		from, all := uint64(0), r.all()
		for n, h := range all {
			h.mu.Lock()
			if n == 0 || h.read < from {
				from = h.read
			}
			h.mu.Unlock()
		}
		r.consumer.mu.Unlock()
		err := r.read(reading, from, all)
		begunAgain := reading.Err() != nil
		again()
		if begunAgain || ctx.Err() != nil {
			continue
		}
		if why := err.Error(); why != told {
			told = why
			r.consumer.bus.Log().Warn().Err(err).Str("instance", r.lines.ID).Msg("the events of an instance cannot be read")
		}
		select {
		case <-ctx.Done():
		case <-time.After(readAgain):
		}
	}
}

// all gives the shards. consumer.mu is held.
func (r *reader) all() (all []*held) {
	for _, h := range r.shards {
		all = append(all, h)
	}
	return all
}

// read hands events to these shards from a place on that none of them is behind. One that
// is taken meanwhile may be: for that one reading begins again.
func (r *reader) read(ctx context.Context, from uint64, all []*held) error {
	state, err := r.lines.State(ctx, r.lines.Events)
	if err != nil {
		return err
	}
	for _, h := range all {
		if h.of(state.Created.UnixNano()) {
			continue
		}
		r.consumer.holder.Fenced(h.shard) // it is taken again, as of this stream
	}
	events, err := r.lines.JetStream().OrderedConsumer(ctx, r.lines.Events, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{wire.EventsOf(r.lines.ID)}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: from + 1, InactiveThreshold: readIdle, MaxResetAttempts: 1, // run begins again, and ends with its context
	})
	if err != nil {
		return bus.Failure(err)
	}
	messages, err := events.Messages(jetstream.PullMaxMessages(readAhead))
	if err != nil {
		return bus.Failure(err)
	}
	defer messages.Stop()
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return bus.Failure(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return bus.Failure(err)
		}
		e := bus.Message{Subject: msg.Subject(), Sequence: meta.Sequence.Stream, StoredAt: meta.Timestamp, Header: msg.Headers(), Body: msg.Data()}
		for _, h := range all {
			h.route(e)
		}
	}
}

// of tells whether the places are of the stream that was made then. Those of which it
// is not known are.
func (h *held) of(made int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.made == 0 {
		h.made = made
	}
	return h.made == made
}

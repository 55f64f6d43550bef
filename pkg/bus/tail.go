package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// TailOptions choose events.
type TailOptions struct {
	Type action.Condition // of phase OnEvent: a type, a group or all
	Org  string           // "" = those of all organizations
	From uint64           // first sequence; 0 = the next to be stored
}

// StoredEvent is an event as it lies in the stream of its instance.
type StoredEvent struct {
	Message
	wire.StoredEvent        // what can be read of its subject
	Aggregate        string // where the publisher named it in a header
}

const (
	tailAhead = 8                // messages asked for before they are wanted
	tailIdle  = 30 * time.Second // after which the server forgets a reader that went
)

// Tail hands over the events of an instance in their order, those stored and
// those to come, until ctx ends or a callback fails; it returns what ended it.
// begun is told the first sequence: nothing stored from there on is left out.
// Lost connections are survived. The error is bad_field when From lies ahead of
// the stream.
func (b *Bus) Tail(ctx context.Context, instance string, o TailOptions, begun func(from uint64) error, do func(StoredEvent) error) error {
	last, err := b.LastSequence(ctx, instance)
	if err != nil {
		return err
	}
	from := o.From
	if from == 0 {
		from = last + 1
	}
	if from > last+1 {
		return action.NewError(action.CodeBadField, action.StageStore,
			fmt.Sprintf("the newest event is %d, nothing is stored at %d yet", last, from)).WithField("from_sequence")
	}
	reader, err := b.js.OrderedConsumer(ctx, EventStream(instance), jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{wire.LineFilter(instance, o.Org, o.Type, 0, 1)},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, InactiveThreshold: tailIdle,
	})
	if err != nil {
		return failure(err)
	}
	messages, err := reader.Messages(jetstream.PullMaxMessages(tailAhead))
	if err != nil {
		return failure(err)
	}
	defer messages.Stop()
	if err := begun(from); err != nil {
		return err
	}
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			if ended := ctx.Err(); ended != nil {
				return ended
			}
			return failure(err)
		}
		event, err := storedEvent(msg)
		if err != nil {
			return err
		}
		if err := do(event); err != nil {
			return err
		}
	}
}

func storedEvent(msg jetstream.Msg) (StoredEvent, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return StoredEvent{}, failure(err)
	}
	e := StoredEvent{Message: Message{Subject: msg.Subject(), Sequence: meta.Sequence.Stream, StoredAt: meta.Timestamp, Body: msg.Data()}}
	e.StoredEvent, _ = wire.ParseStoredEvent(msg.Subject())           // what can be read of it
	e.Aggregate, _ = wire.ID(msg.Headers().Get(wire.HeaderAggregate)) // anybody may have written it
	return e, nil
}

package lines

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
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
	bus.Message
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
func (i Lines) Tail(ctx context.Context, o TailOptions, begun func(from uint64) error, do func(StoredEvent) error) error {
	last, err := i.LastSequence(ctx)
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
	reader, err := i.JetStream().OrderedConsumer(ctx, i.Events, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{wire.LineFilter(i.ID, o.Org, o.Type, 0, 1)},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, InactiveThreshold: tailIdle,
	})
	if err != nil {
		return bus.Failure(err)
	}
	messages, err := reader.Messages(jetstream.PullMaxMessages(tailAhead))
	if err != nil {
		return bus.Failure(err)
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
			return bus.Failure(err)
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
		return StoredEvent{}, bus.Failure(err)
	}
	return eventOf(bus.Message{Subject: msg.Subject(), Sequence: meta.Sequence.Stream, StoredAt: meta.Timestamp, Header: msg.Headers(), Body: msg.Data()}), nil
}

func eventOf(m bus.Message) StoredEvent {
	e := StoredEvent{Message: m}
	e.StoredEvent, _ = wire.ParseStoredEvent(m.Subject)          // what can be read of it
	e.Aggregate, _ = wire.ID(m.Header.Get(wire.HeaderAggregate)) // anybody may have written it
	return e
}

package bus

import (
	"context"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Stored is the stream's confirmation of an event.
type Stored struct {
	ID             string `json:"id"`
	StreamSequence uint64 `json:"stream_sequence"`
	Duplicate      bool   `json:"duplicate"`
}

// NewEvent is an event to be stored. ID is for deduplication within ten
// minutes; Body is what the targets will get, byte for byte.
type NewEvent struct {
	ID          string
	Instance    string
	Org         string
	AggregateID string
	Type        string
	Body        []byte
	Traceparent string
}

// Publish stores one event and waits for the confirmation. The error is an
// *action.Error; nothing is confirmed that is not stored.
func (b *Bus) Publish(ctx context.Context, e NewEvent) (Stored, error) {
	subject, err := wire.EventSubject(e.Instance, e.Org, e.AggregateID, e.Type)
	if err != nil {
		return Stored{}, err
	}
	msg := nats.NewMsg(subject)
	msg.Data = e.Body
	msg.Header.Set(wire.HeaderAggregate, wire.Token(e.AggregateID))
	if e.Traceparent != "" {
		msg.Header.Set(wire.HeaderTraceparent, e.Traceparent)
	}
	ack, err := b.store(ctx, msg, jetstream.WithMsgID(e.ID), jetstream.WithExpectStream(EventStream(e.Instance)))
	if err != nil {
		return Stored{}, failure(err)
	}
	return Stored{ID: e.ID, StreamSequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

const (
	storeFor   = 5 * time.Second // how long one confirmation is waited for
	storeTries = 3               // over connections that were made anew in between
)

// store publishes to a stream and waits for its confirmation. One that was on
// its way when the connection broke never comes, so the message is sent again
// on the new one: its id, or its subject, keeps it from being stored twice.
func (b *Bus) store(ctx context.Context, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	for try := 1; ; try++ {
		connection := b.connection.Load()
		waiting, cancel := b.session(ctx, time.Now().Add(storeFor))
		ack, err := b.js.PublishMsg(waiting, msg, opts...)
		cancel()
		renewed := b.connection.Load() != connection
		if err == nil || !renewed || ctx.Err() != nil || try == storeTries {
			return ack, err
		}
	}
}

// AsyncDelivery is a call's body for an async target, to be delivered by the
// fleet.
type AsyncDelivery struct {
	ID          string // delivery id
	Instance    string
	Owner       string // organization whose definition of the target is meant
	Target      string
	Phase       action.Phase
	Body        []byte
	Revision    uint64
	Traceparent string
}

// StoreAsync stores a delivery and waits for the confirmation.
func (b *Bus) StoreAsync(ctx context.Context, d AsyncDelivery) error {
	msg := nats.NewMsg(wire.AsyncSubject(d.Instance, d.Owner, d.Target))
	msg.Data = d.Body
	msg.Header.Set(wire.HeaderDelivery, d.ID)
	msg.Header.Set(wire.HeaderPhase, string(d.Phase))
	msg.Header.Set(wire.HeaderRevision, strconv.FormatUint(d.Revision, 10))
	if d.Traceparent != "" {
		msg.Header.Set(wire.HeaderTraceparent, d.Traceparent)
	}
	_, err := b.store(ctx, msg, jetstream.WithMsgID(d.ID), jetstream.WithExpectStream(AsyncStream(d.Instance)))
	if err != nil {
		return failure(err)
	}
	return nil
}

package bus

import (
	"cmp"
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
	// Error is set by PublishEach on an event that is not stored, because its id is
	// that of another: conflict.
	Error *action.Error `json:"error,omitempty"`
}

// NewEvent is an event to be stored. ID is for deduplication within ten
// minutes, among the events of its organization, aggregate and type; an event
// without one is never a duplicate. Body is what the targets will get, byte for
// byte.
type NewEvent struct {
	ID          string
	Org         string
	AggregateID string
	Type        string
	Body        []byte
	Traceparent string
}

// Publish stores one event and waits for the confirmation. The error is an
// *action.Error; nothing is confirmed that is not stored. An id that was used for
// another body is a conflict.
func (i Instance) Publish(ctx context.Context, e NewEvent) (Stored, error) {
	subject, err := wire.EventSubject(i.ID, e.Org, e.AggregateID, e.Type)
	if err != nil {
		return Stored{}, err
	}
	msg := nats.NewMsg(subject)
	msg.Data = e.Body
	msg.Header.Set(wire.HeaderAggregate, wire.Token(e.AggregateID))
	if e.Traceparent != "" {
		msg.Header.Set(wire.HeaderTraceparent, e.Traceparent)
	}
	if e.ID != "" {
		msg.Header.Set(jetstream.MsgIDHeader, wire.EventMessageID(subject, e.ID))
		msg.Header.Set(wire.HeaderEventID, wire.HeaderText(e.ID)) // which that does not tell
	}
	ack, err := i.Store(ctx, i.Events, msg, jetstream.WithExpectStream(i.Events))
	if err != nil {
		return Stored{}, err
	}
	if ack.Duplicate {
		if err := i.same(ctx, e, ack.Sequence); err != nil {
			return Stored{}, err
		}
	}
	return Stored{ID: e.ID, StreamSequence: ack.Sequence, Duplicate: ack.Duplicate}, nil
}

// PublishEach stores events in their order, each confirmed before the next is
// sent, and tells of each how it went. One whose id is that of another event keeps
// no other from being stored: its Stored has the Error, and err is the first of
// them. Any other error ends it; then all tells of those before.
func (i Instance) PublishEach(ctx context.Context, events []NewEvent) (all []Stored, err error) {
	all = make([]Stored, 0, len(events))
	for _, e := range events {
		s, failed := i.Publish(ctx, e)
		if action.CodeOf(failed) == action.CodeConflict {
			s = Stored{ID: e.ID, Error: action.AsError(failed, action.StageStore)}
			err = cmp.Or(err, failed)
		} else if failed != nil {
			return all, failed
		}
		all = append(all, s)
	}
	return all, err
}

const (
	storeFor   = 5 * time.Second // how long one confirmation is waited for
	storeTries = 3               // over connections that were made anew in between
)

// Store publishes to a stream and waits for its confirmation. One that was on
// its way when the connection broke never comes, so the message is sent again
// on the new one: its id, or its subject, keeps it from being stored twice. stream
// is named in errors. The error is an *action.Error.
func (b *Bus) Store(ctx context.Context, stream string, msg *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	for try := 1; ; try++ {
		connection := b.connection.Load()
		waiting, cancel := b.Session(ctx, time.Now().Add(storeFor))
		ack, err := b.js.PublishMsg(waiting, msg, opts...)
		cancel()
		renewed := b.connection.Load() != connection
		if err == nil {
			return ack, nil
		}
		if !renewed || ctx.Err() != nil || try == storeTries {
			return nil, NotStored(b.missing(ctx, stream, err))
		}
	}
}

// StoreEach publishes messages to a stream in their order, without waiting for
// the confirmation of one before the next is sent, and then waits for all of
// them. It gives the error of each; nil means that it is stored. Who calls it
// bounds how many they are, and how large.
func (b *Bus) StoreEach(ctx context.Context, stream string, msgs []*nats.Msg, opts func(n int) []jetstream.PublishOpt) []error {
	errs := make([]error, len(msgs))
	waiting, cancel := b.Session(ctx, time.Now().Add(storeFor))
	defer cancel()
	futures := make([]jetstream.PubAckFuture, len(msgs))
	for n, msg := range msgs {
		futures[n], errs[n] = b.js.PublishMsgAsync(msg, opts(n)...)
	}
	for n, f := range futures {
		if errs[n] != nil {
			errs[n] = NotStored(b.missing(ctx, stream, errs[n]))
			continue
		}
		select {
		case <-f.Ok():
		case err := <-f.Err():
			errs[n] = NotStored(b.missing(ctx, stream, err))
		case <-waiting.Done():
			errs[n] = NotStored(context.Cause(waiting))
		}
	}
	return errs
}

// AsyncDelivery is a call's body for an async target, to be delivered by the
// fleet.
type AsyncDelivery struct {
	ID          string // delivery id
	Owner       string // organization whose definition of the target is meant
	Target      string
	Phase       action.Phase
	Name        string // method or function of the call
	Org         string // of the call
	Body        []byte
	Revision    uint64
	Traceparent string
}

// StoreAsync stores a delivery and waits for the confirmation.
func (i Instance) StoreAsync(ctx context.Context, d AsyncDelivery) error {
	msg := nats.NewMsg(wire.AsyncSubject(i.ID, d.Owner, d.Target))
	msg.Data = d.Body
	SetFormat(msg.Header)
	msg.Header.Set(wire.HeaderDelivery, d.ID)
	msg.Header.Set(wire.HeaderPhase, string(d.Phase))
	if d.Name != "" {
		msg.Header.Set(wire.HeaderName, wire.Token(d.Name))
	}
	msg.Header.Set(wire.HeaderRevision, strconv.FormatUint(d.Revision, 10))
	if d.Traceparent != "" {
		msg.Header.Set(wire.HeaderTraceparent, d.Traceparent)
	}
	if d.Org != "" {
		msg.Header.Set(wire.HeaderOrg, wire.HeaderText(d.Org))
	}
	_, err := i.Store(ctx, i.Async, msg, jetstream.WithMsgID(d.ID), jetstream.WithExpectStream(i.Async))
	return err
}

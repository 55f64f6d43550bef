package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"
)

// NextStray finds an event that lies where no line can see it: its publisher
// put a literal wildcard into the subject, which the stream takes and does not
// transform. ok is false when there is none.
func (b *Bus) NextStray(ctx context.Context, instance string) (m Message, ok bool, err error) {
	stream, err := b.js.Stream(ctx, EventStream(instance))
	if err != nil {
		return m, false, failure(err)
	}
	for _, subject := range wire.StraysOf(instance) {
		raw, err := stream.GetMsg(ctx, 1, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return m, false, failure(err)
		}
		return Message{Subject: raw.Subject, Sequence: raw.Sequence, StoredAt: raw.Time, Body: raw.Data}, true, nil
	}
	return m, false, nil
}

// DropStray takes such an event out of the stream, once it is kept elsewhere.
func (b *Bus) DropStray(ctx context.Context, instance string, m Message) error {
	stream, err := b.js.Stream(ctx, EventStream(instance))
	if err != nil {
		return failure(err)
	}
	if err := stream.DeleteMsg(ctx, m.Sequence); err != nil {
		return failure(err)
	}
	return nil
}

package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// StoredLetter is a dead letter and its place among those of its instance: a
// later one has a higher place.
type StoredLetter struct {
	action.DeadLetter
	Place uint64
}

// LastPlace is the place of the newest dead letter of an instance; 0 when there
// never was one.
func (b *Bus) LastPlace(ctx context.Context, instance string) (uint64, error) {
	stream, err := b.js.Stream(ctx, DeadStream(instance))
	if err != nil {
		return 0, failure(err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// DeadLettersFrom reads the dead letters of an instance from a place on, oldest
// first, until do returns false. One that somebody else put there, without
// facts, is left out and logged.
func (b *Bus) DeadLettersFrom(ctx context.Context, instance string, place uint64, do func(StoredLetter) bool) error {
	stream, err := b.js.Stream(ctx, DeadStream(instance))
	if err != nil {
		return failure(err)
	}
	for place = max(place, 1); ; place++ {
		raw, err := stream.GetMsg(ctx, place, jetstream.WithGetMsgSubject(wire.DeadOf(instance)))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return failure(err)
		}
		place = raw.Sequence
		if wire.IsDeadBody(raw.Subject) {
			continue
		}
		letter, err := b.readLetter(ctx, instance, raw.Header, raw.Data)
		if err != nil {
			b.log.Error().Err(err).Str("instance", instance).Uint64("place", place).Msg("unreadable dead letter")
			continue
		}
		if !do(StoredLetter{letter, place}) {
			return nil
		}
	}
}

// StoredDeadLetter reads one dead letter with its place; the error is not_found
// when there is none. The id is checked by who asks.
func (b *Bus) StoredDeadLetter(ctx context.Context, instance, deliveryID string) (StoredLetter, error) {
	d, raw, err := b.deadLetter(ctx, instance, deliveryID)
	if err != nil {
		return StoredLetter{}, err
	}
	return StoredLetter{d, raw.Sequence}, nil
}

// IsLost tells of an error that the consumer of a line is not there.
func IsLost(err error) bool { return errors.Is(err, jetstream.ErrConsumerNotFound) }

package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/wire"
)

// Trim removes events stored before a time, but none at or behind keep. Only
// events go: a purge by sequence alone would take the markers with them, and
// nobody could tell any more which catalog was in force.
func (b *Bus) Trim(ctx context.Context, instance string, before time.Time, keep uint64) error {
	stream, err := b.js.Stream(ctx, EventStream(instance))
	if err != nil {
		return failure(err)
	}
	sequence, err := b.SequenceAt(ctx, instance, before)
	if err != nil {
		return err
	}
	if keep > 0 {
		sequence = min(sequence, keep)
	}
	err = stream.Purge(ctx, jetstream.WithPurgeSubject("callout.event."+wire.Token(instance)+".>"), jetstream.WithPurgeSequence(sequence))
	if err != nil {
		return failure(err)
	}
	return nil
}

// Fill tells how full an instance's event stream is, from 0 to 1.
func (b *Bus) Fill(ctx context.Context, instance string) (float64, error) {
	stream, err := b.js.Stream(ctx, EventStream(instance))
	if err != nil {
		return 0, failure(err)
	}
	info := stream.CachedInfo()
	if info.Config.MaxBytes <= 0 {
		return 0, nil
	}
	return float64(info.State.Bytes) / float64(info.Config.MaxBytes), nil
}

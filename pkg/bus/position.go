package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// KeepPosition records how far a line has come, for the case that its consumer
// is lost.
func (b *Bus) KeepPosition(ctx context.Context, l Line, floor uint64) error {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return failure(err)
	}
	if _, err := kv.PutString(ctx, positionKey(l.Instance, l.Name), strconv.FormatUint(floor, 10)); err != nil {
		return failure(err)
	}
	return nil
}

func (b *Bus) position(ctx context.Context, l Line) (uint64, error) {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return 0, failure(err)
	}
	entry, err := kv.Get(ctx, positionKey(l.Instance, l.Name))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, failure(err)
	}
	return strconv.ParseUint(string(entry.Value()), 10, 64)
}

// PutBack makes a line's consumer anew when somebody has deleted it, at the
// position recorded last: what was delivered since may come again, nothing is
// left out. It tells whether it had to.
func (b *Bus) PutBack(ctx context.Context, l Line) (bool, error) {
	_, err := b.js.Consumer(ctx, l.Stream(), l.Name)
	if !errors.Is(err, jetstream.ErrConsumerNotFound) {
		if err != nil {
			return false, failure(err)
		}
		return false, nil
	}
	floor, err := b.position(ctx, l)
	if err != nil {
		return false, err
	}
	cfg := b.consumer(l)
	if start := max(l.Cut, floor+1); !l.Async && start > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, start
	}
	if _, err := b.js.CreateConsumer(ctx, l.Stream(), cfg); err != nil {
		return false, failure(fmt.Errorf("line %s: %w", l.Name, err))
	}
	return true, nil
}

package lines

import (
	"context"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/bus"
)

// KeepPosition records how far a line has come, for the case that its consumer
// is lost.
func (i Lines) KeepPosition(ctx context.Context, l Line, floor uint64) error {
	return i.book().Put(ctx, l.entryKey(kindPosition), strconv.AppendUint(nil, floor, 10))
}

// position reads it. One that cannot be read is 0: what was delivered may come
// again, nothing is left out.
func (i Lines) position(ctx context.Context, l Line) (uint64, error) {
	v, ok, err := i.book().Get(ctx, l.entryKey(kindPosition))
	if err != nil || !ok {
		return 0, err
	}
	floor, err := readPosition(v)
	if err == nil {
		var last uint64
		if last, err = i.LastSequence(ctx); err != nil {
			return 0, err
		}
		if floor > last {
			err = fmt.Errorf("it lies ahead of the stream, which ends at %d", last)
		}
	}
	if !i.book().Judge(v, err) {
		return 0, nil
	}
	return floor, nil
}

func readPosition(v bus.Value) (uint64, error) {
	floor, err := strconv.ParseUint(string(v.Bytes[:min(len(v.Bytes), 21)]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the position is no number: %w", err)
	}
	return floor, nil
}

// PutBack makes a line's consumer anew when somebody has deleted it, at the
// position recorded last: what was delivered since may come again, nothing is
// left out. It stands if the line is to stand. It tells whether it had to.
func (i Lines) PutBack(ctx context.Context, l Line) (bool, error) {
	if l.Packed() {
		return false, nil
	}
	if _, err := i.info(ctx, l); !IsLost(err) {
		return false, err
	}
	floor, err := i.position(ctx, l)
	if err != nil {
		return false, err
	}
	r, err := i.LineRecord(ctx, l)
	if err != nil {
		return false, err
	}
	cfg := i.consumer(l)
	if l.stands(r) {
		cfg.PauseUntil = new(farAway())
	}
	if start := max(l.Cut, floor+1); !l.Async && start > 0 {
		cfg.DeliverPolicy, cfg.OptStartSeq = jetstream.DeliverByStartSequencePolicy, start
	}
	if _, err := i.JetStream().CreateConsumer(ctx, i.stream(l), cfg); err != nil {
		return false, i.failure(ctx, l, err)
	}
	return true, nil
}

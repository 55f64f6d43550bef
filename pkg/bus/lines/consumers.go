package lines

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
)

// WithoutConsumer gives those of the lines whose consumer is not there. It costs
// one request for each stream and 1,024 consumers.
func (i Lines) WithoutConsumer(ctx context.Context, all []Line) ([]Line, error) {
	there := map[string]map[string]bool{}
	for _, from := range []string{i.Events, i.Async} {
		stream, err := i.Stream(ctx, from)
		if err != nil {
			return nil, err
		}
		there[from] = map[string]bool{}
		names := stream.ConsumerNames(ctx)
		for name := range names.Name() {
			there[from][name] = true
		}
		if err := names.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
			return nil, i.StreamFailure(ctx, from, err)
		}
	}
	var lost []Line
	for _, l := range all {
		if !l.Drained && !l.Packed() && !there[i.stream(l)][l.Name] {
			lost = append(lost, l)
		}
	}
	return lost, nil
}

// consumers lists those of a stream. The client waits for a reader for ever, so the
// whole list is read before anything is done about it.
func (i Lines) consumers(ctx context.Context, from string) (all []*jetstream.ConsumerInfo, err error) {
	stream, err := i.Stream(ctx, from)
	if err != nil {
		return nil, err
	}
	list := stream.ListConsumers(ctx)
	for info := range list.Info() {
		all = append(all, info)
	}
	if err := list.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, i.StreamFailure(ctx, from, err)
	}
	return all, nil
}

// OlderThan tells whether an event line is of another stream than the one that was
// made then: that had its name before.
func (l Line) OlderThan(made time.Time) bool {
	return !l.Async && l.MadeAt != 0 && !made.IsZero() && l.MadeAt != made.UnixNano()
}

// IsPause tells whether a key of the lines' bucket holds a target's pause, or the
// end of one.
func IsPause(key string) bool {
	kind := kindOf(key)
	return kind == kindPaused || kind == kindResumed
}

// ForgetRecords removes what is kept of deliveries of a line without an order
// that are lost.
func (i Lines) ForgetRecords(ctx context.Context, l Line) error { return i.forgetRecords(ctx, l) }

// PassLost lets an ordered line go on that was held up by an event which is lost:
// it lies below first, the first message that is there. One that somebody paused
// stands as before. It tells whether there was such an event.
func (i Lines) PassLost(ctx context.Context, l Line, first uint64) (passed bool, err error) {
	r, err := i.LineRecord(ctx, l)
	if err != nil || l.Unordered || !r.Holds() || r.State == action.LinePaused || r.Sequence == 0 || r.Sequence >= first {
		return false, err
	}
	if err := i.putRecord(ctx, l.RecordKey(), r.Running()); err != nil {
		return false, err
	}
	if r.State == action.LineStopped {
		err = i.Resume(ctx, l)
	}
	return true, err
}

package lines

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// How long a worker may hold a delivery stands twice: with the consumer, by which
// the server goes, and in the line's entry, which workers follow. They go by the
// shorter of the two.

// TellAckWait writes it into the entry of a line, which is as it was just read.
func (i Lines) TellAckWait(ctx context.Context, l Line, d time.Duration) error {
	l.AckWait = d
	return i.put(ctx, l)
}

// SetAckWait gives it to the consumer of a line. What waits for a retry there
// comes by the difference earlier or later.
func (i Lines) SetAckWait(ctx context.Context, l Line, d time.Duration) error {
	if l.Packed() { // its lease is that of its worker
		return nil
	}
	info, err := i.info(ctx, l)
	if err != nil {
		return err
	}
	cfg := info.Config
	cfg.AckWait = d
	if _, err := i.JetStream().UpdateConsumer(ctx, i.stream(l), cfg); err != nil {
		return i.failure(ctx, l, err)
	}
	return nil
}

// InHands is how many deliveries of a line workers have in their hands, when it
// hands out nothing now. Those that wait for a retry are in nobody's.
func (i Lines) InHands(ctx context.Context, l Line, s Standing) (int, error) {
	waits := func(r action.LineRecord) bool {
		return r.State == action.LineRetrying && time.Until(r.NextTry) > waitsSurely
	}
	if !l.Unordered {
		if s.InWork > 0 && waits(s.Record) {
			return s.InWork - 1, nil
		}
		return s.InWork, nil
	}
	if s.InWork == 0 {
		return 0, nil
	}
	records, err := i.Records(ctx, l)
	if err != nil {
		return 0, err
	}
	held := s.InWork
	for _, r := range records {
		if waits(r) {
			held--
		}
	}
	return max(held, 0), nil
}

// waitsSurely is how far ahead a retry must be to be sure that nobody has it: the
// server may be a second early.
const waitsSurely = 2 * time.Second

package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/bus/lines"
)

const (
	defaultHistory = 7 * 24 * time.Hour // how long delivered events are kept
	alertAt        = 0.8                // of a stream's limit
)

// retain trims what is delivered and old, and says when a stream fills up. An
// event that any line still waits for is never taken. What is old is found out
// before what waits: an event that is stored in between is behind both.
func (t *tidying) retain(ctx context.Context, all []lines.Line) error {
	below, err := t.bus.SequenceAt(ctx, time.Now().Add(-t.dispatcher.history))
	if err != nil {
		return err
	}
	packed, err := t.lines.PackedLines(ctx)
	if err != nil {
		return err
	}
	floors := make(map[lines.Key]uint64, len(packed))
	for _, one := range packed {
		floors[one.Line.Key()] = one.Floor
	}
	for _, l := range all {
		if l.Async || l.Drained {
			continue
		}
		floor, known := floors[l.Key()]
		if !known {
			if floor, err = t.lines.Floor(ctx, l); err != nil {
				return err
			}
		}
		head, waits, err := t.lines.NextOf(ctx, l, max(floor+1, l.Cut))
		if err != nil {
			return err
		}
		if waits {
			below = min(below, head.Sequence)
		}
	}
	if err := t.lines.Trim(ctx, below); err != nil {
		return err
	}
	fill, err := t.lines.Fill(ctx)
	if err == nil && fill >= alertAt {
		t.log.Warn().Float64("fill", fill).
			Msg("the event stream fills up: when it is full, publishers are refused; raise --max-stream or the quota of storage, or look for lines that stand")
	}
	return err
}

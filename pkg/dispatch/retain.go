package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

const (
	defaultHistory = 7 * 24 * time.Hour // how long delivered events are kept
	alertAt        = 0.8                // of a stream's limit
)

// retain trims what is delivered and old, and says when a stream fills up. An
// event that any line still waits for is never taken.
func (t *tidying) retain(ctx context.Context, instance string, lines []bus.Line) error {
	keep := uint64(0)
	for _, l := range lines {
		if l.Async || l.Drained {
			continue
		}
		head, waits, err := t.dispatcher.bus.Head(ctx, l)
		if err != nil {
			return err
		}
		if waits && (keep == 0 || head.Sequence < keep) {
			keep = head.Sequence
		}
	}
	if err := t.dispatcher.bus.Trim(ctx, instance, time.Now().Add(-t.dispatcher.history), keep); err != nil {
		return err
	}
	fill, err := t.dispatcher.bus.Fill(ctx, instance)
	if err == nil && fill >= alertAt {
		t.dispatcher.log.Warn().Str("instance", instance).Float64("fill", fill).
			Msg("the event stream fills up: when it is full, publishers are refused; raise --max-stream or look for lines that stand")
	}
	return err
}

// outstay moves what waits in a line that has stood too long to the dead
// letters, so that one line cannot fill its instance.
func (t *tidying) outstay(ctx context.Context, l bus.Line) error {
	limit := l.MaxStop
	if limit == 0 {
		limit = action.DefaultMaxStop
	}
	s, err := t.dispatcher.bus.Standing(ctx, l)
	if err != nil {
		return err
	}
	since := s.Record.StoppedSince
	if !s.Paused || l.Fenced || since.IsZero() || time.Since(since) < limit {
		return nil
	}
	if l.Unordered {
		return t.outstayUnordered(ctx, l, s.Record)
	}
	next := max(s.Floor+1, l.Cut)
	for moved := 0; ; moved++ {
		m, waits, err := t.dispatcher.bus.NextOf(ctx, l, next)
		if err != nil {
			return err
		}
		if !waits {
			t.dispatcher.log.Error().Str("line", l.Name).Int("moved", moved).Msg("a line stood longer than its max_stop: what waited is in the dead letters")
			break
		}
		if ours, err := t.dispatcher.takes(ctx, l, m); err != nil {
			return err
		} else if ours {
			if err := t.dispatcher.bury(ctx, l, m, action.CodeStopped); err != nil {
				return err
			}
		}
		next = m.Sequence + 1
	}
	if err := t.dispatcher.bus.MoveTo(ctx, l, next); err != nil {
		return err
	}
	return t.dispatcher.resumeLine(ctx, l)
}

// outstayUnordered lets a line go on whose deliveries keep no order. What of it
// is delivered, only the server knows, so the workers bury what it hands out.
func (t *tidying) outstayUnordered(ctx context.Context, l bus.Line, r action.LineRecord) error {
	last, err := t.dispatcher.bus.LastSequence(ctx, l.Instance)
	if err != nil {
		return err
	}
	r.Sequence, r.State, r.Reason = last, action.LineGivenUp, action.CodeStopped
	if err := t.dispatcher.bus.PutLineRecord(ctx, l, r); err != nil {
		return err
	}
	t.dispatcher.log.Error().Str("line", l.Name).Uint64("up_to", last).Msg("a line stood longer than its max_stop: what waits becomes dead letters")
	select {
	case <-time.After(heard): // by the workers
	case <-ctx.Done():
		return ctx.Err()
	}
	return t.dispatcher.bus.ResumeLine(ctx, l)
}

// takes tells whether a line's subscription has an event, under the catalog in
// force when it was stored.
func (d *Dispatcher) takes(ctx context.Context, l bus.Line, m bus.Message) (bool, error) {
	then, _, err := d.catalogs.InForce(ctx, l.Instance, m.Sequence)
	if err != nil {
		return false, err
	}
	at, malformed := wire.ParseStoredEvent(m.Subject)
	return malformed != nil || l.Takes(then, at) != nil, nil
}

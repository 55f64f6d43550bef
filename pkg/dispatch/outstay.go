package dispatch

import (
	"cmp"
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/wire"
)

// outstay moves what waits in a line that has stood too long to the dead
// letters, so that one line cannot fill its instance.
func (t *tidying) outstay(ctx context.Context, l lines.Line) error {
	s, err := t.lines.Standing(ctx, l)
	if err != nil {
		return err
	}
	if !outstays(l, s.Paused, s.Record) {
		return nil
	}
	if l.Unordered {
		return t.outstayUnordered(ctx, l, s.Record)
	}
	next := max(s.Floor+1, l.Cut)
	for moved := 0; ; moved++ {
		m, waits, err := t.lines.NextOf(ctx, l, next)
		if err != nil {
			return err
		}
		if !waits {
			t.log.Error().Str("line", l.Name).Int("moved", moved).Msg("a line stood longer than its max_stop: what waited is in the dead letters")
			break
		}
		if ours, err := t.takes(ctx, l, m); err != nil {
			return err
		} else if ours {
			if err := t.bury(ctx, l, m, action.CodeStopped); err != nil {
				return err
			}
		}
		next = m.Sequence + 1
	}
	if err := t.lines.MoveTo(ctx, l, next); err != nil {
		return err
	}
	return t.resumeLine(ctx, l)
}

// outstays tells whether a line has stood too long.
func outstays(l lines.Line, paused bool, r action.LineRecord) bool {
	since := r.StoppedSince
	return paused && !l.Fenced && l.Job == "" && !since.IsZero() && time.Since(since) >= cmp.Or(l.MaxStop, action.DefaultMaxStop)
}

// outstayUnordered lets a line go on whose deliveries keep no order. What of it
// is delivered, only the server knows, so the workers bury what it hands out.
func (t *tidying) outstayUnordered(ctx context.Context, l lines.Line, r action.LineRecord) error {
	last, err := t.bus.LastSequence(ctx)
	if err != nil {
		return err
	}
	r.Sequence, r.State, r.Reason = last, action.LineGivenUp, action.CodeStopped
	if err := t.lines.PutLineRecord(ctx, l, r); err != nil {
		return err
	}
	t.log.Error().Str("line", l.Name).Uint64("up_to", last).Msg("a line stood longer than its max_stop: what waits becomes dead letters")
	select {
	case <-time.After(heard): // by the workers
	case <-ctx.Done():
		return ctx.Err()
	}
	return t.lines.Resume(ctx, l)
}

// takes tells whether a line's subscription has an event, under the catalog in
// force when it was stored.
func (i *Instance) takes(ctx context.Context, l lines.Line, m bus.Message) (bool, error) {
	then, _, err := i.catalog().InForce(ctx, l.MadeAt, m.Sequence)
	if err != nil {
		return false, err
	}
	at, malformed := wire.ParseStoredEvent(m.Subject)
	return malformed != nil || l.Takes(then, at) != nil, nil
}

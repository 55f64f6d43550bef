package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// skipHold is how long a line is held while its head is skipped, at most.
const skipHold = 10 * time.Second

// Skip gives up the head of lines that stand or retry: the first event that is
// their own becomes a dead letter, and they go on with the next. In a line
// without an order those are given up that were exhausted and stopped it. The
// error is conflict while an attempt is under way, and not_found when there is
// nothing to skip.
func (d *Dispatcher) Skip(ctx context.Context, instance, name string, lane int) error {
	skipped := 0
	err := d.act(ctx, instance, name, lane, func(ctx context.Context, l bus.Line) error {
		if l.Fenced { // it has handed out nothing
			return nil
		}
		skip := d.skipHead
		if l.Unordered {
			skip = d.skipExhausted
		}
		n, err := skip(ctx, l)
		skipped += n
		return err
	})
	if err == nil && skipped == 0 {
		err = action.NewError(action.CodeNotFound, action.StageCatalog, "there is nothing to skip: no event of it waits").WithField("name")
	}
	return err
}

// skipHead holds the line meanwhile: nobody begins an attempt at what is given
// up.
func (d *Dispatcher) skipHead(ctx context.Context, l bus.Line) (int, error) {
	before, err := d.bus.Standing(ctx, l)
	if err != nil {
		return 0, err
	}
	if !before.Paused {
		if err := d.bus.HoldLine(ctx, l, skipHold); err != nil {
			return 0, err
		}
	}
	skipped, err := d.skipHeld(ctx, l, before.Paused)
	if (err != nil || !skipped) && !before.Paused {
		if err := d.letGo(ctx, []bus.Line{l}); err != nil {
			d.log.Warn().Err(err).Str("line", l.Name).Msg("the line goes on in some seconds")
		}
	}
	if err != nil || !skipped {
		return 0, err
	}
	return 1, d.resumeLine(ctx, l)
}

// skipHeld passes over what a better match takes: that is not delivered here.
func (d *Dispatcher) skipHeld(ctx context.Context, l bus.Line, stood bool) (skipped bool, err error) {
	s, err := d.bus.Standing(ctx, l)
	if err != nil {
		return false, err
	}
	for next := max(s.Floor+1, l.Cut); ; {
		m, waits, err := d.bus.NextOf(ctx, l, next)
		if err != nil || !waits || l.DrainTo > 0 && m.Sequence >= l.DrainTo {
			return false, err
		}
		ours, err := d.takes(ctx, l, m)
		if err != nil {
			return false, err
		}
		if !ours {
			next = m.Sequence + 1
			continue
		}
		if s.InWork > 0 && d.underWay(ctx, l, s, m, stood) {
			return false, conflict("an attempt at its first event is under way: skip it when that has ended")
		}
		if err := d.bury(ctx, l, m, action.CodeSkipped); err != nil {
			return false, err
		}
		return true, d.bus.MoveTo(ctx, l, m.Sequence+1)
	}
}

// underWay tells whether an attempt at the head of a held line may be under way.
// A worker that ended one has written its record; one that began before the line
// stood ends within the target's timeout.
func (d *Dispatcher) underWay(ctx context.Context, l bus.Line, s bus.Standing, head bus.Message, stood bool) bool {
	r := s.Record
	if _, paused := d.pausedTarget(ctx, l); paused {
		return false
	}
	if r.Sequence == head.Sequence {
		switch r.State {
		case action.LineStopped, action.LineGivenUp:
			return false
		case action.LineRetrying:
			return !stood && !r.NextTry.After(time.Now())
		}
	}
	if !stood {
		return true
	}
	begun := r.StoppedSince
	return !r.NextTry.After(begun) && time.Since(begun) < d.timeoutOf(ctx, l)
}

// timeoutOf is how long an attempt of a line may take.
func (d *Dispatcher) timeoutOf(ctx context.Context, l bus.Line) time.Duration {
	if t, ok := d.targetOf(ctx, l); ok && t.Timeout > 0 {
		return t.Timeout
	}
	return action.MaxTimeout
}

// skipExhausted gives up what stopped a line without an order.
func (d *Dispatcher) skipExhausted(ctx context.Context, l bus.Line) (int, error) {
	records, err := d.bus.Records(ctx, l)
	if err != nil {
		return 0, err
	}
	skipped := 0
	for sequence, r := range records {
		if r.State != action.LineStopped {
			continue
		}
		if err := d.bus.GiveUp(ctx, l, sequence, r, action.CodeSkipped); err != nil {
			return skipped, err
		}
		skipped++
	}
	if skipped == 0 {
		return 0, nil
	}
	return skipped, d.resumeLine(ctx, l)
}

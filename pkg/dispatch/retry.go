package dispatch

import (
	"cmp"
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// RetryNow ends the wait of lines whose head failed: it is tried at once. When
// no line waits so, the error says what holds the subscription up, and what
// helps: conflict for one that stands or is under way, not_found when nothing
// failed.
func (d *Dispatcher) RetryNow(ctx context.Context, instance, name string, lane int) error {
	retried := 0
	var held error
	err := d.act(ctx, instance, name, lane, func(ctx context.Context, l bus.Line) error {
		s, err := d.bus.Standing(ctx, l)
		if err != nil {
			return err
		}
		if why := d.whyNotNow(ctx, l, s); why != nil {
			held = cmp.Or(held, why)
			return nil
		}
		retry := d.retryHead
		if l.Unordered {
			retry = d.retryEach
		}
		n, why, err := retry(ctx, l, s)
		retried, held = retried+n, cmp.Or(held, why)
		return err
	})
	switch {
	case err != nil || retried > 0:
		return err
	case held != nil:
		return held
	}
	return action.NewError(action.CodeNotFound, action.StageCatalog, "nothing of it waits for another attempt").WithField("name")
}

// retryHead ends the wait of an ordered line's head, or tells why it cannot.
func (d *Dispatcher) retryHead(ctx context.Context, l bus.Line, s bus.Standing) (n int, why, err error) {
	head, waits, err := d.bus.Head(ctx, l)
	switch {
	case err != nil || !waits || s.InWork == 0:
		return 0, nil, err
	case !waitsForRetry(s.Record, head.Sequence):
		return 0, conflict("an attempt is under way, or the target is at a limit of its own"), nil
	}
	return 1, nil, d.bus.MoveTo(ctx, l, head.Sequence)
}

// retryEach ends the waits of an unordered line's deliveries.
func (d *Dispatcher) retryEach(ctx context.Context, l bus.Line, s bus.Standing) (n int, why, err error) {
	records, err := d.bus.Records(ctx, l)
	if err != nil {
		return 0, nil, err
	}
	var waiting []uint64
	for sequence, r := range records {
		if waitsForRetry(r, sequence) {
			waiting = append(waiting, sequence)
		}
	}
	if len(waiting) == 0 && s.InWork > 0 {
		why = conflict("its attempts are under way, or the target is at a limit of its own")
	}
	return len(waiting), why, d.bus.Hurry(ctx, l, waiting)
}

// whyNotNow tells what keeps a line from any attempt; nil = nothing does.
func (d *Dispatcher) whyNotNow(ctx context.Context, l bus.Line, s bus.Standing) error {
	_, paused := d.pausedTarget(ctx, l)
	switch {
	case l.Fenced:
		return conflict("it waits for its lines with another number of lanes to drain")
	case s.Paused:
		return conflict("it stands: resume the subscription and it makes its next attempt")
	case paused:
		return targetPaused(l.Target)
	}
	return nil
}

func conflict(message string) error {
	return action.NewError(action.CodeConflict, action.StageCatalog, message).WithField("name")
}

// waitsForRetry tells whether a delivery has failed and waits.
func waitsForRetry(r action.LineRecord, sequence uint64) bool {
	return r.Sequence == sequence && r.State == action.LineRetrying && r.NextTry.After(time.Now())
}

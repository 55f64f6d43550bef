package dispatch

import (
	"cmp"
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// RetryNow ends the wait of lines whose head failed: it is tried at once. When
// no line waits so, the error says what holds the subscription up, and what
// helps: conflict for one that stands or is under way, not_found when nothing
// failed.
func (i *Instance) RetryNow(ctx context.Context, name string, lane int) error {
	retried := 0
	var held error
	err := i.act(ctx, name, lane, func(ctx context.Context, l lines.Line) error {
		s, err := i.lines.Standing(ctx, l)
		if err != nil {
			return err
		}
		if why := i.whyNotNow(ctx, l, s); why != nil {
			held = cmp.Or(held, why)
			return nil
		}
		retry := i.retryHead
		if l.Unordered {
			retry = i.retryEach
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
func (i *Instance) retryHead(ctx context.Context, l lines.Line, s lines.Standing) (n int, why, err error) {
	head, waits, err := i.lines.Head(ctx, l)
	switch {
	case err != nil || !waits || s.InWork == 0:
		return 0, nil, err
	case !waitsForRetry(s.Record, head.Sequence):
		return 0, conflict("an attempt is under way, or the target is at a limit of its own"), nil
	}
	return 1, nil, i.lines.MoveTo(ctx, l, head.Sequence)
}

// retryEach ends the waits of an unordered line's deliveries.
func (i *Instance) retryEach(ctx context.Context, l lines.Line, s lines.Standing) (n int, why, err error) {
	records, err := i.lines.Records(ctx, l)
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
	return len(waiting), why, i.lines.Hurry(ctx, l, waiting)
}

// whyNotNow tells what keeps a line from any attempt; nil = nothing does.
func (i *Instance) whyNotNow(ctx context.Context, l lines.Line, s lines.Standing) error {
	_, paused := i.pausedTarget(ctx, l)
	switch {
	case l.Job != "":
		return heldByJob(l)
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

package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// skipHold is how long a line is held while its head is skipped, at most.
const skipHold = 10 * time.Second

// Skip gives up the head of lines that stand or retry: the first event that is
// their own becomes a dead letter, and they go on with the next. In a line
// without an order those are given up that were exhausted and stopped it, or
// that a fault of ours holds up. The
// error is conflict while an attempt is under way, and not_found when there is
// nothing to skip.
func (i *Instance) Skip(ctx context.Context, name string, lane int) error {
	skipped := 0
	err := i.act(ctx, name, lane, func(ctx context.Context, l lines.Line) error {
		if l.Fenced { // it has handed out nothing
			return nil
		}
		if l.Job != "" {
			return heldByJob(l)
		}
		skip := i.skipHead
		if l.Unordered {
			skip = i.skipExhausted
		}
		n, err := skip(ctx, l)
		skipped += n
		return err
	})
	if err == nil && skipped == 0 {
		err = nothingToSkip()
	}
	return err
}

func nothingToSkip() error {
	return action.NewError(action.CodeNotFound, action.StageCatalog, "there is nothing to skip: no event of it waits behind a failure, a stop or a pause").WithField("name")
}

// canSkip tells whether a job that skips many is about a line: one of its
// subscription that stands. What is sent again is in the dead letters already,
// or was delivered before.
func (i *Instance) canSkip(ctx context.Context, l lines.Line, j *jobs.Job) (bool, error) {
	named := nameOf(l) == j.Subscription || l.Name == j.Subscription
	if l.Job == j.ID { // it was taken by a step that was not noted
		return true, nil
	}
	if !named || j.Lane != AllLanes && l.Lane != j.Lane || l.Fenced || l.Redrive || l.Replay || l.Job != "" || l.Drained {
		return false, nil
	}
	shown, there, err := i.show(ctx, l)
	return there && shown.Stands() && shown.Waiting+uint64(shown.InWork) > 0, err
}

// skipHead holds the line meanwhile: nobody begins an attempt at what is given
// up.
func (i *Instance) skipHead(ctx context.Context, l lines.Line) (int, error) {
	before, err := i.lines.Standing(ctx, l)
	if err != nil {
		return 0, err
	}
	if !before.Paused {
		if err := i.lines.Hold(ctx, l, skipHold); err != nil {
			return 0, err
		}
	}
	skipped, err := i.skipHeld(ctx, l, before.Paused)
	if (err != nil || !skipped) && !before.Paused {
		if err := i.lines.Resume(context.WithoutCancel(ctx), l); err != nil {
			i.log.Warn().Err(err).Str("line", l.Name).Msg("the line goes on in some seconds")
		}
	}
	if err != nil || !skipped {
		return 0, err
	}
	return 1, i.resumeLine(ctx, l)
}

// skipHeld passes over what a better match takes: that is not delivered here.
func (i *Instance) skipHeld(ctx context.Context, l lines.Line, stood bool) (skipped bool, err error) {
	s, err := i.lines.Standing(ctx, l)
	if err != nil {
		return false, err
	}
	for next := max(s.Floor+1, l.Cut); ; {
		m, waits, err := i.lines.NextOf(ctx, l, next)
		if err != nil || !waits || l.DrainTo > 0 && m.Sequence >= l.DrainTo {
			return false, err
		}
		ours := s.Record.Holds() && s.Record.Sequence == m.Sequence // a worker has found that out
		if !ours {
			if ours, err = i.takes(ctx, l, m); err != nil {
				return false, err
			}
		}
		if !ours {
			next = m.Sequence + 1
			continue
		}
		if s.InWork > 0 && i.underWay(ctx, l, s, m, stood) {
			return false, conflict("an attempt at its first event is under way: skip it when that has ended")
		}
		if err := i.bury(ctx, l, m, action.CodeSkipped); err != nil {
			return false, err
		}
		return true, i.lines.MoveTo(ctx, l, m.Sequence+1)
	}
}

// underWay tells whether an attempt at the head of a held line may be under way.
// A worker that ended one has written its record; one that began before the line
// stood ends within the target's timeout.
func (i *Instance) underWay(ctx context.Context, l lines.Line, s lines.Standing, head bus.Message, stood bool) bool {
	r := s.Record
	if _, paused := i.pausedTarget(ctx, l); paused {
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
	return !r.NextTry.After(begun) && time.Since(begun) < i.timeoutOf(ctx, l)
}

// timeoutOf is how long an attempt of a line may take.
func (i *Instance) timeoutOf(ctx context.Context, l lines.Line) time.Duration {
	if t, ok := i.targetOf(ctx, l); ok && t.Timeout > 0 {
		return t.Timeout
	}
	return action.MaxTimeout
}

// skipExhausted gives up what stopped a line without an order, and what a fault
// of ours holds up in it.
func (i *Instance) skipExhausted(ctx context.Context, l lines.Line) (int, error) {
	records, err := i.lines.Records(ctx, l)
	if err != nil {
		return 0, err
	}
	var skipped []uint64
	for sequence, r := range records {
		if r.State != action.LineStopped && r.HeldSince.IsZero() {
			continue
		}
		if err := i.lines.GiveUp(ctx, l, sequence, r, action.CodeSkipped); err != nil {
			return len(skipped), err
		}
		skipped = append(skipped, sequence)
	}
	if len(skipped) == 0 {
		return 0, nil
	}
	if err := i.resumeLine(ctx, l); err != nil {
		return len(skipped), err
	}
	return len(skipped), i.lines.Hurry(ctx, l, skipped)
}

package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// PauseSubscription lets the lines of a subscription stand until somebody
// resumes them. What is in work is finished.
func (i *Instance) PauseSubscription(ctx context.Context, name string, lane int) error {
	return i.act(ctx, name, lane, func(ctx context.Context, l lines.Line) error {
		s, err := i.lines.Standing(ctx, l)
		if err != nil || s.Paused && !l.Fenced || s.Record.State == action.LinePaused {
			return err
		}
		r := s.Record
		r.State, r.StoppedSince = action.LinePaused, time.Now()
		if err := i.lines.PutLineRecord(ctx, l, r); err != nil {
			return err
		}
		return i.lines.Stop(ctx, l)
	})
}

// ResumeSubscription lets lines go on that were paused, or that stopped
// because a delivery was exhausted: it gets all its attempts again. Lines that
// wait for those with another number of lanes go on by themselves. The error is
// conflict when nothing but those is meant, or when nothing stands and the
// target is paused.
func (i *Instance) ResumeSubscription(ctx context.Context, name string, lane int) error {
	resumed, fenced, target := 0, 0, ""
	err := i.act(ctx, name, lane, func(ctx context.Context, l lines.Line) error {
		if l.Fenced {
			paused, err := i.takeBackPause(ctx, l)
			if paused {
				resumed++
			} else {
				fenced++
			}
			return err
		}
		if l.Job != "" {
			return heldByJob(l)
		}
		s, err := i.lines.Standing(ctx, l)
		if err != nil {
			return err
		}
		if _, paused := i.pausedTarget(ctx, l); paused && !s.Paused {
			target = l.Target
			return nil
		}
		resumed++
		return i.resumeLine(ctx, l)
	})
	switch {
	case err != nil || resumed > 0:
		return err
	case target != "":
		return targetPaused(target)
	case fenced > 0:
		return conflict("it waits for its lines with another number of lanes to drain, and then goes on by itself")
	}
	return nil
}

// heldByJob is the error of an act on a line that stands for a job.
func heldByJob(l lines.Line) error {
	return conflict("what waits in it becomes dead letters, by the job " + l.Job + ": it goes on when that has ended, or is cancelled")
}

func targetPaused(target string) error {
	return action.NewError(action.CodeConflict, action.StageCatalog,
		"its target is paused: resume the target "+target+" and it goes on").WithField("name").WithTarget(target)
}

// takeBackPause takes back the pause of a line that waits for others. It tells
// whether it had one.
func (i *Instance) takeBackPause(ctx context.Context, l lines.Line) (paused bool, err error) {
	r, err := i.lines.LineRecord(ctx, l)
	if err != nil || r.State != action.LinePaused {
		return false, err
	}
	return true, i.lines.LetGo(ctx, l)
}

// resumeLine lets a line go on that is not fenced. In one without an order every
// exhausted delivery has all its attempts again.
func (i *Instance) resumeLine(ctx context.Context, l lines.Line) error {
	if l.Unordered {
		records, err := i.lines.Records(ctx, l)
		if err != nil {
			return err
		}
		for sequence, r := range records {
			if r.State != action.LineStopped {
				continue
			}
			if err := i.lines.ForgetRecord(ctx, l, sequence); err != nil {
				return err
			}
		}
	}
	if err := i.lines.LetGo(ctx, l); err != nil {
		return err
	}
	return i.lines.Resume(ctx, l)
}

package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// PauseSubscription lets the lines of a subscription stand until somebody
// resumes them. What is in work is finished.
func (d *Dispatcher) PauseSubscription(ctx context.Context, instance, name string, lane int) error {
	return d.act(ctx, instance, name, lane, func(ctx context.Context, l bus.Line) error {
		s, err := d.bus.Standing(ctx, l)
		if err != nil || s.Paused {
			return err
		}
		r := s.Record
		r.State, r.StoppedSince = action.LinePaused, time.Now()
		if err := d.bus.PutLineRecord(ctx, l, r); err != nil {
			return err
		}
		return d.bus.StopLine(ctx, l)
	})
}

// ResumeSubscription lets lines go on that were paused, or that stopped
// because a delivery was exhausted: it gets all its attempts again. Lines that
// wait for those with another number of lanes go on by themselves. The error is
// conflict when nothing but those is meant, or when nothing stands and the
// target is paused.
func (d *Dispatcher) ResumeSubscription(ctx context.Context, instance, name string, lane int) error {
	resumed, fenced, target := 0, 0, ""
	err := d.act(ctx, instance, name, lane, func(ctx context.Context, l bus.Line) error {
		if l.Fenced {
			fenced++
			return nil
		}
		s, err := d.bus.Standing(ctx, l)
		if err != nil {
			return err
		}
		if _, paused := d.pausedTarget(ctx, l); paused && !s.Paused {
			target = l.Target
			return nil
		}
		resumed++
		return d.resumeLine(ctx, l)
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

func targetPaused(target string) error {
	return action.NewError(action.CodeConflict, action.StageCatalog,
		"its target is paused: resume the target "+target+" and it goes on").WithField("name").WithTarget(target)
}

// resumeLine lets a line go on that is not fenced. In one without an order every
// exhausted delivery has all its attempts again.
func (d *Dispatcher) resumeLine(ctx context.Context, l bus.Line) error {
	if l.Unordered {
		records, err := d.bus.Records(ctx, l)
		if err != nil {
			return err
		}
		for sequence, r := range records {
			if r.State != action.LineStopped {
				continue
			}
			if err := d.bus.ForgetRecord(ctx, l, sequence); err != nil {
				return err
			}
		}
	}
	if err := d.bus.LetGo(ctx, l); err != nil {
		return err
	}
	return d.bus.ResumeLine(ctx, l)
}

// bury makes a dead letter of a message that nobody tries any more.
func (d *Dispatcher) bury(ctx context.Context, l bus.Line, m bus.Message, reason action.Code) error {
	s, err := d.bus.Standing(ctx, l)
	if err != nil {
		return err
	}
	letter := letterOf(l, m, reason)
	if r := s.Record; r.Sequence == m.Sequence {
		letter.Attempts, letter.LastStatus, letter.FailingSince = r.Attempts, r.LastStatus, r.FailingSince
	}
	return d.bus.StoreDead(ctx, letter, 0)
}

// letterOf is the dead letter that a message of an event line becomes when it is
// given up by us.
func letterOf(l bus.Line, m bus.Message, reason action.Code) action.DeadLetter {
	return action.DeadLetter{
		DeliveryID: l.DeliveryID(m.Sequence, m.StoredAt), Instance: l.Instance, Org: l.Org, Owner: l.Owner, Target: l.Target,
		Phase: action.OnEvent, Match: l.Condition.Match, EventType: typeOf(m.Subject), Subject: m.Subject, Sequence: m.Sequence,
		StoredAt: m.StoredAt, DeadAt: time.Now(), Reason: reason, LastError: reason.Message(), Body: m.Body,
	}
}

// act does something to each line that a name means, as the only dispatcher.
func (d *Dispatcher) act(ctx context.Context, instance, name string, lane int, do func(context.Context, bus.Line) error) error {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err != nil {
		return err
	}
	return d.bus.Lead(ctx, instance, func(ctx context.Context) error {
		lines, err := d.find(ctx, instance, name, lane)
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := do(ctx, l); err != nil {
				return err
			}
		}
		return nil
	})
}

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
		if !l.Unordered {
			r := s.Record
			r.State, r.StoppedSince = action.LinePaused, time.Now()
			if err := d.bus.PutLineRecord(ctx, l, r); err != nil {
				return err
			}
		}
		return d.bus.StopLine(ctx, l)
	})
}

// ResumeSubscription lets lines go on that were paused, or that stopped
// because their head was exhausted: it gets all its attempts again.
func (d *Dispatcher) ResumeSubscription(ctx context.Context, instance, name string, lane int) error {
	return d.act(ctx, instance, name, lane, d.resumeLine)
}

func (d *Dispatcher) resumeLine(ctx context.Context, l bus.Line) error {
	if l.Fenced {
		return action.NewError(action.CodeConflict, action.StageCatalog, "the line waits for those with another number of lanes to drain")
	}
	if !l.Unordered {
		if err := d.bus.LetGo(ctx, l); err != nil {
			return err
		}
	}
	return d.bus.ResumeLine(ctx, l)
}

// RetryNow ends the wait of lines whose head failed: it is tried at once.
func (d *Dispatcher) RetryNow(ctx context.Context, instance, name string, lane int) error {
	return d.act(ctx, instance, name, lane, func(ctx context.Context, l bus.Line) error {
		head, ok, err := d.bus.Head(ctx, l)
		if err != nil || !ok {
			return err
		}
		return d.bus.MoveTo(ctx, l, head.Sequence)
	})
}

// Skip gives up the head of lines that stand or retry: it becomes a dead
// letter, and the line goes on with the next.
func (d *Dispatcher) Skip(ctx context.Context, instance, name string, lane int) error {
	return d.act(ctx, instance, name, lane, func(ctx context.Context, l bus.Line) error {
		if l.Unordered || l.Fenced {
			return action.NewError(action.CodeConflict, action.StageCatalog, "only an ordered line has a head to skip")
		}
		head, ok, err := d.bus.Head(ctx, l)
		if err != nil || !ok {
			return err
		}
		ours, err := d.takes(ctx, l, head)
		if err != nil {
			return err
		}
		if !ours {
			return action.NewError(action.CodeConflict, action.StageCatalog, "the line has nothing at its head that it would deliver")
		}
		if err := d.bury(ctx, l, head, action.CodeSkipped); err != nil {
			return err
		}
		if err := d.bus.MoveTo(ctx, l, head.Sequence+1); err != nil {
			return err
		}
		return d.resumeLine(ctx, l)
	})
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

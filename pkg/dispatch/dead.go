package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// DeadFilter chooses dead letters; what is empty chooses all.
type DeadFilter struct {
	IDs       []string
	Target    string
	Org       string
	Reason    action.Code
	EventType string
	Since     time.Time // died at or after
	Until     time.Time // died before
	Limit     int       // at most so many; 0 = all
}

func (f DeadFilter) takes(d action.DeadLetter) bool {
	listed := len(f.IDs) == 0
	for _, id := range f.IDs {
		listed = listed || id == d.DeliveryID
	}
	return listed && (f.Target == "" || f.Target == d.Target) && (f.Org == "" || f.Org == d.Org) &&
		(f.Reason == "" || f.Reason == d.Reason) && (f.EventType == "" || f.EventType == d.EventType) &&
		!d.DeadAt.Before(f.Since) && (f.Until.IsZero() || d.DeadAt.Before(f.Until))
}

// DeadLetters lists dead letters of an instance, oldest first.
func (d *Dispatcher) DeadLetters(ctx context.Context, instance string, f DeadFilter) ([]action.DeadLetter, error) {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err != nil {
		return nil, err
	}
	letters := []action.DeadLetter{}
	err := d.bus.EachDeadLetter(ctx, instance, func(l action.DeadLetter) bool {
		if f.takes(l) {
			letters = append(letters, l)
		}
		return f.Limit == 0 || len(letters) < f.Limit
	})
	return letters, err
}

// Redrive sends dead letters again, oldest first, each with its delivery id.
// It returns those it sent; an error in the middle leaves the rest.
func (d *Dispatcher) Redrive(ctx context.Context, instance string, f DeadFilter) ([]string, error) {
	return d.eachDead(ctx, instance, f, d.bus.Redrive)
}

// Discard takes dead letters out for good.
func (d *Dispatcher) Discard(ctx context.Context, instance string, f DeadFilter) ([]string, error) {
	return d.eachDead(ctx, instance, f, d.bus.Discard)
}

func (d *Dispatcher) eachDead(ctx context.Context, instance string, f DeadFilter, do func(context.Context, string, string) error) ([]string, error) {
	letters, err := d.DeadLetters(ctx, instance, f)
	if err != nil {
		return nil, err
	}
	done := []string{}
	for _, l := range letters {
		if err := do(ctx, instance, l.DeliveryID); err != nil {
			return done, err
		}
		done = append(done, l.DeliveryID)
	}
	if missing := len(f.IDs) - len(done); missing > 0 {
		return done, action.NewError(action.CodeNotFound, action.StageStore, fmt.Sprintf("%d of the dead letters asked for are not there", missing))
	}
	return done, nil
}

// Replay sends the events of a subscription again, from a sequence of the
// stream or, with sequence 0, from a time on, up to what is stored now. It
// does so in a line of its own, unordered, which disturbs no other, and
// returns the name of that line; it goes when it is done.
func (d *Dispatcher) Replay(ctx context.Context, instance, name string, sequence uint64, since time.Time) (string, error) {
	var replay bus.Line
	err := d.act(ctx, instance, name, AllLanes, func(ctx context.Context, l bus.Line) error {
		if replay.Name != "" { // one replay serves all lanes
			return nil
		}
		if l.Async {
			return action.NewError(action.CodeBadField, action.StageCatalog, "only events can be replayed; a dead letter is sent again by redrive").WithField("name")
		}
		if sequence == 0 {
			var err error
			if sequence, err = d.bus.SequenceAt(ctx, instance, since); err != nil {
				return err
			}
		}
		last, err := d.bus.LastSequence(ctx, instance)
		if err != nil {
			return err
		}
		if sequence > last {
			return action.NewError(action.CodeBadField, action.StageCatalog, "nothing was stored since then").WithField("from")
		}
		replay = l
		replay.Name = fmt.Sprintf("%s-replay-%d", l.Name, time.Now().UnixMilli())
		replay.Replay, replay.Unordered, replay.Lane, replay.Lanes = true, true, 0, 1
		replay.Cut, replay.DrainTo, replay.Fenced = sequence, last+1, false
		return d.bus.EnsureLine(ctx, replay)
	})
	return replay.Name, err
}

func typeOf(subject string) string {
	at, _ := wire.ParseStoredEvent(subject) // what can be read of it
	return at.Type
}

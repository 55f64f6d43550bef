package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// Replay sends the events of a subscription again, from a sequence of the
// stream or, with sequence 0, from a time on, up to what is stored now. It
// does so in a line of its own, unordered, which disturbs no other; it goes when
// it is done, and the job of it that is returned is done then.
func (i *Instance) Replay(ctx context.Context, name string, sequence uint64, since time.Time) (j jobs.Job, err error) {
	if err := i.exists(ctx); err != nil {
		return j, err
	}
	err = i.lead(ctx, func(ctx context.Context) error {
		of, err := i.replayed(ctx, name)
		if err != nil {
			return err
		}
		if sequence == 0 {
			if sequence, err = i.bus.SequenceAt(ctx, since); err != nil {
				return err
			}
		}
		last, err := i.bus.LastSequence(ctx)
		if err != nil {
			return err
		}
		if sequence > last {
			return action.NewError(action.CodeBadField, action.StageCatalog, "nothing was stored since then").WithField("from")
		}
		j = jobs.Job{Job: action.Job{Kind: action.JobReplay, About: "subscription " + name}, Subscription: name, Org: of.Org, Cursor: sequence, To: last}
		if j, err = i.addJob(ctx, j); err != nil {
			return err
		}
		if err := i.beginReplay(ctx, &j); err != nil { // else who works on the job does it
			return err
		}
		return i.putJob(ctx, &j)
	})
	return j, err
}

// replayed gives a line of the subscription that is replayed: one replay serves
// all lanes.
func (i *Instance) replayed(ctx context.Context, name string) (lines.Line, error) {
	all, err := i.find(ctx, name, AllLanes)
	if err != nil {
		return lines.Line{}, err
	}
	if all[0].Async {
		return lines.Line{}, action.NewError(action.CodeBadField, action.StageCatalog, "only events can be replayed; a dead letter is sent again by redrive").WithField("name")
	}
	return all[0], nil
}

// beginReplay makes the line of a replay. Doing it twice makes one.
func (i *Instance) beginReplay(ctx context.Context, j *jobs.Job) error {
	l, err := i.replayed(ctx, j.Subscription)
	if err != nil {
		return err
	}
	l.Name = fmt.Sprintf("%s-replay-%d", l.Name, j.Made.UnixMilli())
	l.Replay, l.Unordered, l.Lane, l.Lanes, l.Job = true, true, 0, 1, ""
	l.Cut, l.DrainTo, l.Fenced = j.Cursor, j.To+1, false
	backlog, err := i.lines.Begin(ctx, l)
	if err != nil {
		return err
	}
	j.Line, j.Begun = l.Name, true
	j.Total = max(j.Total, lagOf(l, backlog))
	return nil
}

// seeReplay looks how far the workers are with a replay.
func (i *Instance) seeReplay(ctx context.Context, j *jobs.Job) (again time.Duration, err error) {
	if !j.Begun {
		return lookAgain, i.beginReplay(ctx, j)
	}
	l, there, err := i.lines.Now(ctx, j.Line)
	if err != nil {
		return 0, err
	}
	if !there {
		j.Done = j.Total
		end(j, action.JobDone)
		return 0, nil
	}
	if left, err := i.waiting(ctx, l); err == nil {
		j.Total = max(j.Total, left)
		j.Done = j.Total - left
	} else if !lines.IsLost(err) { // lost: it is put back, or goes in a moment
		return 0, err
	}
	return lookAgain, nil
}

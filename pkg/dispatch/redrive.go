package dispatch

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/bus/letters"
)

// moveLetters takes a job a step on that sends dead letters again or takes them
// out, oldest first, up to the one that was the newest when it began: one that
// is sent again and fails again is not met twice.
func (i *Instance) moveLetters(ctx context.Context, j *jobs.Job) error {
	if !j.Begun {
		return i.beginLetters(ctx, j)
	}
	for began := time.Now(); time.Since(began) < stepFor; {
		batch, last, err := i.nextLetters(ctx, j)
		if err != nil {
			return err
		}
		batch = slices.DeleteFunc(batch, func(l letters.Letter) bool { return !j.Filter.Takes(l.DeadLetter) })
		if j.Most > 0 && uint64(len(batch)) >= j.Most-j.Done {
			batch = batch[:j.Most-j.Done]
			last = j.Cursor
			if len(batch) > 0 {
				last = batch[len(batch)-1].Place
			}
			if last < j.To {
				j.Next = last + 1
			}
		}
		if err := lead.Held(ctx); err != nil {
			return err
		}
		do := i.letters.Discard
		if j.Kind == action.JobRedrive {
			do = i.letters.Redrive
		}
		if err := do(ctx, batch); err != nil {
			return err
		}
		for _, l := range batch {
			if len(j.First) < action.MaxFirst {
				j.First = append(j.First, l.DeliveryID)
			}
		}
		j.Done += uint64(len(batch))
		j.Cursor = max(j.Cursor, last)
		if last == 0 || j.Cursor >= j.To || j.Most > 0 && j.Done >= j.Most {
			end(j, action.JobDone)
			return nil
		}
	}
	return nil
}

// beginLetters finds out what a job is about.
func (i *Instance) beginLetters(ctx context.Context, j *jobs.Job) error {
	j.Begun = true
	if j.To == 0 {
		var err error
		if j.To, err = i.letters.LastPlace(ctx); err != nil {
			return err
		}
	}
	switch {
	case len(j.Filter.IDs) > 0:
		for _, id := range j.Filter.IDs {
			l, err := i.letters.Get(ctx, id)
			if action.CodeOf(err) == action.CodeNotFound || err == nil && !j.Filter.Knows(l.DeadLetter) {
				j.Missing = append(j.Missing, id)
			} else if err != nil {
				return err
			}
		}
		j.Total = uint64(len(j.Filter.IDs) - len(j.Missing))
	case j.Filter.All():
		n, err := i.letters.Count(ctx)
		if err != nil {
			return err
		}
		j.Total = n
	}
	if j.Most > 0 && j.Total > 0 {
		j.Total = min(j.Total, j.Most)
	}
	return nil
}

// nextLetters reads the next dead letters that a job may be about, and tells up
// to which place there are no others; 0 = there are none.
func (i *Instance) nextLetters(ctx context.Context, j *jobs.Job) (batch []letters.Letter, last uint64, err error) {
	if len(j.Filter.IDs) == 0 {
		batch, next, err := i.letters.Batch(ctx, j.Cursor+1)
		if err != nil || next == 0 {
			return nil, 0, err
		}
		return slices.DeleteFunc(batch, func(l letters.Letter) bool { return l.Place > j.To }), next - 1, nil
	}
	for _, id := range j.Filter.IDs {
		l, err := i.letters.Get(ctx, id)
		if action.CodeOf(err) == action.CodeNotFound {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if l.Place > j.Cursor && l.Place <= j.To {
			batch = append(batch, l)
		}
	}
	slices.SortFunc(batch, func(a, b letters.Letter) int { return cmp.Compare(a.Place, b.Place) })
	return batch, j.To, nil
}

package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// giveBack lets a line go on that stood for a job, behind what has become a dead
// letter.
func (i *Instance) giveBack(ctx context.Context, l lines.Line, j *jobs.Job) error {
	cursor := uint64(0)
	if j.Line == l.Name {
		var err error
		if cursor, err = i.pastLetters(ctx, l, j); err != nil {
			return err
		}
	}
	if err := i.goBehind(ctx, l, cursor); err != nil {
		return err
	}
	if err := i.lines.GiveBack(ctx, l); err != nil {
		return err
	}
	i.log.Info().Str("line", l.Name).Str("job", j.ID).Uint64("behind", cursor).Msg("line goes on: the job has ended with it")
	return nil
}

// pastLetters tells how far dead letters were made of a line. Who died between
// the letters of a step and its note of them made more than the job says.
func (i *Instance) pastLetters(ctx context.Context, l lines.Line, j *jobs.Job) (uint64, error) {
	if j.State == action.JobRunning { // it comes from a step
		return j.Cursor, nil
	}
	left, err := i.leftovers(ctx, l)
	if err != nil {
		return 0, err
	}
	cursor := j.Cursor
	for at := cursor; ; {
		batch, err := i.lines.Batch(ctx, l, max(left.floor+1, l.Cut, at+1), batchMost)
		if err != nil || len(batch) == 0 {
			return cursor, err
		}
		for _, m := range batch {
			at = m.Sequence
			is, err := i.isLeft(ctx, l, m, left)
			if err != nil {
				return 0, err
			}
			if !is {
				continue
			}
			_, err = i.letters.Get(ctx, letterFor(l, m, "").DeliveryID)
			if action.CodeOf(err) == action.CodeNotFound {
				return cursor, nil
			}
			if err != nil {
				return 0, err
			}
			cursor = at
		}
	}
}

// goBehind sets a line that stands behind a sequence; 0 leaves it where it is.
func (i *Instance) goBehind(ctx context.Context, l lines.Line, cursor uint64) error {
	if cursor == 0 {
		return nil
	}
	if l.Async {
		if err := i.lines.PurgeAsync(ctx, l, cursor); err != nil {
			return err
		}
		return i.forgetUpTo(ctx, l, cursor)
	}
	handedOut, err := i.lines.HandedOut(ctx, l)
	if lines.IsLost(err) { // it is put back where it was seen last
		return i.lines.KeepPosition(ctx, l, cursor)
	}
	if err != nil {
		return err
	}
	if l.Unordered && cursor < handedOut {
		return i.buryUpTo(ctx, l, cursor)
	}
	if err := i.lines.MoveTo(ctx, l, cursor+1); err != nil || !l.Unordered {
		return err
	}
	return i.forgetUpTo(ctx, l, cursor)
}

// buryUpTo lets a line without an order go behind a sequence that lies among
// what it has handed out. Of that only the server knows what is delivered, so it
// cannot be set anew: what waits for its next attempt is ended, and the workers
// bury what else it hands out up to there; the letter that is there stays.
func (i *Instance) buryUpTo(ctx context.Context, l lines.Line, cursor uint64) error {
	r := action.LineRecord{Sequence: cursor, State: action.LineGivenUp, Reason: action.CodeStopped}
	if err := i.lines.PutLineRecord(ctx, l, r); err != nil {
		return err
	}
	select {
	case <-time.After(heard): // by the workers
	case <-ctx.Done():
		return ctx.Err()
	}
	records, err := i.lines.Records(ctx, l)
	if err != nil {
		return err
	}
	var dead []uint64
	for sequence := range records {
		if sequence <= cursor {
			dead = append(dead, sequence)
		}
	}
	return i.lines.AckWaiting(ctx, l, dead)
}

// forgetUpTo forgets how deliveries failed that are gone.
func (i *Instance) forgetUpTo(ctx context.Context, l lines.Line, cursor uint64) error {
	records, err := i.lines.Records(ctx, l)
	if err != nil {
		return err
	}
	for sequence := range records {
		if sequence > cursor {
			continue
		}
		if err := i.lines.ForgetRecord(ctx, l, sequence); err != nil {
			return err
		}
	}
	return nil
}

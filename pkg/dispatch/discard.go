package dispatch

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

const (
	finishIn   = 5 * time.Second       // how long what is in a worker's hands may take to end
	finishLook = 20 * time.Millisecond // how often that is looked at
)

// emptyLines takes a job a step on that makes dead letters of what waits in
// lines. They are stopped first, all of them, and stay so however often the job
// changes hands: nothing is delivered behind its letter. What a worker has in
// hand gets some seconds to end; what then is not acknowledged becomes a letter
// although it may still arrive. Doing a step again makes no second letter.
func (i *Instance) emptyLines(ctx context.Context, j *jobs.Job) (again time.Duration, err error) {
	all, err := i.lines.List(ctx)
	if err != nil {
		return 0, err
	}
	if !j.Begun {
		return 0, i.takeLines(ctx, j, all)
	}
	all = slices.DeleteFunc(all, func(l lines.Line) bool { return l.Job != j.ID || l.Drained })
	if len(all) == 0 {
		end(j, action.JobDone)
		return 0, nil
	}
	l := slices.MinFunc(all, func(a, b lines.Line) int {
		return cmp.Or(cmp.Compare(a.Cut, b.Cut), a.Lane-b.Lane, cmp.Compare(a.Name, b.Name))
	})
	if j.Line != l.Name {
		j.Line, j.Cursor, j.Taken = l.Name, 0, 0
	}
	if l.Replay { // what it has before it was delivered before
		return 0, i.lines.Remove(ctx, l)
	}
	left, err := i.leftovers(ctx, l)
	if err != nil {
		return 0, err
	}
	if !left.known && time.Now().Before(j.Until) {
		return finishLook, nil
	}
	more, err := i.emptySome(ctx, j, l, left)
	if err != nil || more {
		return 0, err
	}
	if err := i.putJob(ctx, j); err != nil { // before the line forgets what its letters are about
		return 0, err
	}
	return 0, i.leaveLine(ctx, l, j)
}

// takeLines stops the lines of a job, and counts what waits in them.
func (i *Instance) takeLines(ctx context.Context, j *jobs.Job, all []lines.Line) error {
	var mine []lines.Line
	for _, l := range all {
		is := isOf(l, j.Gone) && l.DrainTo > 0
		if j.Kind == action.JobSkip {
			var err error
			if is, err = i.canSkip(ctx, l, j); err != nil {
				return err
			}
		}
		if is {
			mine = append(mine, l)
		}
	}
	if j.Kind == action.JobSkip && len(mine) == 0 {
		return nothingToSkip()
	}
	var err error
	if j.To, err = i.bus.LastSequence(ctx); err != nil {
		return err
	}
	async, err := i.bus.State(ctx, i.bus.Async)
	if err != nil {
		return err
	}
	j.ToAsync = async.State.LastSeq
	for _, l := range mine {
		if l, err = i.lines.Take(ctx, l, j.ID); err != nil {
			return err
		}
		if l.Replay {
			continue
		}
		n, err := i.waiting(ctx, l)
		if err != nil {
			return err
		}
		if j.Most > 0 {
			n = min(n, j.Most)
		}
		j.Total += n
	}
	j.Begun, j.Until = true, time.Now().Add(finishIn)
	return nil
}

// leftovers is what is known of what a stopped line has handed out.
type leftovers struct {
	floor     uint64
	handedOut uint64
	records   map[uint64]action.LineRecord // of deliveries that failed
	known     bool                         // what was handed out and has no record is acknowledged
}

// leftovers looks at what of a stopped line is in a worker's hands: of what was
// handed out only that is left which waits for its next attempt, and has a
// record, once they are known.
func (i *Instance) leftovers(ctx context.Context, l lines.Line) (left leftovers, err error) {
	s, err := i.lines.Standing(ctx, l)
	if err != nil {
		return left, err
	}
	if left.handedOut, err = i.lines.HandedOut(ctx, l); err != nil {
		return left, err
	}
	left.floor, left.records = s.Floor, map[uint64]action.LineRecord{s.Record.Sequence: s.Record}
	if l.Unordered {
		if left.records, err = i.lines.Records(ctx, l); err != nil {
			return left, err
		}
	}
	waiting := 0
	for _, r := range left.records {
		if r.State == action.LineStopped || r.State == action.LineRetrying && r.NextTry.After(time.Now()) {
			waiting++
		}
	}
	left.known = s.InWork <= waiting
	return left, nil
}

// emptySome makes dead letters of what waits in a line, in its order, from where
// the job stands, for as long as a step may take. more is false when nothing is
// left of it.
func (i *Instance) emptySome(ctx context.Context, j *jobs.Job, l lines.Line, left leftovers) (more bool, err error) {
	for began := time.Now(); time.Since(began) < stepFor; {
		batch, err := i.lines.Batch(ctx, l, max(left.floor+1, l.Cut, j.Cursor+1), batchMost)
		if err != nil || len(batch) == 0 {
			return false, err
		}
		letters, cursor, ended, err := i.lettersOf(ctx, j, l, left, batch)
		if err != nil {
			return false, err
		}
		if err := lead.Held(ctx); err != nil {
			return false, err
		}
		if err := i.letters.KeepAll(ctx, letters); err != nil {
			return false, err
		}
		j.Cursor, j.Done, j.Taken = cursor, j.Done+uint64(len(letters)), j.Taken+uint64(len(letters))
		if ended {
			return false, nil
		}
		if l.Async { // what has a letter is taken out only when that is noted
			if err := i.putJob(ctx, j); err != nil {
				return false, err
			}
			if err := i.lines.PurgeAsync(ctx, l, j.Cursor); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// batchMost is how many messages are read at once.
const batchMost = 256

// lettersOf makes dead letters of those messages of a line that are its own, and
// not delivered yet. cursor is how far that goes; ended tells that the job goes
// no further in this line.
func (i *Instance) lettersOf(ctx context.Context, j *jobs.Job, l lines.Line, left leftovers, batch []bus.Message) (letters []action.DeadLetter, cursor uint64, ended bool, err error) {
	cursor = j.Cursor
	for _, m := range batch {
		if i.isBehind(j, l, m.Sequence) || j.Most > 0 && j.Taken+uint64(len(letters)) >= j.Most {
			return letters, cursor, true, nil
		}
		cursor = m.Sequence
		is, err := i.isLeft(ctx, l, m, left)
		if err != nil {
			return nil, 0, false, err
		}
		if !is {
			continue
		}
		letter := letterFor(l, m, reasonOf(j))
		if r, failed := left.records[m.Sequence]; failed {
			letter.Attempts, letter.LastStatus, letter.FailingSince = r.Attempts, r.LastStatus, r.FailingSince
		}
		letters = append(letters, letter)
	}
	return letters, cursor, false, nil
}

// isBehind tells whether a message lies behind what a job takes of a line.
func (i *Instance) isBehind(j *jobs.Job, l lines.Line, sequence uint64) bool {
	switch {
	case l.Async:
		return sequence > j.ToAsync
	case l.DrainTo > 0 && sequence >= l.DrainTo:
		return true
	}
	return j.Kind == action.JobSkip && sequence > j.To
}

func reasonOf(j *jobs.Job) action.Code {
	if j.Kind == action.JobSkip {
		return action.CodeSkipped
	}
	return action.CodeDiscarded
}

// letterFor is the dead letter that a message of a line becomes.
func letterFor(l lines.Line, m bus.Message, reason action.Code) action.DeadLetter {
	letter := letterOf(l, m, reason)
	if l.Async {
		async := l.AsyncOf(m)
		if _, err := ulid.ParseStrict(async.ID); err == nil { // else somebody else put it there
			letter.DeliveryID = async.ID
		}
		letter.Phase, letter.EventType = async.Phase, ""
	}
	return letter
}

// isLeft tells whether a message of a line is its own to deliver, and is not
// delivered yet.
func (i *Instance) isLeft(ctx context.Context, l lines.Line, m bus.Message, left leftovers) (bool, error) {
	if l.Async {
		return true, nil // what is delivered is gone
	}
	if _, failed := left.records[m.Sequence]; l.Unordered && left.known && !failed && m.Sequence <= left.handedOut {
		return false, nil // it was delivered out of turn
	}
	return i.takes(ctx, l, m)
}

// leaveLine lets a line go that a job is done with: one that drains is removed.
func (i *Instance) leaveLine(ctx context.Context, l lines.Line, j *jobs.Job) error {
	if j.Kind == action.JobSkip || l.DrainTo == 0 { // its async target is there again
		return i.giveBack(ctx, l, j)
	}
	if l.Async {
		if err := i.lines.PurgeAsync(ctx, l, j.Cursor); err != nil {
			return err
		}
	}
	if err := i.lines.Remove(ctx, l); err != nil {
		return err
	}
	i.log.Warn().Str("line", l.Name).Str("job", j.ID).Uint64("discarded", j.Taken).Msg("line discarded and removed: what waited is in the dead letters")
	return nil
}

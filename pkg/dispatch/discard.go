package dispatch

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

const (
	holdFor    = 2 * time.Minute       // how long a line is held while it is discarded, at most
	finishIn   = 5 * time.Second       // how long what is in a worker's hands may take to end
	finishLook = 20 * time.Millisecond // how often that is looked at
)

// Discard makes dead letters with the reason discarded of what waits in those
// lines of a target, or of an execution (see Waiting), that drain, and removes
// the lines. It tells how many letters it made. What a worker has in hand gets
// some seconds to end; what then is not acknowledged is discarded although it
// may still arrive. A line that could not be emptied drains on.
func (d *Dispatcher) Discard(ctx context.Context, instance string, of catalog.Line) (discarded uint64, err error) {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err != nil {
		return 0, err
	}
	err = d.bus.Lead(ctx, instance, func(ctx context.Context) error {
		lines, err := d.linesOf(ctx, instance, of)
		if err != nil {
			return err
		}
		lines = slices.DeleteFunc(lines, func(l bus.Line) bool { return l.DrainTo == 0 })
		slices.SortFunc(lines, func(a, b bus.Line) int {
			return cmp.Or(cmp.Compare(a.Cut, b.Cut), a.Lane-b.Lane, cmp.Compare(a.Name, b.Name))
		})
		for _, l := range lines {
			if err := d.hold(ctx, l); err != nil {
				return errors.Join(err, d.letGo(ctx, lines))
			}
		}
		end := time.Now().Add(finishIn)
		for i, l := range lines {
			n, err := d.empty(ctx, l, end)
			discarded += n
			if err != nil {
				return errors.Join(err, d.letGo(ctx, lines[i:]))
			}
		}
		return nil
	})
	return discarded, err
}

// hold holds a line, also one whose consumer somebody has deleted.
func (d *Dispatcher) hold(ctx context.Context, l bus.Line) error {
	err := d.bus.HoldLine(ctx, l, holdFor)
	if !bus.IsLost(err) {
		return err
	}
	if _, err := d.bus.PutBack(ctx, l); err != nil {
		return err
	}
	return d.bus.HoldLine(ctx, l, holdFor)
}

// letGo lets lines go on that were held.
func (d *Dispatcher) letGo(ctx context.Context, lines []bus.Line) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishIn)
	defer cancel()
	var errs []error
	for _, l := range lines {
		if err := d.bus.ResumeLine(ctx, l); !bus.IsLost(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// empty discards what waits in a line that is held, and removes it.
func (d *Dispatcher) empty(ctx context.Context, l bus.Line, end time.Time) (discarded uint64, err error) {
	if !l.Replay { // what it has before it was delivered before
		var left leftovers
		if left, err = d.finished(ctx, l, end); err == nil {
			discarded, err = d.discard(ctx, l, left)
		}
		if err != nil {
			return discarded, err
		}
	}
	if err := d.bus.RemoveLine(ctx, l); err != nil {
		return discarded, err
	}
	d.log.Warn().Str("line", l.Name).Uint64("discarded", discarded).Msg("line discarded and removed: what waited is in the dead letters")
	return discarded, nil
}

// leftovers is what is known of what a held line has handed out.
type leftovers struct {
	floor     uint64
	handedOut uint64
	records   map[uint64]action.LineRecord // of deliveries that failed
	known     bool                         // what was handed out and has no record is acknowledged
}

// finished waits until nothing of a held line is in a worker's hands, and tells
// what is left: of what was handed out only that which waits for its next
// attempt, and has a record.
func (d *Dispatcher) finished(ctx context.Context, l bus.Line, end time.Time) (leftovers, error) {
	for {
		var left leftovers
		s, err := d.bus.Standing(ctx, l)
		if err == nil {
			left.handedOut, err = d.bus.HandedOut(ctx, l)
		}
		if err != nil {
			return left, err
		}
		left.floor, left.records = s.Floor, map[uint64]action.LineRecord{s.Record.Sequence: s.Record}
		if l.Unordered {
			if left.records, err = d.bus.Records(ctx, l); err != nil {
				return left, err
			}
		}
		waiting := 0
		for _, r := range left.records {
			if r.State == action.LineStopped || r.State == action.LineRetrying && r.NextTry.After(time.Now()) {
				waiting++
			}
		}
		if left.known = s.InWork <= waiting; left.known || time.Now().After(end) {
			return left, nil
		}
		select {
		case <-ctx.Done():
			return left, ctx.Err()
		case <-time.After(finishLook):
		}
	}
}

// discard makes dead letters of what waits in a line, in its order.
func (d *Dispatcher) discard(ctx context.Context, l bus.Line, left leftovers) (uint64, error) {
	var discarded uint64
	for next := max(left.floor+1, l.Cut); ; next++ {
		m, letter, waits, err := d.nextLetter(ctx, l, next)
		if err != nil || !waits || !l.Async && m.Sequence >= l.DrainTo {
			return discarded, err
		}
		next = m.Sequence
		if is, err := d.isLeft(ctx, l, m, left); err != nil {
			return discarded, err
		} else if !is {
			continue
		}
		r, failed := left.records[next]
		if failed {
			letter.Attempts, letter.LastStatus, letter.FailingSince = r.Attempts, r.LastStatus, r.FailingSince
		}
		if err := d.bus.StoreDead(ctx, letter, 0); err != nil {
			return discarded, err
		}
		discarded++
		if err := d.leave(ctx, l, next, failed); err != nil {
			return discarded, err
		}
	}
}

// isLeft tells whether a message of a line is its own to deliver, and is not
// delivered yet.
func (d *Dispatcher) isLeft(ctx context.Context, l bus.Line, m bus.Message, left leftovers) (bool, error) {
	if l.Async {
		return true, nil // what is delivered is gone
	}
	if _, failed := left.records[m.Sequence]; l.Unordered && left.known && !failed && m.Sequence <= left.handedOut {
		return false, nil // it was delivered out of turn
	}
	return d.takes(ctx, l, m)
}

// nextLetter reads the next message of a line, and the dead letter that it
// becomes.
func (d *Dispatcher) nextLetter(ctx context.Context, l bus.Line, sequence uint64) (m bus.Message, letter action.DeadLetter, waits bool, err error) {
	if !l.Async {
		m, waits, err = d.bus.NextOf(ctx, l, sequence)
		return m, letterOf(l, m, action.CodeDiscarded), waits, err
	}
	m, async, waits, err := d.bus.NextAsync(ctx, l, sequence)
	letter = letterOf(l, m, action.CodeDiscarded)
	letter.DeliveryID, letter.Phase, letter.EventType = async.ID, async.Phase, ""
	return m, letter, waits, err
}

// leave takes away what a discarded delivery leaves behind.
func (d *Dispatcher) leave(ctx context.Context, l bus.Line, sequence uint64, failed bool) error {
	if l.Async {
		if err := d.bus.TakeAsync(ctx, l, sequence); err != nil {
			return err
		}
	}
	if l.Unordered && failed {
		return d.bus.ForgetRecord(ctx, l, sequence)
	}
	return nil
}

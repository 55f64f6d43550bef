package dispatch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

const (
	drainEvery  = 100 * time.Millisecond // how often lines that drain are looked at, at first
	drainSlow   = 800 * time.Millisecond // and when none has got on for seconds, as one that somebody paused
	drainSoon   = 10 * time.Millisecond  // how soon again when one was empty, or has just gone
	drainRest   = 4                      // a look that took long is not followed by another for so many times as long
	appearEvery = 100 * time.Millisecond // how often new instances are looked for
)

// tidy looks after all instances until ctx ends, each in a loop of its own: what
// one of them waits for holds up no other.
func (d *Dispatcher) tidy(ctx context.Context) {
	begun := map[string]lookedAfter{}
	next := time.NewTicker(appearEvery)
	defer next.Stop()
	for {
		d.lookAfter(ctx, begun)
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

// lookedAfter is an instance with loops of its own, until it is deleted. One that was
// made again has another catalog.
type lookedAfter struct {
	catalog *revisions.Catalog
	stop    context.CancelFunc
}

// lookAfter begins to look after instances that are new, and ends it for those that
// were deleted.
func (d *Dispatcher) lookAfter(ctx context.Context, begun map[string]lookedAfter) {
	known := map[string]*revisions.Catalog{}
	for _, id := range d.catalogs.Known() {
		known[id] = d.catalogs.Of(id)
	}
	for id, b := range begun {
		if known[id] != b.catalog {
			b.stop()
			delete(begun, id)
			d.forget(id)
		}
	}
	for id, c := range known {
		if _, is := begun[id]; is {
			continue
		}
		looking, stop := context.WithCancel(ctx)
		begun[id] = lookedAfter{c, stop}
		i := d.shared(id)
		d.ended.Go(func() { i.tidy(looking) })
		d.ended.Go(func() { i.work(looking) })
		d.ended.Go(func() { i.repack(looking) })
	}
}

// lookSoon has the lines looked at soon.
func (i *Instance) lookSoon() {
	select {
	case i.look <- struct{}{}:
	default: // they are about to be
	}
}

// tidy looks after the lines until ctx ends: those that drain are removed when
// nothing waits in them, those behind them are let go, consumers that somebody
// deleted are put back. While nothing drains it wakes for that alone.
func (i *Instance) tidy(ctx context.Context) {
	t := tidying{Instance: i, empty: map[lines.Key]int{}, floors: map[lines.Key]uint64{}}
	next := time.NewTimer(drainEvery)
	defer next.Stop()
	recorded, idle := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-i.look:
			next.Reset(drainSoon)
			idle = 0
			continue
		case <-next.C:
		}
		began := time.Now()
		record := time.Since(recorded) >= i.dispatcher.pace.record
		if record {
			recorded = time.Now()
		}
		moving, err := t.tidyOnce(ctx, record)
		if err != nil && ctx.Err() == nil {
			i.log.Debug().Err(err).Msg("lines not looked after")
		}
		switch {
		case moving && err == nil: // lines may stand in a long row behind each other
			idle = 0
			next.Reset(max(drainSoon, time.Since(began)))
		case t.draining(i.dispatcher.lines.of(i.ID)):
			idle++
			next.Reset(max(drainPause(idle), drainRest*time.Since(began)))
		default:
			idle = 0
			next.Reset(time.Until(recorded.Add(i.dispatcher.pace.record)))
		}
	}
}

// drainPause is how long the lines are left alone when so many looks in a row found
// none that had got on: twice as long after a second, and so on.
func drainPause(idle int) time.Duration {
	return min(drainEvery<<min(idle/10, 3), drainSlow)
}

// tidying is what is remembered of an instance between two looks.
type tidying struct {
	*Instance
	empty    map[lines.Key]int    // readings in a row that showed a line empty
	floors   map[lines.Key]uint64 // position recorded last
	retained time.Time            // when it was trimmed last
	swept    time.Time            // when its history was trimmed last
	named    time.Time            // when what lies under names was looked at last

	linesSwept time.Time // when what is kept of lines that are no more was looked for last
}

func (t *tidying) draining(all []lines.Line) bool {
	return slices.ContainsFunc(all, func(l lines.Line) bool { return l.DrainTo > 0 || l.Fenced })
}

// tidyOnce looks after the lines. It tells whether another look will soon find
// something to do.
func (t *tidying) tidyOnce(ctx context.Context, record bool) (moving bool, err error) {
	known := t.dispatcher.lines.of(t.ID)
	if !record && !t.draining(known) {
		return false, nil
	}
	if record {
		if err := t.recordAll(ctx, known); err != nil {
			return false, err
		}
	}
	err = t.lead(ctx, func(ctx context.Context) error {
		all, held, err := t.lines.ListHeld(ctx) // as they are now that nobody else touches them
		if err != nil {
			return err
		}
		if record {
			if err := t.clean(ctx, all, held); err != nil {
				return err
			}
		}
		if all, err = t.standIn(ctx, all); err != nil {
			return err
		}
		moving, err = t.drain(ctx, all, held)
		return err
	})
	return moving, err
}

// clean removes what has become old or useless. What a line waits for that is held
// is not known: nothing is trimmed meanwhile.
func (t *tidying) clean(ctx context.Context, all, held []lines.Line) error {
	// What a revision that is marked needs is no trash, even if the dispatcher
	// that made it died before it was in force.
	m, err := t.completeNewest(ctx)
	if err != nil || m == nil {
		return err
	}
	if len(held) == 0 && time.Since(t.retained) >= min(t.dispatcher.pace.sweep, t.dispatcher.history) {
		t.retained = time.Now()
		if err := t.retain(ctx, all); err != nil {
			return err
		}
	}
	if err := t.sweep(ctx); err != nil {
		return err
	}
	if err := t.forget(ctx, m, all); err != nil {
		return err
	}
	if err := t.forgetLines(ctx, slices.Concat(all, held)); err != nil {
		return err
	}
	if err := t.strays(ctx); err != nil {
		return err
	}
	return errors.Join(t.orphans(ctx, m, all), t.keepOwnKeys(ctx, m))
}

// forgetLines drops what is known of lines that are no more, here and in the
// store. It takes its time there: nothing depends on it.
func (t *tidying) forgetLines(ctx context.Context, all []lines.Line) error {
	there := make(map[lines.Key]bool, len(all))
	for _, l := range all {
		there[l.Key()] = true
	}
	maps.DeleteFunc(t.empty, func(k lines.Key, _ int) bool { return !there[k] })
	maps.DeleteFunc(t.floors, func(k lines.Key, _ uint64) bool { return !there[k] })
	if time.Since(t.linesSwept) < t.dispatcher.pace.sweep {
		return nil
	}
	if _, err := t.lines.Sweep(ctx, all, t.dispatcher.pace.outlive); err != nil {
		return err
	}
	if _, err := t.lines.SweepBookmarks(ctx, all); err != nil {
		return err
	}
	t.linesSwept = time.Now()
	return nil
}

// drain removes what has drained and lets go what stood behind it, but not behind
// one that is held. It tells whether a line was empty or has gone.
func (t *tidying) drain(ctx context.Context, all, held []lines.Line) (moving bool, err error) {
	var left []lines.Line
	for _, l := range all {
		if l.Fenced && !l.Drained && hasOlder(l, all) {
			// Also when it is empty: who waits for it waits for those as well.
			left = append(left, l)
			continue
		}
		drained, err := t.drained(ctx, l, all)
		if err != nil {
			return false, err
		}
		moving = moving || t.empty[l.Key()] > 0
		if !drained {
			left = append(left, l)
			continue
		}
		if err := t.handOnPause(ctx, l, all); err != nil {
			return false, err
		}
		if err := t.lines.Remove(ctx, l); err != nil {
			return false, err
		}
		delete(t.empty, l.Key())
		delete(t.floors, l.Key())
		t.log.Info().Str("line", l.Name).Msg("line drained and removed")
	}
	for _, l := range left {
		if !l.Fenced || hasOlder(l, slices.Concat(left, held)) {
			continue
		}
		if err := t.unfence(ctx, l); err != nil {
			return false, err
		}
	}
	return moving, nil
}

// drained tells whether nothing below the end of a line waits any more: no
// message that its filter takes lies between what is done and its end. The
// server's count of what is pending is not asked; it lags behind a publish, and
// after a restart. Two looks must agree. One that somebody began to remove is
// drained.
func (t *tidying) drained(ctx context.Context, l lines.Line, all []lines.Line) (bool, error) {
	if l.DrainTo == 0 || l.Drained || l.Job != "" { // who works on the job removes it
		return l.Drained, nil
	}
	if !hasNewer(l, all) {
		if waits, err := t.mayReturn(ctx, l); err != nil || waits {
			return false, err
		}
	}
	next, waits, err := t.lines.Head(ctx, l)
	if err != nil && !lines.IsLost(err) { // lost: it is put back, and drains then
		return false, err
	}
	if err == nil && (!waits || !l.Async && next.Sequence >= l.DrainTo) {
		t.empty[l.Key()]++
	} else {
		t.empty[l.Key()] = 0
	}
	return t.empty[l.Key()] >= 2, nil
}

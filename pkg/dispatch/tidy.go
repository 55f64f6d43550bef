package dispatch

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

const (
	drainEvery  = 100 * time.Millisecond // how often lines that drain are looked at
	drainSoon   = 10 * time.Millisecond  // how soon again when one was empty, or has just gone
	recordEvery = 10 * time.Second       // how often positions are recorded and lost consumers put back
	retainEvery = 10 * time.Minute       // how often old events are trimmed, at most
)

// knownLines is what this dispatcher knows of the lines by following them.
type knownLines struct {
	mu     sync.Mutex
	by     map[string]bus.Line
	paused map[bus.TargetKey]action.Code
}

func (k *knownLines) setPaused(of bus.TargetKey, reason action.Code) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if reason == "" {
		delete(k.paused, of)
		return
	}
	k.paused[of] = reason
}

func (k *knownLines) set(key string, l *bus.Line) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l == nil {
		delete(k.by, key)
		return
	}
	k.by[key] = *l
}

// LineCount is how many lines there are, of all instances.
func (d *Dispatcher) LineCount() int {
	d.lines.mu.Lock()
	defer d.lines.mu.Unlock()
	return len(d.lines.by)
}

// of lists the lines of an instance.
func (k *knownLines) of(instance string) []bus.Line {
	k.mu.Lock()
	defer k.mu.Unlock()
	var lines []bus.Line
	for _, l := range k.by {
		if l.Instance == instance {
			lines = append(lines, l)
		}
	}
	return lines
}

// tidy looks after the lines until ctx ends: those that drain are removed when
// nothing waits in them, those behind them are let go, consumers that somebody
// deleted are put back.
func (d *Dispatcher) tidy(ctx context.Context) {
	t := tidying{dispatcher: d, empty: map[string]int{}, floors: map[string]uint64{}, retained: map[string]time.Time{}, swept: map[string]time.Time{}}
	next := time.NewTimer(drainEvery)
	defer next.Stop()
	recorded := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		record := time.Since(recorded) >= recordEvery
		if record {
			recorded = time.Now()
		}
		wait := drainEvery
		for _, instance := range d.catalogs.Instances() {
			moving, err := t.look(ctx, instance, record)
			if err != nil && ctx.Err() == nil {
				d.log.Debug().Err(err).Str("instance", instance).Msg("lines not looked after")
			}
			if moving && err == nil { // lines may stand in a long row behind each other
				wait = drainSoon
			}
		}
		next.Reset(wait)
	}
}

// tidying is what is remembered between two looks.
type tidying struct {
	dispatcher *Dispatcher
	empty      map[string]int       // line → readings in a row that showed it empty
	floors     map[string]uint64    // line → position recorded last
	retained   map[string]time.Time // instance → when it was trimmed last
	swept      map[string]time.Time // instance → when its history was trimmed last
}

// look looks after the lines of an instance. It tells whether another look will
// soon find something to do.
func (t *tidying) look(ctx context.Context, instance string, record bool) (moving bool, err error) {
	lines := t.dispatcher.lines.of(instance)
	if !record && !slices.ContainsFunc(lines, func(l bus.Line) bool { return l.DrainTo > 0 || l.Fenced }) {
		return false, nil
	}
	if record {
		if err := t.recordInTurns(ctx, instance, lines); err != nil {
			return false, err
		}
	}
	err = t.dispatcher.bus.Lead(ctx, instance, func(ctx context.Context) error {
		lines, err := t.dispatcher.bus.Lines(ctx, instance) // as they are now that nobody else touches them
		if err != nil {
			return err
		}
		if record {
			if time.Since(t.retained[instance]) >= min(retainEvery, t.dispatcher.history) {
				t.retained[instance] = time.Now()
				if err := t.retain(ctx, instance, lines); err != nil {
					return err
				}
			}
			if err := t.sweep(ctx, instance); err != nil {
				return err
			}
			if err := t.forget(ctx, instance, lines); err != nil {
				return err
			}
			if err := t.strays(ctx, instance); err != nil {
				return err
			}
		}
		moving, err = t.drain(ctx, lines)
		return err
	})
	return moving, err
}

// recordSome is how many lines are recorded before somebody else gets a turn.
const recordSome = 16

// recordInTurns records many lines, a few at a time: an edit does not wait until
// all are done.
func (t *tidying) recordInTurns(ctx context.Context, instance string, lines []bus.Line) error {
	for some := range slices.Chunk(lines, recordSome) {
		err := t.dispatcher.bus.Lead(ctx, instance, func(ctx context.Context) error {
			standing := make([]bus.Line, 0, len(some))
			for _, l := range some {
				now, there, err := t.dispatcher.bus.LineNow(ctx, instance, l.Name)
				if err != nil {
					return err
				}
				if there {
					standing = append(standing, now)
				}
			}
			return t.record(ctx, standing)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// record keeps the positions of the lines, and puts back what was lost.
func (t *tidying) record(ctx context.Context, lines []bus.Line) error {
	for _, l := range lines {
		if l.Drained { // its consumer is gone, or goes in a moment
			continue
		}
		back, err := t.dispatcher.bus.PutBack(ctx, l)
		if err != nil {
			return err
		}
		if back {
			t.dispatcher.log.Error().Str("line", l.Name).Msg("the consumer of a line was deleted by somebody else; it is put back at the position recorded last")
			continue
		}
		backlog, err := t.dispatcher.bus.Backlog(ctx, l)
		if err != nil {
			return err
		}
		if !l.Async && backlog.Floor > t.floors[l.Name] {
			if err := t.dispatcher.bus.KeepPosition(ctx, l, backlog.Floor); err != nil {
				return err
			}
			t.floors[l.Name] = backlog.Floor
		}
		if !l.Async && !l.Replay {
			if err := t.outstay(ctx, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// drain removes what has drained and lets go what stood behind it. It tells
// whether a line was empty or has gone.
func (t *tidying) drain(ctx context.Context, lines []bus.Line) (moving bool, err error) {
	var left []bus.Line
	for _, l := range lines {
		drained, err := t.drained(ctx, l)
		if err != nil {
			return false, err
		}
		moving = moving || t.empty[l.Name] > 0
		if !drained {
			left = append(left, l)
			continue
		}
		if err := t.dispatcher.bus.RemoveLine(ctx, l); err != nil {
			return false, err
		}
		delete(t.empty, l.Name)
		delete(t.floors, l.Name)
		t.dispatcher.log.Info().Str("line", l.Name).Msg("line drained and removed")
	}
	for _, l := range left {
		if !l.Fenced || hasOlder(l, left) {
			continue
		}
		// Who dies in between leaves it fenced, and the next lets it go again;
		// the other way round it would stand for ever.
		if err := t.dispatcher.bus.ResumeLine(ctx, l); err != nil {
			return false, err
		}
		l.Fenced = false
		if err := t.dispatcher.bus.EnsureLine(ctx, l); err != nil {
			return false, err
		}
		t.dispatcher.log.Info().Str("line", l.Name).Msg("line begins: those with another lane count have drained")
	}
	return moving, nil
}

// drained tells whether nothing below the end of a line waits any more: no
// message that its filter takes lies between what is done and its end. The
// server's count of what is pending is not asked; it lags behind a publish, and
// after a restart. Two looks must agree. One that somebody began to remove is
// drained.
func (t *tidying) drained(ctx context.Context, l bus.Line) (bool, error) {
	if l.DrainTo == 0 || l.Drained {
		return l.Drained, nil
	}
	next, waits, err := t.dispatcher.bus.Head(ctx, l)
	if err != nil && !bus.IsLost(err) { // lost: it is put back, and drains then
		return false, err
	}
	if err == nil && (!waits || !l.Async && next.Sequence >= l.DrainTo) {
		t.empty[l.Name]++
	} else {
		t.empty[l.Name] = 0
	}
	return t.empty[l.Name] >= 2, nil
}

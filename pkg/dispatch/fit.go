package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/bus/lines"
)

// How often lines are brought to the --ack-wait that is asked, how long workers
// get to hear of a shorter one, and how long a line is held until nothing of it
// is in a worker's hands.
const (
	fitEvery = time.Second
	fitHeard = 3 * time.Second
	fitHold  = 5 * time.Second
	fitPoll  = 20 * time.Millisecond
)

// fitting brings the lines to the --ack-wait that is asked. The lease of a worker
// must never be longer than what its consumer has: a longer one is given to the
// consumer first and told to the workers then; a shorter one is told first, and
// given when they have heard and hold nothing that they took before.
type fitting struct {
	*Dispatcher
	asked time.Duration
	told  map[lines.Key]time.Time // when a shorter one was told
	fits  map[lines.Key]time.Duration
}

// fit does so until ctx ends.
func (d *Dispatcher) fit(ctx context.Context) {
	f := fitting{Dispatcher: d, told: map[lines.Key]time.Time{}, fits: map[lines.Key]time.Duration{}}
	next := time.NewTicker(fitEvery)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		asked, err := d.bus.AskedAckWait(ctx)
		if err != nil {
			continue // it is asked again
		}
		f.asked = asked
		for _, id := range d.catalogs.Known() {
			f.fitAll(ctx, d.shared(id))
		}
	}
}

func (f *fitting) fitAll(ctx context.Context, i *Instance) {
	for _, l := range i.dispatcher.lines.of(i.ID) {
		if _, longer := f.misfits.LoadAndDelete(l.Key()); longer {
			delete(f.fits, l.Key())
		}
		if l.Drained || f.fits[l.Key()] == f.asked && l.AckWait == f.asked {
			continue
		}
		err := i.lead(ctx, func(ctx context.Context) error {
			now, there, err := i.lines.Now(ctx, l.Name)
			if err != nil || !there || now.Drained {
				return err
			}
			return f.fitOne(ctx, i, now)
		})
		if err != nil && ctx.Err() == nil {
			i.log.Debug().Err(err).Str("line", l.Name).Msg("line not brought to the ack wait that is asked yet")
		}
	}
}

// fitOne takes one line as far as it goes now.
func (f *fitting) fitOne(ctx context.Context, i *Instance, l lines.Line) error {
	s, err := i.lines.Standing(ctx, l)
	if err != nil {
		return err
	}
	switch told, known := f.told[l.Key()]; {
	case s.AckWait < f.asked: // a longer one
		if err := i.lines.SetAckWait(ctx, l, f.asked); err != nil {
			return err
		}
		return i.lines.TellAckWait(ctx, l, f.asked)
	case s.AckWait == f.asked && l.AckWait == f.asked:
		f.fits[l.Key()] = f.asked
		delete(f.told, l.Key())
		return nil
	case s.AckWait == f.asked && l.AckWait < f.asked:
		return i.lines.TellAckWait(ctx, l, f.asked)
	case l.AckWait == 0 || l.AckWait > f.asked: // a shorter one
		f.told[l.Key()] = time.Now()
		return i.lines.TellAckWait(ctx, l, f.asked)
	case !known: // told by another dispatcher, who knows when
		f.told[l.Key()] = time.Now()
		return nil
	case time.Since(told) < fitHeard:
		return nil
	}
	return f.shorten(ctx, i, l, s)
}

// shorten gives a line's consumer a shorter one when nothing of it is in a
// worker's hands. Otherwise it is tried again.
func (f *fitting) shorten(ctx context.Context, i *Instance, l lines.Line, s lines.Standing) error {
	if !s.Paused {
		if err := i.lines.Hold(ctx, l, 2*fitHold); err != nil {
			return err
		}
		defer func() {
			if err := i.lines.Resume(ctx, l); err != nil {
				i.log.Warn().Err(err).Str("line", l.Name).Msg("the line goes on in some seconds")
			}
		}()
	}
	for began := time.Now(); time.Since(began) < fitHold; {
		s, err := i.lines.Standing(ctx, l)
		if err != nil {
			return err
		}
		held, err := i.lines.InHands(ctx, l, s)
		if err != nil {
			return err
		}
		if held == 0 {
			return i.lines.SetAckWait(ctx, l, f.asked)
		}
		select {
		case <-time.After(fitPoll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Catalog gives the catalog of an instance that is in force here, waiting until
// ctx ends for one that is not older than revision. The error is
// unknown_instance, deadline, or unreadable; unavailable when the dispatcher
// stops.
func (d *Dispatcher) Catalog(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error) {
	v, err := d.version(ctx, instance, revision)
	if err != nil {
		return nil, err
	}
	return v.Matcher, nil
}

// PauseTarget keeps a target from being called until ResumeTarget. org is the
// organization that defines it, "" the instance. It makes no revision. Pausing
// twice is fine; the later reason stays. The error is unknown_instance or
// not_found.
func (d *Dispatcher) PauseTarget(ctx context.Context, instance, org, target, reason string) error {
	if _, err := d.target(ctx, instance, org, target); err != nil {
		return err
	}
	d.log.Info().Str("instance", instance).Str("org", org).Str("target", target).Str("reason", reason).Msg("target paused")
	return d.bus.PauseTarget(ctx, instance, org, target, action.Code(reason))
}

// ResumeTarget takes back what PauseTarget did, or what a target's 410 did, also
// of one that has left while its lines still drain. It tells whether the
// configuration keeps the target paused all the same.
func (d *Dispatcher) ResumeTarget(ctx context.Context, instance, org, target string) (stillPaused bool, err error) {
	t, err := d.target(ctx, instance, org, target)
	if action.CodeOf(err) == action.CodeNotFound {
		if drains, linesErr := d.drainsTo(ctx, instance, org, target); linesErr != nil || drains {
			err = linesErr
		}
	}
	if err != nil {
		return false, err
	}
	d.log.Info().Str("instance", instance).Str("org", org).Str("target", target).Msg("target resumed")
	if err := d.bus.ResumeTarget(ctx, instance, org, target); err != nil {
		return t.Paused, err
	}
	return t.Paused, d.wake(ctx, instance, org, target)
}

// drainsTo tells whether a line still drains to a target that has left.
func (d *Dispatcher) drainsTo(ctx context.Context, instance, owner, target string) (bool, error) {
	lines, err := d.bus.Lines(ctx, instance)
	return slices.ContainsFunc(lines, func(l bus.Line) bool {
		return l.DrainTo > 0 && l.Owner == owner && l.Target == target
	}), err
}

// heard is how long the workers get to hear that a target goes on, before its
// lines are told to try at once.
const heard = 50 * time.Millisecond

// wake ends the waits of a target's lines, which else would look again within
// seconds.
func (d *Dispatcher) wake(ctx context.Context, instance, owner, target string) error {
	select {
	case <-time.After(heard):
	case <-ctx.Done():
		return nil // they look by themselves
	}
	return d.bus.Lead(ctx, instance, func(ctx context.Context) error {
		for _, l := range d.lines.of(instance) {
			if l.Unordered || l.Fenced || l.Owner != owner || l.Target != target {
				continue
			}
			standing, err := d.bus.Standing(ctx, l)
			if err != nil || standing.InWork == 0 || standing.Paused {
				continue // nothing waits in it, or it is none of ours to wake
			}
			if head, waits, err := d.bus.Head(ctx, l); err == nil && waits {
				if err := d.bus.MoveTo(ctx, l, head.Sequence); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Paused tells whether a target is paused, by somebody or by its 410, and why.
// What the configuration says is not asked.
func (d *Dispatcher) Paused(instance, owner, target string) (reason string, paused bool) {
	d.lines.mu.Lock()
	defer d.lines.mu.Unlock()
	code, paused := d.lines.paused[bus.TargetKey{Instance: instance, Owner: owner, Name: target}]
	return string(code), paused
}

func (d *Dispatcher) target(ctx context.Context, instance, org, name string) (action.Target, error) {
	m, err := d.Catalog(ctx, instance, 0)
	if err != nil {
		return action.Target{}, err
	}
	return m.Snapshot().FindTarget(org, name)
}

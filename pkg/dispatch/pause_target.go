package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// PauseTarget keeps a target from being called until ResumeTarget. org is the
// organization that defines it, "" the instance. It makes no revision. Pausing
// twice is fine; the later reason stays. When it returns, the workers have had a
// moment to hear of it: what comes from then on is held, but for a worker that NATS
// is slow to tell. The error is unknown_instance or not_found.
func (i *Instance) PauseTarget(ctx context.Context, org, target, reason string) error {
	if _, err := i.target(ctx, org, target); err != nil {
		return err
	}
	i.log.Info().Str("org", org).Str("target", target).Str("reason", reason).Msg("target paused")
	if err := i.bus.PauseTarget(ctx, org, target, action.Code(reason)); err != nil {
		return err
	}
	awaitHeard(ctx)
	return nil
}

// ResumeTarget takes back what PauseTarget did, or what a target's 410 did, also
// of one that has left while its lines still drain. It tells whether the
// configuration keeps the target paused all the same.
func (i *Instance) ResumeTarget(ctx context.Context, org, target string) (stillPaused bool, err error) {
	t, err := i.target(ctx, org, target)
	if action.CodeOf(err) == action.CodeNotFound {
		if drains, linesErr := i.drainsTo(ctx, org, target); linesErr != nil || drains {
			err = linesErr
		}
	}
	if err != nil {
		return false, err
	}
	i.log.Info().Str("org", org).Str("target", target).Msg("target resumed")
	if err := i.bus.ResumeTarget(ctx, org, target); err != nil {
		return t.Paused, err
	}
	return t.Paused, i.wake(ctx, org, target)
}

// drainsTo tells whether a line still drains to a target that has left.
func (i *Instance) drainsTo(ctx context.Context, owner, target string) (bool, error) {
	all, err := i.lines.List(ctx)
	return slices.ContainsFunc(all, func(l lines.Line) bool {
		return l.DrainTo > 0 && l.Owner == owner && l.Target == target
	}), err
}

// heard is how long the workers get to hear that a target is paused, or goes on.
const heard = 50 * time.Millisecond

func awaitHeard(ctx context.Context) {
	select {
	case <-time.After(heard):
	case <-ctx.Done():
	}
}

// wake ends the waits of a target's lines, which else would look again within
// seconds.
func (i *Instance) wake(ctx context.Context, owner, target string) error {
	if awaitHeard(ctx); ctx.Err() != nil {
		return nil // they look by themselves
	}
	return i.lead(ctx, func(ctx context.Context) error {
		for _, l := range i.dispatcher.lines.of(i.ID) {
			if l.Unordered || l.Fenced || l.Owner != owner || l.Target != target {
				continue
			}
			standing, err := i.lines.Standing(ctx, l)
			if err != nil || standing.InWork == 0 || standing.Paused {
				continue // nothing waits in it, or it is none of ours to wake
			}
			if head, waits, err := i.lines.Head(ctx, l); err == nil && waits {
				if err := i.lines.MoveTo(ctx, l, head.Sequence); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Paused tells whether a target is paused, by somebody or by its 410, and why.
// What the configuration says is not asked.
func (i *Instance) Paused(owner, target string) (reason string, paused bool) {
	code, paused := i.dispatcher.lines.pause(bus.TargetKey{Instance: i.ID, Owner: owner, Name: target})
	return string(code), paused
}

func (i *Instance) target(ctx context.Context, org, name string) (action.Target, error) {
	m, err := i.Catalog(ctx, 0)
	if err != nil {
		return action.Target{}, err
	}
	return m.Snapshot().FindTarget(org, name)
}

package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
)

// forget removes what is kept of targets that have left, when nothing waits for
// them any more. m is the newest catalog, the whole of it in force. It is for who
// holds the lead.
func (t *tidying) forget(ctx context.Context, m *catalog.Matcher, all []lines.Line) error {
	left, err := t.bus.Departed(ctx)
	if err != nil {
		return err
	}
	var kept []bus.Departed
	for _, gone := range left {
		_, back := m.FindID(gone.ID)
		keep := t.dispatcher.pace.returns
		if back { // it has its key, and nobody else gets it by this
			keep = t.dispatcher.pace.outlive
		}
		if !back && waits(all, gone) || time.Since(gone.Left) < keep {
			kept = append(kept, gone)
			continue
		}
		if !named(m, gone.Owner, gone.Target) {
			if err := t.bus.ForgetName(ctx, gone.Owner, gone.Target); err != nil {
				return err
			}
		}
		if err := t.bus.ForgetDeparted(ctx, gone); err != nil {
			return err
		}
		t.log.Debug().Str("target", gone.Target).Msg("signing key of a target that left forgotten")
	}
	return t.forgetNames(ctx, m, kept, all)
}

// waits tells whether a line still drains to a target that has left.
func waits(all []lines.Line, gone bus.Departed) bool {
	return slices.ContainsFunc(all, func(l lines.Line) bool {
		return l.Owner == gone.Owner && (l.Target == gone.Target || l.TargetID == gone.ID) && l.DrainTo > 0 && !l.Drained
	})
}

func named(m *catalog.Matcher, owner, target string) bool {
	scope := m.Snapshot().Scopes[owner]
	if scope == nil {
		return false
	}
	_, ok := scope.Targets[target]
	return ok
}

// forgetNames removes what lies under names that no target has, nor has left a
// while ago: an edit that died before its marker put it there, or somebody who
// paused a target as it left. Keys whose time is over go too.
func (t *tidying) forgetNames(ctx context.Context, m *catalog.Matcher, kept []bus.Departed, all []lines.Line) error {
	if time.Since(t.named) < t.dispatcher.pace.sweep {
		return nil
	}
	names, err := t.bus.KeptNames(ctx)
	if err != nil {
		return err
	}
	for name, at := range names {
		if named(m, name.Owner, name.Name) || time.Since(at) < t.dispatcher.pace.outlive ||
			slices.ContainsFunc(kept, func(d bus.Departed) bool { return d.Owner == name.Owner && d.Target == name.Name }) {
			continue
		}
		if err := t.bus.ForgetName(ctx, name.Owner, name.Name); err != nil {
			return err
		}
	}
	if own, _, err := t.bus.OwnKeys(ctx); err == nil { // else it is not known which are needed
		if err := t.bus.ForgetPrivateHalves(ctx, own); err != nil {
			return err
		}
	}
	if err := t.forgetPublicKeys(ctx, m, kept, all); err != nil {
		return err
	}
	if _, err := t.bus.DropEndedKeys(ctx, time.Now()); err != nil {
		return err
	}
	if err := t.sealKeys(ctx); err != nil {
		return err
	}
	t.named = time.Now()
	return nil
}

package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// keptLonger is how long what belongs to a target outlives it at least: calls
// under way, and workers that hear of the edit late, still use it.
const keptLonger = recordEvery

// targetMoves is what an edit does to the names of targets.
type targetMoves struct {
	given   []catalog.Change // names that a target gets, new or not
	left    []bus.Departed   // names that a target had, with its key
	earlier []bus.Departed   // names that were left before and are not forgotten yet
}

// moves finds out which names of targets an edit gives, and which it takes.
func (d *Dispatcher) moves(ctx context.Context, before *catalog.Matcher, s catalog.Stamped) (m targetMoves, err error) {
	for _, c := range s.Changes {
		switch {
		case c.Kind != catalog.KindTarget:
		case c.Action == catalog.Added:
			m.given = append(m.given, c)
		case c.Action == catalog.Removed:
			meta, _ := before.Snapshot().MetaOf(c.Org, catalog.Ref{Name: c.Name})
			key, ok, err := d.bus.Secret(ctx, s.Instance, c.Org, c.Name)
			if err != nil {
				return m, err
			}
			if ok {
				m.left = append(m.left, bus.Departed{Instance: s.Instance, Owner: c.Org, ID: meta.ID, Target: c.Name, Key: key, Left: time.Now().UTC()})
			}
		}
	}
	if len(m.given) > 0 {
		m.earlier, err = d.bus.Departed(ctx, s.Instance)
	}
	return m, err
}

// keepMoves keeps the keys of what leaves its name. A pause goes along with a
// target, and no other gets it.
func (d *Dispatcher) keepMoves(ctx context.Context, before *catalog.Matcher, m targetMoves, s catalog.Stamped) error {
	for _, c := range m.given {
		was, known := before.FindID(idOf(s, c))
		reason, paused := d.Paused(s.Instance, was.Org, was.Name)
		var err error
		switch _, taken := m.key(c.Org, c.Name, idOf(s, c)); {
		case known && was.Phase == "" && paused:
			err = d.bus.PauseTarget(ctx, s.Instance, c.Org, c.Name, action.Code(reason))
		case taken:
			err = d.bus.ResumeTarget(ctx, s.Instance, c.Org, c.Name)
		}
		if err != nil {
			return err
		}
	}
	return d.bus.PutDeparted(ctx, m.left)
}

// key gives what a target that is new has of one that left: the key, if it is
// the same target again, as after a rollback. taken tells that the key under
// its name is that of another target, which it must not get.
func (m targetMoves) key(org, name, id string) (key string, taken bool) {
	for _, t := range m.earlier {
		switch {
		case t.Owner == org && t.ID == id:
			return t.Key, false
		case t.Owner == org && t.Target == name:
			taken = true
		}
	}
	return "", taken
}

// forget removes what is kept of targets that have left, when nothing waits for
// them any more. It is for who holds the lead.
func (t *tidying) forget(ctx context.Context, instance string, lines []bus.Line) error {
	left, err := t.dispatcher.bus.Departed(ctx, instance)
	if err != nil || len(left) == 0 {
		return err
	}
	m, err := t.dispatcher.catalogs.AtLeast(ctx, instance, 0)
	if err != nil {
		return err
	}
	for _, gone := range left {
		_, back := m.FindID(gone.ID)
		waits := !back && slices.ContainsFunc(lines, func(l bus.Line) bool {
			return l.Owner == gone.Owner && (l.Target == gone.Target || l.TargetID == gone.ID) && l.DrainTo > 0 && !l.Drained
		})
		if waits || time.Since(gone.Left) < keptLonger {
			continue
		}
		_, named := m.Snapshot().MetaOf(gone.Owner, catalog.Ref{Name: gone.Target})
		if err := t.dispatcher.bus.ForgetDeparted(ctx, gone, !named); err != nil {
			return err
		}
		t.dispatcher.log.Debug().Str("instance", instance).Str("target", gone.Target).Msg("signing key of a target that left forgotten")
	}
	return nil
}

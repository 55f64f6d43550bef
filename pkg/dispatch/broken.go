package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// brokenCatalog is an instance whose newest revision cannot be read: it says
// which, which is the last good one, and what to do.
type brokenCatalog struct {
	fault  *action.Error
	damage bus.Damage
}

func (e *brokenCatalog) Error() string { return e.fault.Error() }
func (e *brokenCatalog) Unwrap() error { return e.fault }

func asBroken(err error, into **brokenCatalog) bool { return errors.As(err, into) }

// readable gives the newest revision. When it cannot be read, the error is a
// *brokenCatalog.
func (d *Dispatcher) readable(ctx context.Context, instance string, latest bus.Root) (*bus.Version, error) {
	v, err := d.catalogs.Version(ctx, instance, latest.Revision)
	switch action.CodeOf(err) {
	case action.CodeUnreadable, action.CodeNotFound:
	default:
		return v, err
	}
	damage, err := d.bus.Damage(ctx, instance, latest)
	if err != nil {
		return nil, err
	}
	if len(damage.Broken) == 0 { // it can be read by now
		return damage.Good, nil
	}
	text := fmt.Sprintf("revision %d of the configuration of instance %q cannot be read", latest.Revision, instance)
	switch {
	case damage.Good == nil:
		text += ", nor any before it that is kept: restore the data from a backup"
	case damage.Good.Revision.Revision == 0:
		text += ", nor any before it: restore the data from a backup, or begin anew by rolling back to revision 0, which is empty"
	default:
		text += fmt.Sprintf("; the last good one is revision %d: roll back to it, or restore the data from a backup", damage.Good.Revision.Revision)
	}
	return nil, &brokenCatalog{damage: damage,
		fault: action.NewError(action.CodeUnreadable, action.StageCatalog, text).WithCause(damage.Cause)}
}

// mend puts the last good revision in the place of the broken ones, and gives
// the newest as it is then.
func (d *Dispatcher) mend(ctx context.Context, instance string, latest bus.Root, broken *brokenCatalog) (*bus.Version, error) {
	if broken.damage.Good == nil {
		return nil, broken
	}
	if err := d.bus.Repair(ctx, instance, broken.damage); err != nil {
		return nil, err
	}
	d.log.Warn().Str("instance", instance).Int("revisions", len(broken.damage.Broken)).Uint64("good", broken.damage.Good.Revision.Revision).
		Msg("revisions that could not be read now hold what the last good one does")
	return d.bus.Version(ctx, instance, latest.Revision, nil)
}

// finish completes what a dispatcher before may have left half done. An instance
// whose newest revision cannot be read is refused, with the reason for whoever
// asks for it; the others are served.
func (d *Dispatcher) finish(ctx context.Context, instance string) error {
	err := d.finishOne(ctx, instance)
	if broken := (*brokenCatalog)(nil); asBroken(err, &broken) {
		d.log.Error().Err(err).Str("instance", instance).Msg("the instance is not served until this is mended")
		d.catalogs.Refuse(instance, err)
		return nil
	}
	return err
}

func (d *Dispatcher) finishOne(ctx context.Context, instance string) error {
	latest, there, err := d.bus.LatestRoot(ctx, instance)
	if err != nil || !there {
		return err
	}
	v, err := d.readable(ctx, instance, latest)
	if err != nil {
		return err
	}
	current, set, err := d.bus.CurrentRoot(ctx, instance)
	if err == nil && set && current.Revision >= latest.Revision {
		handed, err := d.bus.ConditionsRevision(ctx, instance)
		if err != nil || handed >= current.Revision {
			return err
		}
		whole := *v
		whole.Cut = latest.Cut
		return d.bus.Lead(ctx, instance, func(ctx context.Context) error { return d.bus.SetRoot(ctx, instance, &whole, &bus.Version{}) })
	}
	if err != nil && action.CodeOf(err) != action.CodeUnreadable {
		return err
	}
	return d.bus.Lead(ctx, instance, func(ctx context.Context) error {
		_, _, err := d.base(ctx, edition{instance: instance})
		return err
	})
}

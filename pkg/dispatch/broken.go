package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
)

// brokenCatalog is an instance whose newest revision cannot be read: it says
// which, which is the last good one, and what to do.
type brokenCatalog struct {
	fault  *action.Error
	damage revisions.Damage
}

func (e *brokenCatalog) Error() string { return e.fault.Error() }
func (e *brokenCatalog) Unwrap() error { return e.fault }

func asBroken(err error, into **brokenCatalog) bool { return errors.As(err, into) }

// readable gives the newest revision. When it cannot be read, the error is a
// *brokenCatalog.
func (i *Instance) readable(ctx context.Context, latest revisions.Root) (*revisions.Version, error) {
	v, err := i.catalog().Version(ctx, latest.Revision)
	switch action.CodeOf(err) {
	case action.CodeUnreadable, action.CodeNotFound:
	default:
		return v, err
	}
	damage, err := i.revisions.Damage(ctx, latest)
	if err != nil {
		return nil, err
	}
	if len(damage.Broken) == 0 { // it can be read by now
		return damage.Good, nil
	}
	if damage.Good == nil && action.CodeOf(damage.Cause) == action.CodeNotFound && i.catalog().Newest() != nil {
		return nil, bus.Missing(fmt.Sprintf("the catalog of instance %q", i.ID), damage.Cause) // it is put back
	}
	text := fmt.Sprintf("revision %d of the configuration of instance %q cannot be read", latest.Revision, i.ID)
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
func (i *Instance) mend(ctx context.Context, latest revisions.Root, broken *brokenCatalog) (*revisions.Version, error) {
	if broken.damage.Good == nil {
		return nil, broken
	}
	if err := i.revisions.Repair(ctx, broken.damage); err != nil {
		return nil, err
	}
	i.log.Warn().Int("revisions", len(broken.damage.Broken)).Uint64("good", broken.damage.Good.Revision.Revision).
		Msg("revisions that could not be read now hold what the last good one does")
	return i.revisions.Version(ctx, latest.Revision, nil)
}

// finish completes what a dispatcher before may have left half done. An instance
// whose newest revision cannot be read is refused, with the reason for whoever
// asks for it; the others are served.
func (i *Instance) finish(ctx context.Context) error {
	err := i.finishOne(ctx)
	if broken := (*brokenCatalog)(nil); asBroken(err, &broken) {
		i.log.Error().Err(err).Msg("the instance is not served until this is mended")
		i.dispatcher.catalogs.Add(i.ID).Refuse(err)
		return nil
	}
	return err
}

func (i *Instance) finishOne(ctx context.Context) error {
	latest, there, err := i.revisions.Latest(ctx)
	if err != nil || !there {
		return err
	}
	if _, err := i.readable(ctx, latest); err != nil {
		return err
	}
	current, set, err := i.revisions.Current(ctx)
	if err == nil && set && current.Revision == latest.Revision {
		handed, err := i.revisions.ConditionsRevision(ctx)
		if err != nil || handed == current.Revision {
			return err
		}
	}
	if err != nil && action.CodeOf(err) != action.CodeUnreadable {
		return err
	}
	return i.lead(ctx, func(ctx context.Context) error {
		_, err := i.completeNewest(ctx)
		return err
	})
}

// completeNewest has the newest revision in force in every way, whoever died
// while making it: its lines, its root, and what the cores know of it. It is nil
// when there is none, such as when the stream has been deleted. It is for who
// holds the lead.
func (i *Instance) completeNewest(ctx context.Context) (*catalog.Matcher, error) {
	v, _, err := i.base(ctx, edition{})
	if err != nil || v.Revision.Revision == 0 {
		return nil, err
	}
	handed, err := i.revisions.ConditionsRevision(ctx)
	if err == nil && handed > v.Revision.Revision { // nobody who died left that
		i.log.Error().Uint64("revision", handed).Uint64("newest", v.Revision.Revision).
			Msg("the conditions of cores are of a revision that was not made yet: they are made again")
	}
	if err == nil && handed != v.Revision.Revision {
		err = i.revisions.HandConditions(ctx, v)
	}
	return v.Matcher, err
}

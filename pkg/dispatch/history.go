package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// maxPage bounds one page of the history.
const maxPage = 1000

// History lists the revisions of an instance, newest first: those below before,
// or all when it is 0, and at most limit of them, 1 to 1,000. The newest
// action.MaxRevisions are kept, and older ones that an event in the stream still
// needs. The error is unknown_instance or bad_field.
func (d *Dispatcher) History(ctx context.Context, instance string, before uint64, limit int) ([]action.Revision, error) {
	if limit < 1 || limit > maxPage {
		return nil, action.NewError(action.CodeBadField, action.StageCatalog, fmt.Sprintf("a page holds 1 to %d revisions", maxPage)).WithField("limit")
	}
	if err := d.known(ctx, instance); err != nil {
		return nil, err
	}
	return d.bus.History(ctx, instance, before, limit)
}

// CatalogAt gives one revision, with what is known of its objects; revision 0 is
// the empty catalog. The error is unknown_instance, not_found when there never
// was one or it is no longer kept, unreadable when a part of it is missing.
func (d *Dispatcher) CatalogAt(ctx context.Context, instance string, revision uint64) (*catalog.Snapshot, error) {
	if err := d.known(ctx, instance); err != nil {
		return nil, err
	}
	return d.catalogs.Snapshot(ctx, instance, revision)
}

// known tells whether an instance is there, readable or not.
func (d *Dispatcher) known(ctx context.Context, instance string) error {
	_, err := d.Catalog(ctx, instance, 0)
	if action.CodeOf(err) == action.CodeUnreadable {
		return nil
	}
	return err
}

// Watch reports the revision in force at once, if it is newer than from, and
// then each newer one until ctx ends, the dispatcher stops or do fails. While do
// is at work, revisions are left out but never the newest. The error is that of
// do, unknown_instance, or unavailable when the dispatcher stops; nil when ctx
// ended.
func (d *Dispatcher) Watch(ctx context.Context, instance string, from uint64, do func(action.Revision) error) error {
	for next := from; ; next++ {
		v, err := d.version(ctx, instance, next)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if v.Revision.Revision > from || from == 0 && next == 0 {
			if err := do(v.Revision); err != nil {
				return err
			}
			from = v.Revision.Revision
		}
		next = v.Revision.Revision
	}
}

// version is Catalog for who also asks how the revision came to be.
func (d *Dispatcher) version(ctx context.Context, instance string, revision uint64) (*bus.Version, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.stopping, cancel)() //nolint:contextcheck // it tells the end of the dispatcher, not of the request
	v, err := d.catalogs.VersionAtLeast(ctx, instance, revision)
	if err != nil && d.stopping.Err() != nil {
		return nil, action.NewError(action.CodeUnavailable, action.StageCatalog, "the dispatcher is stopping").WithCause(err)
	}
	return v, err
}

// sweepSome is how many values are removed at most while nobody else can edit.
const sweepSome = 500

// sweep removes what is old of an instance's history. It is for who holds the
// lead.
func (t *tidying) sweep(ctx context.Context, instance string) error {
	if time.Since(t.swept[instance]) < retainEvery {
		return nil
	}
	removed, more, err := t.dispatcher.bus.SweepCatalog(ctx, instance, bus.Sweep{Keep: action.MaxRevisions, Grace: bus.Grace, Most: sweepSome})
	if err != nil {
		return err
	}
	if removed > 0 {
		t.dispatcher.log.Debug().Str("instance", instance).Int("values", removed).Msg("old revisions removed")
	}
	if !more {
		t.swept[instance] = time.Now()
	}
	return nil
}

package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Catalog gives the catalog of an instance that is in force here, waiting until
// ctx ends for one that is not older than revision. The error is
// unknown_instance, deadline, or unreadable; unavailable when the dispatcher
// stops.
func (i *Instance) Catalog(ctx context.Context, revision uint64) (*catalog.Matcher, error) {
	v, err := i.version(ctx, revision)
	if err != nil {
		return nil, err
	}
	return v.Matcher, nil
}

// CatalogAt gives one revision, with what is known of its objects; revision 0 is
// the empty catalog. The error is unknown_instance, not_found when there never
// was one or it is no longer kept, unreadable when a part of it is missing.
func (i *Instance) CatalogAt(ctx context.Context, revision uint64) (*catalog.Snapshot, error) {
	if err := i.known(ctx); err != nil {
		return nil, err
	}
	return i.catalog().Snapshot(ctx, revision)
}

// known tells whether an instance is there, readable or not.
func (i *Instance) known(ctx context.Context) error {
	_, err := i.Catalog(ctx, 0)
	if action.CodeOf(err) == action.CodeUnreadable {
		return nil
	}
	return err
}

// version is Catalog for who also asks how the revision came to be.
func (i *Instance) version(ctx context.Context, revision uint64) (*revisions.Version, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(i.dispatcher.stopping, cancel)() //nolint:contextcheck // it tells the end of the dispatcher, not of the request
	c, err := i.dispatcher.catalogs.Find(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	v, err := c.VersionAtLeast(ctx, revision)
	if err != nil && i.dispatcher.stopping.Err() != nil {
		return nil, action.NewError(action.CodeUnavailable, action.StageCatalog, "the dispatcher is stopping").WithCause(err)
	}
	return v, err
}

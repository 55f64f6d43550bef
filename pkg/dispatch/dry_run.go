package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// DryRun tells what Edit would do, and does nothing: the catalog in force here,
// which is empty for an instance that is not there, and the one that would take
// its place. Whatever Edit refuses before it writes, DryRun refuses with the same
// error: file_owned, a condition that no core has declared, a signing key that
// cannot be had. edit may be called more than once.
func (i *Instance) DryRun(ctx context.Context, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (was, next *catalog.Snapshot, err error) {
	var made error // of an id that no instance can have: the edit says what else is wrong
	m, err := i.Catalog(ctx, 0)
	switch action.CodeOf(err) {
	case "":
		was = m.Snapshot()
	case action.CodeUnknownInstance:
		if may := i.mayEdit(ctx, edition{}); may != nil {
			return nil, nil, may
		}
		was = catalog.Empty(i.ID)
		m, made = catalog.Compile(was)
	default:
		return nil, nil, err
	}
	err = i.dispatcher.withKeyFiles(ctx, func(files keyFiles) (err error) {
		if next, err = edit(was); err != nil || next == was {
			return err
		}
		if made != nil {
			_, err = catalog.Compile(next)
			return err
		}
		return i.dryRun(ctx, edition{files: files}, m, next)
	})
	return was, next, err
}

func (i *Instance) dryRun(ctx context.Context, e edition, before *catalog.Matcher, next *catalog.Snapshot) error {
	current := before.Snapshot()
	stamped := e.stamp(current, next)
	if err := i.owned(ctx, e, current, stamped.Changes); err != nil {
		return err
	}
	found, err := i.Undeclared(ctx, current, stamped.Snapshot)
	if err != nil {
		return err
	}
	if catalog.HasErrors(found) {
		return &catalog.UnknownConditions{Problems: found}
	}
	if _, err := before.Next(stamped.Snapshot, stamped.Delta()); err != nil {
		return err
	}
	if err := e.files.lacks(e.touched(stamped)); err != nil {
		return err
	}
	_, err = i.handOver(ctx, &e, before, stamped)
	return err
}

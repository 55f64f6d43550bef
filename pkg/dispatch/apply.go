package dispatch

import (
	"context"
	"path/filepath"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Apply puts a catalog in force for its instance, which it makes when there is
// none. It returns the revision; a catalog that is in force already keeps its
// own.
func (d *Dispatcher) Apply(ctx context.Context, next *catalog.Snapshot) (uint64, error) {
	return d.apply(ctx, next, edition{instance: next.Instance, source: "apply",
		change: func(*catalog.Snapshot) (*catalog.Snapshot, error) { return next, nil }})
}

// ApplyFile puts in force what a followed file holds: it takes the place of
// everything that a file owned before, and what was made otherwise stays beside
// it. What the file names is its own from now on.
func (d *Dispatcher) ApplyFile(ctx context.Context, path string, next *catalog.Snapshot) (uint64, error) {
	name := filepath.Base(path)
	return d.apply(ctx, next, edition{instance: next.Instance, source: "file " + name, file: name, named: next,
		change: func(current *catalog.Snapshot) (*catalog.Snapshot, error) { return catalog.Reload(current, next), nil }})
}

// apply makes an edit that a text asks for. Its keys are looked at in any case:
// where they come from may have changed.
func (d *Dispatcher) apply(ctx context.Context, next *catalog.Snapshot, e edition) (uint64, error) {
	if _, err := catalog.Compile(next); err != nil {
		return 0, action.NewError(action.CodeBadCatalog, action.StageCatalog, "").WithCause(err)
	}
	revision, same, err := d.inForce(ctx, e)
	if err != nil {
		return 0, err
	}
	if same {
		return revision, d.keepKeys(ctx, next)
	}
	if err := d.ensureInstance(ctx, e.instance); err != nil {
		return 0, err
	}
	if err := d.keepKeys(ctx, next); err != nil {
		return 0, err
	}
	_, revision, err = d.turn(ctx, e)
	return revision, err
}

// inForce tells whether an edit would change nothing, so that nobody has to
// wait for a turn.
func (d *Dispatcher) inForce(ctx context.Context, e edition) (revision uint64, same bool, err error) {
	root, set, err := d.bus.CurrentRoot(ctx, e.instance)
	if err != nil || !set {
		return 0, false, ignoreUnreadable(err)
	}
	latest, _, err := d.bus.LatestRoot(ctx, e.instance)
	if err != nil || latest.Revision != root.Revision {
		return 0, false, err
	}
	current, err := d.catalogs.Snapshot(ctx, e.instance, root.Revision)
	if err != nil {
		return 0, false, ignoreUnreadable(err)
	}
	next, err := e.change(current)
	if err != nil || !e.stamp(current, next).Same {
		return 0, false, err
	}
	return root.Revision, true, d.caughtUp(ctx, e.instance, root.Revision)
}

// ignoreUnreadable leaves it to the edit to say what cannot be read.
func ignoreUnreadable(err error) error {
	switch action.CodeOf(err) {
	case action.CodeUnreadable, action.CodeNotFound:
		return nil
	}
	return err
}

// caughtUp waits until this dispatcher itself has a revision, so that who asks
// it next gets no older answer.
func (d *Dispatcher) caughtUp(ctx context.Context, instance string, revision uint64) error {
	return d.catalogs.Await(ctx, instance, revision)
}

// EnsureInstance makes an instance with an empty catalog; one that is there
// already is left as it is, also when its catalog cannot be read.
func (d *Dispatcher) EnsureInstance(ctx context.Context, instance string) error {
	_, err := d.catalogs.AtLeast(ctx, instance, 0)
	switch action.CodeOf(err) {
	case "", action.CodeUnreadable:
		return nil
	}
	_, err = d.Apply(ctx, catalog.Empty(instance))
	return err
}

// ensureInstance makes the streams of an instance, once for each process.
func (d *Dispatcher) ensureInstance(ctx context.Context, instance string) error {
	if _, done := d.ensured.Load(instance); done {
		return nil
	}
	if err := d.bus.EnsureInstance(ctx, instance); err != nil {
		return err
	}
	d.ensured.Store(instance, true)
	return nil
}

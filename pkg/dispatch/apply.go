package dispatch

import (
	"context"
	"path/filepath"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/audit"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Apply puts a catalog in force for its instance, which it makes when there is
// none. It returns the revision; a catalog that is in force already keeps its
// own. It is for who runs the dispatcher, whose signing keys may come from anywhere.
func (i *Instance) Apply(ctx context.Context, next *catalog.Snapshot) (uint64, error) {
	return i.apply(ctx, next, edition{source: "apply", operators: true,
		change: func(*catalog.Snapshot) (*catalog.Snapshot, error) { return next, nil }})
}

// ApplyFile puts in force what a followed file holds: it takes the place of
// everything that a file owned before, and what was made otherwise stays beside
// it. What the file names is its own from now on.
func (i *Instance) ApplyFile(ctx context.Context, path string, next *catalog.Snapshot) (uint64, error) {
	name := filepath.Base(path)
	var made []bus.NewSecret
	var before uint64
	if m, err := i.catalog().AtLeast(ctx, 0); err == nil {
		before = m.Revision()
	}
	revision, err := i.apply(ctx, next, edition{source: "file " + name, operators: true, file: name, named: next, made: &made,
		change: func(current *catalog.Snapshot) (*catalog.Snapshot, error) { return catalog.Reload(current, next), nil }})
	if tell := i.dispatcher.madeKeys; err == nil && tell != nil && len(made) > 0 {
		tell(i.ID, made)
	}
	if err == nil && revision > before {
		i.tellOfFile(ctx, path, revision)
	}
	return revision, err
}

// tellOfFile tells in the audit log that a followed file has made a revision; what it
// changed is in the history.
func (i *Instance) tellOfFile(ctx context.Context, path string, revision uint64) {
	r := audit.Record{Who: "file", Name: path, Operation: "Apply", Instance: i.ID, Revision: revision}
	if err := i.dispatcher.Audit(ctx, r); err != nil {
		i.log.Error().Err(err).Str("file", path).Uint64("revision", revision).Msg("that a file was put in force could not be stored in the audit log")
	}
}

// apply makes an edit that a text asks for. Its keys are looked at in any case:
// where they come from may have changed.
func (i *Instance) apply(ctx context.Context, next *catalog.Snapshot, e edition) (uint64, error) {
	if next.Instance != i.ID {
		return 0, action.NewError(action.CodeMismatch, action.StageCatalog, "the configuration is of another instance").WithField("instance")
	}
	if _, err := catalog.Compile(next); err != nil {
		return 0, action.NewError(action.CodeBadCatalog, action.StageCatalog, "").WithCause(err)
	}
	e.text = next
	revision, same, err := i.inForce(ctx, e)
	if err != nil {
		return 0, err
	}
	if same {
		return revision, i.dispatcher.withKeyFiles(ctx, func(files keyFiles) error { return i.keepKeys(ctx, e.inText(next), files) })
	}
	_, revision, err = i.turn(ctx, e)
	return revision, err
}

// inForce tells whether an edit would change nothing, so that nobody has to
// wait for a turn.
func (i *Instance) inForce(ctx context.Context, e edition) (revision uint64, same bool, err error) {
	root, set, err := i.revisions.Current(ctx)
	if err != nil || !set {
		return 0, false, ignoreUnreadable(err)
	}
	latest, _, err := i.revisions.Latest(ctx)
	if err != nil || latest.Revision != root.Revision {
		return 0, false, err
	}
	current, err := i.catalog().Snapshot(ctx, root.Revision)
	if err != nil {
		return 0, false, ignoreUnreadable(err)
	}
	next, err := e.change(current)
	if err != nil || !e.stamp(current, next).Same {
		return 0, false, err
	}
	return root.Revision, true, i.caughtUp(ctx, root.Revision)
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
func (i *Instance) caughtUp(ctx context.Context, revision uint64) error {
	return i.dispatcher.catalogs.Await(ctx, i.ID, revision)
}

// Ensure makes the instance with an empty catalog; one that is there already is
// left as it is, also when its catalog cannot be read.
func (i *Instance) Ensure(ctx context.Context) error {
	switch err := i.exists(ctx); action.CodeOf(err) {
	case "", action.CodeUnreadable:
		return nil
	}
	_, err := i.Apply(ctx, catalog.Empty(i.ID))
	return err
}

// ensureStreams makes the streams, once for each process, and the first marker:
// every event has one below it.
func (i *Instance) ensureStreams(ctx context.Context) error {
	if i.ensured.Load() {
		return nil
	}
	if err := i.bus.EnsureStreams(ctx); err != nil {
		return err
	}
	if _, err := i.revisions.PutBack(ctx); err != nil {
		return err
	}
	i.keepAttempts(ctx, i.bus.EnsureAttempts)
	i.ensured.Store(true)
	return nil
}

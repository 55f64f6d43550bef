package dispatch

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Catalog gives the catalog of an instance that is in force here, waiting until
// ctx ends for one that is not older than revision. The error is
// unknown_instance or deadline; unavailable when the dispatcher stops.
func (d *Dispatcher) Catalog(ctx context.Context, instance string, revision uint64) (*catalog.Matcher, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.stopping, cancel)() //nolint:contextcheck // it tells the end of the dispatcher, not of the request
	m, err := d.catalogs.AtLeast(ctx, instance, revision)
	if err != nil && d.stopping.Err() != nil {
		return nil, action.NewError(action.CodeUnavailable, action.StageCatalog, "the dispatcher is stopping").WithCause(err)
	}
	return m, err
}

// Edit puts in force what edit makes of the catalog of an instance, and tells
// the revisions before and after: they are the same when nothing changed. An
// instance that is not there yet has an empty catalog of revision 0, and is
// made. edit is called once, while no other dispatcher can edit; it must not
// write to what it gets. What it refuses is returned as it is. While a file is
// followed that names the instance, the error is file_owned.
func (d *Dispatcher) Edit(ctx context.Context, instance string, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, err error) {
	if err := d.files.refuse(instance); err != nil {
		return 0, 0, err
	}
	d.applying.Lock()
	defer d.applying.Unlock()
	err = d.bus.Lead(ctx, instance, func(ctx context.Context) error {
		var err error
		before, after, err = d.edit(ctx, instance, edit)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return before, after, d.caughtUp(ctx, instance, after)
}

// edit is the one way to a new revision; who calls it holds the lead.
func (d *Dispatcher) edit(ctx context.Context, instance string, edit func(*catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, err error) {
	if err := d.resume(ctx, instance); err != nil {
		return 0, 0, err
	}
	root, _, err := d.bus.LatestRoot(ctx, instance)
	if err != nil {
		return 0, 0, err
	}
	current, err := d.bus.Snapshot(ctx, instance, root.Revision)
	if err != nil {
		return 0, 0, err
	}
	next, err := edit(current)
	if err != nil {
		return 0, 0, err
	}
	if _, err := catalog.Compile(next); err != nil {
		return 0, 0, err
	}
	if err := d.bus.EnsureInstance(ctx, instance); err != nil {
		return 0, 0, err
	}
	if err := d.keepKeys(ctx, next); err != nil {
		return 0, 0, err
	}
	before = root.Revision
	if before > 0 && catalog.Equal(current, next) {
		return before, before, nil
	}
	if root, err = d.bus.StoreCatalog(ctx, next, before); err != nil {
		return 0, 0, err
	}
	stored := *next
	stored.Revision = root.Revision
	if err := d.enforce(ctx, &stored, root); err != nil {
		return 0, 0, err
	}
	d.log.Info().Str("instance", instance).Uint64("revision", root.Revision).Msg("catalog applied")
	return before, root.Revision, nil
}

// EnsureInstance makes an instance with an empty catalog; one that is there
// already is left as it is.
func (d *Dispatcher) EnsureInstance(ctx context.Context, instance string) error {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err == nil {
		return nil
	}
	_, err := d.Apply(ctx, catalog.Empty(instance))
	return err
}

// PauseTarget keeps a target from being called until ResumeTarget. org is the
// organization that defines it, "" the instance. It makes no revision. Pausing
// twice is fine; the later reason stays. The error is unknown_instance or
// not_found.
func (d *Dispatcher) PauseTarget(ctx context.Context, instance, org, target, reason string) error {
	if _, err := d.target(ctx, instance, org, target); err != nil {
		return err
	}
	d.log.Info().Str("instance", instance).Str("org", org).Str("target", target).Str("reason", reason).Msg("target paused")
	return d.bus.PauseTarget(ctx, instance, org, target, action.Code(reason))
}

// ResumeTarget takes back what PauseTarget did, or what a target's 410 did. It
// tells whether the configuration keeps the target paused all the same.
func (d *Dispatcher) ResumeTarget(ctx context.Context, instance, org, target string) (stillPaused bool, err error) {
	t, err := d.target(ctx, instance, org, target)
	if err != nil {
		return false, err
	}
	d.log.Info().Str("instance", instance).Str("org", org).Str("target", target).Msg("target resumed")
	if err := d.bus.ResumeTarget(ctx, instance, org, target); err != nil {
		return t.Paused, err
	}
	return t.Paused, d.wake(ctx, instance, org, target)
}

// heard is how long the workers get to hear that a target goes on, before its
// lines are told to try at once.
const heard = 50 * time.Millisecond

// wake ends the waits of a target's lines, which else would look again within
// seconds.
func (d *Dispatcher) wake(ctx context.Context, instance, owner, target string) error {
	select {
	case <-time.After(heard):
	case <-ctx.Done():
		return nil // they look by themselves
	}
	return d.bus.Lead(ctx, instance, func(ctx context.Context) error {
		for _, l := range d.lines.of(instance) {
			if l.Unordered || l.Fenced || l.Owner != owner || l.Target != target {
				continue
			}
			standing, err := d.bus.Standing(ctx, l)
			if err != nil || standing.InWork == 0 || standing.Paused {
				continue // nothing waits in it, or it is none of ours to wake
			}
			if head, waits, err := d.bus.Head(ctx, l); err == nil && waits {
				if err := d.bus.MoveTo(ctx, l, head.Sequence); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Paused tells whether a target is paused, by somebody or by its 410, and why.
// What the configuration says is not asked.
func (d *Dispatcher) Paused(instance, owner, target string) (reason string, paused bool) {
	d.lines.mu.Lock()
	defer d.lines.mu.Unlock()
	code, paused := d.lines.paused[bus.PausedKey(instance, owner, target)]
	return string(code), paused
}

func (d *Dispatcher) target(ctx context.Context, instance, org, name string) (action.Target, error) {
	m, err := d.Catalog(ctx, instance, 0)
	if err != nil {
		return action.Target{}, err
	}
	return m.Snapshot().FindTarget(org, name)
}

// followedFiles are the files that own an instance, by its name: an edit from
// elsewhere would be undone by the next change of the file. Another dispatcher
// does not know of them.
type followedFiles struct {
	mu sync.Mutex
	by map[string]string
}

func (f *followedFiles) own(instance, path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[string]string{}
	}
	f.by[instance] = path
}

func (f *followedFiles) release(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.by, instance)
}

// refuse is the error of an edit of an instance that a file owns.
func (f *followedFiles) refuse(instance string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	path, owned := f.by[instance]
	if !owned {
		return nil
	}
	return action.NewError(action.CodeFileOwned, action.StageCatalog,
		"the instance is configured by the file "+filepath.Base(path)+", which is followed: change the file, or start without it")
}

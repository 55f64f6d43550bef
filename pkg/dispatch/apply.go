package dispatch

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

// Apply puts a catalog in force for its instance, which it makes when there is
// none. It returns the revision; a catalog that is in force already keeps its
// own. The order is what makes it safe: keys, revision, marker, lines, root.
// Dying in between leaves work that the next dispatcher finishes.
func (d *Dispatcher) Apply(ctx context.Context, next *catalog.Snapshot) (uint64, error) {
	d.applying.Lock()
	defer d.applying.Unlock()
	if _, err := catalog.Compile(next); err != nil {
		return 0, action.NewError(action.CodeBadCatalog, action.StageCatalog, "").WithCause(err)
	}
	if err := d.bus.EnsureInstance(ctx, next.Instance); err != nil {
		return 0, err
	}
	if err := d.keepKeys(ctx, next); err != nil {
		return 0, err
	}
	revision, same, err := d.inForce(ctx, next)
	if err != nil || same {
		return revision, err
	}
	err = d.bus.Lead(ctx, next.Instance, func(ctx context.Context) error {
		var err error
		_, revision, err = d.edit(ctx, next.Instance, func(*catalog.Snapshot) (*catalog.Snapshot, error) { return next, nil })
		return err
	})
	if err != nil {
		return 0, err
	}
	return revision, d.caughtUp(ctx, next.Instance, revision)
}

// inForce tells whether a catalog is in force already, so that nobody has to
// wait for a turn.
func (d *Dispatcher) inForce(ctx context.Context, next *catalog.Snapshot) (revision uint64, same bool, err error) {
	root, set, err := d.bus.CurrentRoot(ctx, next.Instance)
	if err != nil || !set {
		return 0, false, err
	}
	latest, _, err := d.bus.LatestRoot(ctx, next.Instance)
	if err != nil || latest.Revision != root.Revision {
		return 0, false, err
	}
	current, err := d.bus.Snapshot(ctx, next.Instance, root.Revision)
	if err != nil || !catalog.Equal(current, next) {
		return 0, false, err
	}
	return root.Revision, true, d.caughtUp(ctx, next.Instance, root.Revision)
}

// finish does what resume does, when there is anything to do.
func (d *Dispatcher) finish(ctx context.Context, instance string) error {
	latest, _, err := d.bus.LatestRoot(ctx, instance)
	if err != nil {
		return err
	}
	current, _, err := d.bus.CurrentRoot(ctx, instance)
	if err != nil || current.Revision >= latest.Revision {
		return err
	}
	return d.bus.Lead(ctx, instance, func(ctx context.Context) error { return d.resume(ctx, instance) })
}

// resume finishes a revision that was marked in the stream but never became
// the root, because a dispatcher died.
func (d *Dispatcher) resume(ctx context.Context, instance string) error {
	latest, ok, err := d.bus.LatestRoot(ctx, instance)
	if err != nil || !ok {
		return err
	}
	current, set, err := d.bus.CurrentRoot(ctx, instance)
	if err != nil || set && current.Revision >= latest.Revision {
		return err
	}
	s, err := d.bus.Snapshot(ctx, instance, latest.Revision)
	if err != nil {
		return err
	}
	return d.enforce(ctx, s, latest)
}

// enforce gives a marked revision its lines and makes it the root.
func (d *Dispatcher) enforce(ctx context.Context, s *catalog.Snapshot, root bus.Root) error {
	m, err := catalog.Compile(s)
	if err != nil {
		return action.NewError(action.CodeBadCatalog, action.StageCatalog, "").WithCause(err)
	}
	if err := d.reconcile(ctx, m, root); err != nil {
		return err
	}
	return d.bus.SetRoot(ctx, s.Instance, root, m.Conditions())
}

// caughtUp waits until this dispatcher itself has a revision, so that who asks
// it next gets no older answer.
func (d *Dispatcher) caughtUp(ctx context.Context, instance string, revision uint64) error {
	return d.catalogs.Await(ctx, instance, revision)
}

// keepKeys sees to it that every target has a signing key before anybody can
// call it.
func (d *Dispatcher) keepKeys(ctx context.Context, s *catalog.Snapshot) error {
	for _, owner := range s.Orgs() {
		for name, t := range s.Scopes[owner].Targets {
			if err := d.keepKey(ctx, s.Instance, owner, name, t.SigningKey); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Dispatcher) keepKey(ctx context.Context, instance, owner, name string, from action.KeySource) error {
	have, ok, err := d.bus.Secret(ctx, instance, owner, name)
	if err != nil {
		return err
	}
	var key string
	switch {
	case from.Env != "":
		if key = os.Getenv(from.Env); key == "" {
			return keyError(name, fmt.Errorf("the environment variable %s is not set", from.Env))
		}
	case from.File != "":
		raw, err := os.ReadFile(from.File)
		if err != nil {
			return keyError(name, err)
		}
		key = strings.TrimSpace(string(raw))
	case ok:
		return nil
	default:
		key = sign.NewKey()
	}
	if err := sign.CheckKey(key); err != nil {
		return keyError(name, err)
	}
	if key == have {
		return nil
	}
	return d.bus.PutSecret(ctx, instance, owner, name, key)
}

func keyError(target string, err error) error {
	return action.NewError(action.CodeBadField, action.StageCatalog, "the signing key cannot be used").
		WithField("targets." + target + ".signing_key").WithTarget(target).WithCause(err)
}

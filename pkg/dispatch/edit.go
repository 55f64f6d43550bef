package dispatch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Edit puts in force what edit makes of the catalog of an instance, and tells
// the revisions before and after: they are the same when nothing changed. An
// instance that is not there yet has an empty catalog of revision 0, and is
// made. edit is called once, while no other dispatcher can edit; it must not
// write to what it gets. What it refuses is returned as it is. source tells the
// history what made the revision, in at most action.MaxSource bytes. The error
// is file_owned when the edit would change or remove what a followed file owns,
// unreadable when the newest revision cannot be read: only a source that begins
// with "rollback to " is then taken, which also mends what was broken.
func (d *Dispatcher) Edit(ctx context.Context, instance, source string, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, err error) {
	return d.turn(ctx, edition{instance: instance, source: source, change: edit})
}

// edition is an edit that is to be made.
type edition struct {
	instance string
	source   string
	file     string            // the followed file that makes it, by its name
	named    *catalog.Snapshot // what stands in that file
	change   func(current *catalog.Snapshot) (*catalog.Snapshot, error)
}

// rollingBack begins the source of an edit that goes back to an old revision.
const rollingBack = "rollback to "

func (e *edition) stamp(current, next *catalog.Snapshot) catalog.Stamped {
	return catalog.Stamp(current, next, catalog.Stamping{
		Now: time.Now().UTC().Truncate(time.Millisecond), NewID: func() string { return ulid.Make().String() },
		File: e.file, Named: e.named,
	})
}

// turn makes an edit when it is its turn.
func (d *Dispatcher) turn(ctx context.Context, e edition) (before, after uint64, err error) {
	if len(e.source) > action.MaxSource {
		return 0, 0, action.NewError(action.CodeBadField, action.StageCatalog,
			fmt.Sprintf("what makes an edit is told in at most %d bytes", action.MaxSource)).WithField("source")
	}
	d.applying.Lock()
	defer d.applying.Unlock()
	err = d.bus.Lead(ctx, e.instance, func(ctx context.Context) error {
		var err error
		before, after, err = d.edit(ctx, e)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return before, after, d.caughtUp(ctx, e.instance, after)
}

// edit is the one way to a new revision; who calls it holds the lead. The order
// is what makes it safe: keys, revision, marker, lines, root. Dying in between
// leaves work that the next dispatcher finishes.
func (d *Dispatcher) edit(ctx context.Context, e edition) (before, after uint64, err error) {
	base, mended, err := d.base(ctx, e)
	if err != nil {
		return 0, 0, err
	}
	current := base.Matcher.Snapshot()
	next, err := e.change(current)
	if err != nil {
		return 0, 0, err
	}
	stamped := e.stamp(current, next)
	if err := d.owned(ctx, e, current, stamped.Changes); err != nil {
		return 0, 0, err
	}
	if err := d.refuseUndeclared(ctx, current, stamped); err != nil {
		return 0, 0, err
	}
	m, err := base.Matcher.Next(stamped.Snapshot, stamped.Delta())
	if err != nil {
		return 0, 0, err
	}
	if err := d.ensureInstance(ctx, e.instance); err != nil {
		return 0, 0, err
	}
	if err := d.keepChangedKeys(ctx, base.Matcher, stamped); err != nil {
		return 0, 0, err
	}
	before = base.Revision.Revision
	if before > 0 && stamped.Same && !mended {
		return before, before, nil
	}
	v, err := d.bus.StoreCatalog(ctx, base, stamped, about(e, stamped.Changes))
	if err != nil {
		return 0, 0, err
	}
	v.Matcher = m
	if err := d.enforce(ctx, v, base); err != nil {
		return 0, 0, err
	}
	for _, p := range stamped.TakenOver {
		d.log.Warn().Str("instance", e.instance).Str("org", p.Org).Str("phase", string(p.Phase)).Str("name", p.Name).Str("file", e.file).
			Msg("the file names what was made otherwise: it belongs to the file now")
	}
	d.log.Info().Str("instance", e.instance).Uint64("revision", v.Revision.Revision).Str("source", e.source).Msg("catalog applied")
	return before, v.Revision.Revision, nil
}

// about tells the history how a revision came to be.
func about(e edition, changes []catalog.Change) action.Revision {
	r := action.Revision{Made: time.Now().UTC().Truncate(time.Millisecond), Source: e.source}
	for _, c := range changes {
		switch c.Action {
		case catalog.Added:
			r.Added++
		case catalog.Changed:
			r.Changed++
		case catalog.Removed:
			r.Removed++
		}
	}
	return r
}

// base gives the newest revision, which an edit is made from, when everything
// about it is in force. A rollback mends what cannot be read.
func (d *Dispatcher) base(ctx context.Context, e edition) (v *bus.Version, mended bool, err error) {
	latest, there, err := d.bus.LatestRoot(ctx, e.instance)
	if err != nil {
		return nil, false, err
	}
	if !there {
		v, err := d.bus.Version(ctx, e.instance, 0, nil)
		return v, false, err
	}
	v, err = d.readable(ctx, e.instance, latest)
	if broken := (*brokenCatalog)(nil); asBroken(err, &broken) && strings.HasPrefix(e.source, rollingBack) {
		if v, err = d.mend(ctx, e.instance, latest, broken); err == nil {
			mended = true
		}
	}
	if err != nil {
		return nil, false, err
	}
	return v, mended, d.complete(ctx, e.instance, latest, v)
}

// complete finishes a revision that was marked in the stream but never became
// the root, because a dispatcher died.
func (d *Dispatcher) complete(ctx context.Context, instance string, latest bus.Root, v *bus.Version) error {
	current, set, err := d.bus.CurrentRoot(ctx, instance)
	if action.CodeOf(err) == action.CodeUnreadable {
		d.log.Error().Err(err).Str("instance", instance).Uint64("revision", latest.Revision).Msg("the root is made anew: it names the newest revision")
		set, err = false, nil
	}
	if err != nil || set && current.Revision >= latest.Revision || latest.Revision == 0 {
		return err
	}
	whole := *v
	whole.Cut = latest.Cut
	return d.enforce(ctx, &whole, nil)
}

// enforce gives a marked revision its lines and makes it the root. base is the
// one before, when that is in force in every way, or nil.
func (d *Dispatcher) enforce(ctx context.Context, v, base *bus.Version) error {
	instance := v.Matcher.Instance()
	if base == nil || base.Revision.Revision == 0 || !sameLines(base.Matcher, v.Matcher) {
		if err := d.reconcile(ctx, v.Matcher, bus.Root{Revision: v.Revision.Revision, Cut: v.Cut}); err != nil {
			return err
		}
	}
	if base == nil {
		base = &bus.Version{}
	}
	d.catalogs.Expect(instance, v)
	if err := d.bus.SetRoot(ctx, instance, v, base); err != nil {
		return err
	}
	d.catalogs.Put(instance, v)
	return nil
}

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Edit puts in force what edit makes of the catalog of an instance, and tells
// the revisions before and after: they are the same when nothing changed. An
// instance that is not there yet has an empty catalog of revision 0, and is
// made where Options.MakeInstances says so; it is unknown_instance otherwise. edit is called while no other dispatcher can edit, once more when it
// names files of signing keys, which are read in between, and when the lead was lost
// before anything was stored; it must not write to what it gets. What it refuses is returned as it is. source tells the
// history what made the revision, in at most action.MaxSource bytes. The error
// is file_owned when the edit would change or remove what a followed file owns,
// unreadable when the newest revision cannot be read: only a source that begins
// with "rollback to " is then taken, which also mends what was broken. A signing key may
// come from what the operator has offered (Options.KeysDir, Options.KeyEnv) and from
// nowhere else: bad_field otherwise.
func (i *Instance) Edit(ctx context.Context, source string, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, err error) {
	return i.turn(ctx, edition{source: source, change: edit})
}

// edition is an edit that is to be made.
type edition struct {
	source string
	// operators tells that the operator himself asks: what signs may come from any
	// file and variable of this process.
	operators bool
	file      string            // the followed file that makes it, by its name
	named     *catalog.Snapshot // what stands in that file
	text      *catalog.Snapshot // what asks for it, whose keys are looked at in any case
	change    func(current *catalog.Snapshot) (*catalog.Snapshot, error)
	job       *jobs.Job        // of what waits for what it removes; without a kind there is none
	files     keyFiles         // those that were read for it so far
	made      *[]bus.NewSecret // is told the signing keys that it makes; nil = nobody asks
	begun     bool             // something of it is stored that others go on with
	repack    bool             // it is made though nothing changes, if there are lines to be packed
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
func (i *Instance) turn(ctx context.Context, e edition) (before, after uint64, err error) {
	if len(e.source) > action.MaxSource {
		return 0, 0, action.NewError(action.CodeBadField, action.StageCatalog,
			fmt.Sprintf("what makes an edit is told in at most %d bytes", action.MaxSource)).WithField("source")
	}
	if err := i.mayEdit(ctx, e); err != nil {
		return 0, 0, err
	}
	i = i.dispatcher.shared(i.ID)
	err = i.dispatcher.withKeyFiles(ctx, func(files keyFiles) (err error) {
		e.files = files
		before, after, err = i.attempt(ctx, e)
		return err
	})
	return before, after, err
}

// attempt makes an edit as the only one who does. The error is an *unreadKeys,
// and nothing is written yet, when it needs files that were not read before.
func (i *Instance) attempt(ctx context.Context, e edition) (before, after uint64, err error) {
	unlock, err := i.lock(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer unlock()
	for range mostLeads {
		err = i.lead(ctx, func(ctx context.Context) error {
			var err error
			before, after, err = i.edit(ctx, &e)
			return err
		})
		if !errors.Is(err, lead.ErrLeadOver) || e.begun || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return 0, 0, err
	}
	return before, after, i.caughtUp(ctx, after)
}

// mostLeads bounds how often an edit asks for the lead that it lost, because this
// process or NATS stood still for seconds, before it had stored anything.
const mostLeads = 3

// edit is the one way to a new revision; who calls it holds the lead. The order
// is what makes it safe: keys, revision, marker, lines, root. Dying in between
// leaves work that the next dispatcher finishes.
func (i *Instance) edit(ctx context.Context, e *edition) (before, after uint64, err error) {
	base, mended, err := i.base(ctx, *e)
	if err != nil {
		return 0, 0, err
	}
	current := base.Matcher.Snapshot()
	next, err := e.change(current)
	if err == nil && e.text != nil {
		next, err = i.Recall(ctx, current, next)
	}
	if err != nil {
		return 0, 0, err
	}
	stamped := e.stamp(current, next)
	if err := i.owned(ctx, *e, current, stamped.Changes); err != nil {
		return 0, 0, err
	}
	if err := i.refuseUndeclared(ctx, current, stamped); err != nil {
		return 0, 0, err
	}
	m, err := base.Matcher.Next(stamped.Snapshot, stamped.Delta())
	if err != nil {
		return 0, 0, err
	}
	if err := i.withinQuota(base.Matcher, m); err != nil {
		return 0, 0, err
	}
	if err := i.prepareNames(ctx, e, base.Matcher, stamped); err != nil {
		return 0, 0, err
	}
	before = base.Revision.Revision
	if before > 0 && !mended && i.nothingNew(e, stamped, m) {
		return before, before, nil
	}
	if err := lead.Held(ctx); err != nil {
		return 0, 0, err
	}
	e.begun = true
	why := about(*e, stamped.Changes)
	if why.Job, err = i.addJobOf(ctx, e.job, before); err != nil {
		return 0, 0, err
	}
	v, err := i.put(ctx, base, stamped, m, why)
	if err != nil {
		return 0, 0, err
	}
	for _, p := range stamped.TakenOver {
		i.log.Warn().Str("org", p.Org).Str("phase", string(p.Phase)).Str("name", p.Name).Str("file", e.file).
			Msg("the file names what was made otherwise: it belongs to the file now")
	}
	i.log.Info().Uint64("revision", v.Revision.Revision).Str("source", e.source).Msg("catalog applied")
	return before, v.Revision.Revision, nil
}

// nothingNew tells whether an edit would change nothing.
func (i *Instance) nothingNew(e *edition, s catalog.Stamped, m *catalog.Matcher) bool {
	return s.Same && !(e.repack && i.otherwisePacked(m))
}

// put stores a revision, and has it in force.
func (i *Instance) put(ctx context.Context, base *revisions.Version, s catalog.Stamped, m *catalog.Matcher, why action.Revision) (*revisions.Version, error) {
	replaced, err := i.giveNotice(ctx, base, m)
	if err != nil {
		return nil, err
	}
	v, err := i.revisions.Add(ctx, base, s, why)
	if err != nil {
		return nil, err
	}
	v.Matcher = m
	return v, i.enforce(ctx, v, base, replaced)
}

// prepareNames makes ready what lies under the names of targets before anybody
// can call them.
func (i *Instance) prepareNames(ctx context.Context, e *edition, before *catalog.Matcher, s catalog.Stamped) error {
	for _, of := range []iter.Seq[keyed]{e.inText(s.Snapshot), e.touched(s)} {
		if err := e.files.lacks(of); err != nil {
			return err
		}
	}
	names, err := i.handOver(ctx, e, before, s)
	if err != nil {
		return err
	}
	if err := i.ensureStreams(ctx); err != nil {
		return err
	}
	if err := i.needOwnKeys(ctx, algorithmsOf(touchedTargets(s))); err != nil {
		return err
	}
	if err := names.keep(ctx, i.bus); err != nil {
		return err
	}
	if e.made != nil {
		*e.made = names.made
	}
	if e.text == nil {
		return nil
	}
	return i.keepKeys(ctx, e.inText(s.Snapshot), e.files)
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
// about it is in force. A rollback mends what cannot be read. Of an instance that was
// deleted while its turn was waited for there is none.
func (i *Instance) base(ctx context.Context, e edition) (v *revisions.Version, mended bool, err error) {
	v, mended, err = i.newest(ctx, e)
	if err == nil && v.Revision.Revision == 0 && !i.mayMake(e) {
		err = action.NewError(action.CodeUnknownInstance, action.StageCatalog, "")
	}
	return v, mended, err
}

func (i *Instance) newest(ctx context.Context, e edition) (v *revisions.Version, mended bool, err error) {
	latest, there, err := i.revisions.Latest(ctx)
	if action.CodeOf(err) == action.CodeMissing { // who made the stream died before its first marker
		if _, err = i.revisions.PutBack(ctx); err == nil {
			latest, there, err = i.revisions.Latest(ctx)
		}
	}
	if err != nil {
		return nil, false, err
	}
	if !there {
		v, err := i.revisions.Version(ctx, 0, nil)
		return v, false, err
	}
	v, err = i.readable(ctx, latest)
	if broken := (*brokenCatalog)(nil); asBroken(err, &broken) && strings.HasPrefix(e.source, rollingBack) {
		if v, err = i.mend(ctx, latest, broken); err == nil {
			mended = true
		}
	}
	if err != nil {
		return nil, false, err
	}
	return v, mended, i.complete(ctx, latest, v, e.files)
}

// complete finishes a revision that was marked in the stream but never became
// the root, because a dispatcher died.
func (i *Instance) complete(ctx context.Context, latest revisions.Root, v *revisions.Version, files keyFiles) error {
	current, set, err := i.revisions.Current(ctx)
	if action.CodeOf(err) == action.CodeUnreadable {
		i.log.Error().Err(err).Uint64("revision", latest.Revision).Msg("the root is made anew: it names the newest revision")
		set, err = false, nil
	}
	if err != nil || set && current.Revision == latest.Revision || latest.Revision == 0 {
		return err
	}
	if err := i.makeMissingKeys(ctx, v.Matcher.Snapshot(), files); err != nil {
		return err
	}
	if _, err := i.relist(ctx); err != nil { // the root may be lost, and the book with it
		return err
	}
	whole := *v
	whole.Cut = latest.Cut
	return i.enforce(ctx, &whole, nil, true)
}

// enforce gives a marked revision its lines and makes it the root. base is the
// one before, when that is in force in every way, or nil. replaced tells that others are to
// take the place of lines that stand.
func (i *Instance) enforce(ctx context.Context, v, base *revisions.Version, replaced bool) error {
	if replaced || base == nil || base.Revision.Revision == 0 || !sameLines(base.Matcher, v.Matcher) {
		if err := i.reconcile(ctx, v.Matcher, revisions.Root{Revision: v.Revision.Revision, Cut: v.Cut}); err != nil {
			return err
		}
	}
	if base == nil {
		base = &revisions.Version{}
	}
	if err := lead.Held(ctx); err != nil {
		return err
	}
	i.catalog().Expect(v)
	if err := i.revisions.SetRoot(ctx, v, base); err != nil {
		return err
	}
	i.dispatcher.catalogs.Add(i.ID).Put(v)
	return nil
}

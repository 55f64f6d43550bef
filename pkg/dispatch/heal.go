package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

// healing is one instance as it is made whole again.
type healing struct {
	*Instance
	health *health
	loss   loss
	now    bus.StreamLook // the event stream as it was found, or made
	lacked []string       // streams
	done   int            // what had to be done
	files  keyFiles       // of signing keys, read before
	older  bool           // lines of an event stream that is gone were removed
	gone   []string       // what is lost for good, besides what the streams held
}

// heal makes again what an instance has lost in NATS, from what is left there and
// what this dispatcher remembers, and tells what there was when it began. It is
// for who holds the lead, and doing it twice changes nothing. The order is that
// of an edit: streams, keys, revision, marker, lines, root. The error is an
// *unreadKeys when files of keys may be needed that were not read before.
func (h *healing) heal(ctx context.Context) (bus.Look, error) {
	if newest := h.catalog().Newest(); newest != nil {
		if err := h.files.lacks(asStored(newest.Matcher.Snapshot())); err != nil {
			return bus.Look{}, err
		}
	}
	before, err := h.bus.Look(ctx)
	if err != nil {
		return before, err
	}
	if gone, err := h.deleted(ctx, before); err != nil || gone {
		return before, err
	}
	if h.loss.none() {
		return before, h.mendSpoilt(ctx)
	}
	h.lacked = before.Lacks(h.bus.Needed(h.ID))
	h.done = len(h.lacked)
	if err := h.bus.EnsureInstallation(ctx); err != nil {
		return before, err
	}
	if err := h.bus.EnsureStreams(ctx); err != nil {
		return before, err
	}
	look, err := h.bus.Look(ctx)
	if err != nil {
		return look, err
	}
	h.now = look.Streams[h.bus.Events]
	for _, step := range []func(context.Context) error{h.keys, h.putRight, h.revision, h.book, h.relist, h.consumers, h.pass, h.enforce} {
		if err := step(ctx); err != nil {
			return look, err
		}
	}
	if h.done == 0 { // another dispatcher was first
		return look, nil
	}
	told := h.log.Error().Str("missing", h.loss.String())
	if gone := append(h.loss.gone(h), h.gone...); len(gone) > 0 {
		told = told.Strs("lost", gone)
	}
	told.Msg("what was missing in NATS is made again")
	return look, nil
}

// deleted tells whether the instance was deleted while this dispatcher heard nothing:
// of what somebody removes by mistake there is something left.
func (h *healing) deleted(ctx context.Context, look bus.Look) (bool, error) {
	if !h.dispatcher.catalogs.Knows(h.ID) {
		return true, nil
	}
	catalog := bus.BucketStream(bus.BucketCatalog)
	h.health.mu.Lock()
	before, after := h.health.before[looked{h.ID, catalog}]
	h.health.mu.Unlock()
	if _, there := look.Streams[h.bus.Events]; there || after && !look.Streams[catalog].Made.Equal(before.Made) { // or NATS has lost it all
		return false, nil
	}
	left, err := h.bus.Left(ctx)
	if err != nil || left {
		return false, err
	}
	h.dispatcher.catalogs.Remove(h.ID)
	return true, nil
}

// keys puts back the signing keys, also of targets that have left.
func (h *healing) keys(ctx context.Context) error {
	put, err := h.health.secrets.PutBack(ctx, h.bus.Token+".", func(string, []byte) bool { return true })
	h.done += put
	return err
}

// revision puts back the newest revision and its marker.
func (h *healing) revision(ctx context.Context) error {
	if newest := h.catalog().Newest(); newest != nil && newest.Revision.Revision > 0 {
		root, set, err := h.revisions.Current(ctx)
		if err != nil && action.CodeOf(err) != action.CodeUnreadable {
			return err
		}
		if set {
			there, err := h.revisions.Stored(ctx, newest.Revision.Revision)
			if err != nil {
				return err
			}
			set = there || root.Revision > newest.Revision.Revision
		}
		if !set {
			if _, err := h.revisions.Restore(ctx, newest); err != nil {
				return err
			}
			h.done++
			h.gone = append(h.gone, "the history of the catalog")
		}
	}
	put, err := h.revisions.PutBack(ctx)
	if put {
		h.done++
	}
	return err
}

// book puts back the entries of lines, their records, and what is paused, and
// removes what is about an event stream that is gone.
func (h *healing) book(ctx context.Context) error {
	put, err := h.health.book.PutBack(ctx, h.bus.Token+".", func(key string, _ []byte) bool { return h.loss.events == nil || lines.IsPause(key) })
	if err != nil {
		return err
	}
	h.done += put
	all, err := h.lines.List(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		if !l.OlderThan(h.now.Made) {
			continue
		}
		if err := h.lines.Remove(ctx, l); err != nil {
			return err
		}
		h.done++
		h.older = true
	}
	return nil
}

// consumers puts back those that lines lack.
func (h *healing) consumers(ctx context.Context) error {
	all, err := h.lines.List(ctx)
	if err != nil {
		return err
	}
	lost, err := h.lines.WithoutConsumer(ctx, all)
	if err != nil {
		return err
	}
	for _, l := range lost {
		if l.Async && h.loss.async != nil {
			if err := h.lines.ForgetRecords(ctx, l); err != nil {
				return err
			}
		}
		if _, err := h.lines.PutBack(ctx, l); err != nil {
			return err
		}
		h.done++
	}
	return nil
}

// pass lets lines go on that were held up by an event which somebody purged.
func (h *healing) pass(ctx context.Context) error {
	if h.loss.purged == nil {
		return nil
	}
	all, err := h.lines.List(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		passed, err := h.lines.PassLost(ctx, l, h.now.FirstSeq)
		if err != nil {
			return err
		}
		if passed {
			h.done++
		}
	}
	return nil
}

// enforce gives the newest revision its lines, and makes it the root. Lines in
// an event stream that was made again begin with its first message, which may be
// ahead of the marker.
func (h *healing) enforce(ctx context.Context) error {
	latest, there, err := h.revisions.Latest(ctx)
	if err != nil || !there || latest.Revision == 0 {
		return err
	}
	v, err := h.readable(ctx, latest)
	if broken := (*brokenCatalog)(nil); asBroken(err, &broken) {
		h.log.Error().Err(err).Msg("the instance is not served until this is mended")
		return nil
	}
	if err != nil {
		return err
	}
	whole := *v
	whole.Cut = latest.Cut
	if err := h.makeMissingKeys(ctx, whole.Matcher.Snapshot(), h.files); err != nil {
		return err
	}
	begin := latest.Cut
	if h.loss.events != nil {
		begin = min(begin, max(h.now.FirstSeq, 1))
	}
	if err := h.reconcile(ctx, whole.Matcher, revisions.Root{Revision: latest.Revision, Cut: begin}); err != nil {
		return err
	}
	if err := lead.Held(ctx); err != nil {
		return err
	}
	if err := h.revisions.SetRoot(ctx, &whole, &revisions.Version{}); err != nil {
		return err
	}
	h.dispatcher.catalogs.Add(h.ID).Put(&whole)
	return nil
}

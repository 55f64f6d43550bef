package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lead"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

// What somebody else has put into NATS, or spoilt there, holds up no more than what
// it is about. Where the engine knows what stood there, or can tell it from the
// catalog, a consumer or the stream, it is made again.

// doubt is what is spoilt of an instance, and what became of it.
type doubt struct {
	marker error     // why the newest marker is not believed; nil = it is
	last   string    // what was spoilt when it was last tried to mend it
	tried  time.Time // and when
}

// told hears of the conditions that the cores of an instance were given.
func (h *health) told(c revisions.ToldConditions) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handed[c.Instance] = c.Revision
}

// markedOf tells whether the event stream of an instance has a marker. One that
// cannot be believed is noted, and counts as one.
func (h *health) markedOf(ctx context.Context, i *Instance) (bool, error) {
	h.mu.Lock()
	known := h.marked[i.ID]
	h.mu.Unlock()
	r, ok, err := i.revisions.Marked(ctx, known)
	code := action.CodeOf(err)
	bad := code == action.CodeUnreadable || code == action.CodeNewer
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.doubts[i.ID]
	d.marker = nil
	switch {
	case bad:
		d.marker = err
		delete(h.marked, i.ID)
	case err == nil && ok:
		h.marked[i.ID] = r
	}
	h.doubts[i.ID] = d
	if bad {
		return true, nil
	}
	return ok, err
}

// spoiltOf names what of an instance is not as the engine put it there, as far as
// that can be told at a glance. An edit under way looks alike.
func (h *health) spoiltOf(i *Instance) (spoilt []string) {
	for _, m := range []interface{ Spoilt(prefix string) []string }{h.secrets, h.book} {
		spoilt = append(spoilt, m.Spoilt(i.bus.Token+".")...)
	}
	catalog := i.catalog()
	newest := catalog.Newest()
	h.mu.Lock()
	marker, marked, handed := h.doubts[i.ID].marker, h.marked[i.ID], h.handed[i.ID]
	h.mu.Unlock()
	if marker != nil {
		spoilt = append(spoilt, marker.Error())
	}
	if fault := catalog.Fault(); action.CodeOf(fault) == action.CodeUnreadable {
		spoilt = append(spoilt, fault.Error())
	}
	if newest == nil || newest.Revision.Revision == 0 {
		return spoilt
	}
	if marked.Revision != newest.Revision.Revision && marked.Cut > 0 {
		spoilt = append(spoilt, fmt.Sprintf("revision %d is in force, the event stream is marked with %d", newest.Revision.Revision, marked.Revision))
	}
	if handed != newest.Revision.Revision {
		spoilt = append(spoilt, fmt.Sprintf("revision %d is in force, the cores were given the conditions of %d", newest.Revision.Revision, handed))
	}
	standing := 0
	for _, l := range h.dispatcher.lines.of(i.ID) {
		if l.Async || l.DrainTo == 0 && !l.Replay {
			standing++
		}
	}
	if want := len(newest.Matcher.Lines()) + len(newest.Matcher.AsyncTargets()) + 1; standing < want {
		spoilt = append(spoilt, fmt.Sprintf("%d lines stand of %d", standing, want))
	}
	return spoilt
}

// due tells whether it is time to mend what is spoilt: at once when it is another
// thing than the last time, and else seldom, since it may be nothing of ours.
func (h *health) due(id string, spoilt []string) bool {
	if len(spoilt) == 0 {
		return false
	}
	text := strings.Join(spoilt, "\x00")
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.doubts[id]
	seldom := h.dispatcher.pace.record
	if h.dispatcher.catalogs.Of(id).Fault() != nil { // it is not served, or not as it should be
		seldom = lookEvery
	}
	if d.last == text && time.Since(d.tried) < seldom {
		return false
	}
	d.last, d.tried = text, time.Now()
	h.doubts[id] = d
	return true
}

// doubtful says what is spoilt of the instances, in words.
func (h *health) doubtful() (words []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, d := range h.doubts {
		if d.marker != nil {
			words = append(words, fmt.Sprintf("instance %q: its lines wait: %v", id, d.marker))
		}
	}
	for id, why := range h.said {
		if why != "" && h.ill[id] == "" {
			words = append(words, fmt.Sprintf("instance %q: what is spoilt in NATS could not be mended: %s", id, why))
		}
	}
	slices.Sort(words)
	return words
}

// putRight puts back what is remembered of entries that are spoilt, takes out
// markers that somebody else put into the event stream, and lists lines again whose
// entry is lost.
func (h *healing) putRight(ctx context.Context) error {
	for _, memory := range []interface {
		PutRight(ctx context.Context, prefix string) (int, error)
	}{h.health.secrets, h.health.book} {
		put, err := memory.PutRight(ctx, h.bus.Token+".")
		h.done += put
		if err != nil {
			return err
		}
	}
	dropped, err := h.revisions.DropStrays(ctx)
	h.done += dropped
	if err != nil && action.CodeOf(err) != action.CodeUnreadable {
		return err
	}
	return nil
}

// relist lists lines again that have lost their entry.
func (h *healing) relist(ctx context.Context) error {
	relisted, err := h.Instance.relist(ctx)
	h.done += relisted
	return err
}

// mendSpoilt makes again what is there, and is not what the engine put there. The
// marker tells what is in force: the root, the lines and the conditions follow it.
func (h *healing) mendSpoilt(ctx context.Context) error {
	if err := h.putRight(ctx); err != nil {
		return err
	}
	if err := h.relist(ctx); err != nil {
		return err
	}
	latest, there, err := h.revisions.Latest(ctx)
	if err != nil || !there || latest.Revision == 0 {
		return err
	}
	v, err := h.readable(ctx, latest)
	if err != nil {
		return err
	}
	if err := h.makeMissingKeys(ctx, v.Matcher.Snapshot(), h.files); err != nil {
		return err
	}
	if err := h.reconcile(ctx, v.Matcher, latest); err != nil {
		return err
	}
	current, set, err := h.revisions.Current(ctx)
	if err != nil && action.CodeOf(err) != action.CodeUnreadable {
		return err
	}
	whole := *v
	whole.Cut = latest.Cut
	// Who could not read it reads it again when it is told so.
	refused := h.catalog().Fault() != nil
	if err != nil || !set || current.Revision != latest.Revision || current.Cut != latest.Cut || refused {
		return h.setRoot(ctx, &whole, current)
	}
	h.dispatcher.catalogs.Add(h.ID).Put(&whole)
	return h.handConditions(ctx, v)
}

// handConditions hands the conditions in force to the cores anew when others stand
// in their place, or a part of them is spoilt.
func (h *healing) handConditions(ctx context.Context, v *revisions.Version) error {
	stands, err := h.revisions.ConditionsRevision(ctx)
	if err != nil {
		return err
	}
	h.health.mu.Lock()
	told := h.health.handed[h.ID]
	h.health.mu.Unlock()
	if stands == v.Revision.Revision && told != 0 { // what was told may be a moment old
		return nil
	}
	h.done++
	h.log.Error().Uint64("found", stands).Uint64("revision", v.Revision.Revision).Msg("the conditions of the cores are made anew: they are not those in force")
	return h.revisions.HandConditions(ctx, v)
}

// setRoot makes the root anew, which names another revision than the event stream
// is marked with, or none.
func (h *healing) setRoot(ctx context.Context, v *revisions.Version, was revisions.Root) error {
	if err := lead.Held(ctx); err != nil {
		return err
	}
	h.done++
	h.log.Error().Uint64("named", was.Revision).Uint64("revision", v.Revision.Revision).Msg("the root is made anew: it names the revision that the event stream is marked with")
	if err := h.revisions.SetRoot(ctx, v, &revisions.Version{}); err != nil {
		return err
	}
	h.dispatcher.catalogs.Add(h.ID).Put(v)
	return nil
}

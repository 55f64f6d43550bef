package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// reconcile makes the lines of an instance fit a catalog. A new line begins at
// the cut; one that is no longer wanted drains up to it and is then removed;
// one that stays keeps its place. Where a subscription has lines already, as
// when its number of lanes changes or its target has another name, the new ones
// stand until the old ones have drained: only so does each aggregate keep its
// order. Where one is held that only a newer version reads, none is made. One in whose
// place a line drains to an end behind the cut begins there. Doing it twice changes
// nothing.
func (i *Instance) reconcile(ctx context.Context, m *catalog.Matcher, root revisions.Root) error {
	existing, held, err := i.lines.ListHeld(ctx)
	if err != nil {
		return err
	}
	state, err := i.bus.State(ctx, i.bus.Events)
	if err != nil {
		return err
	}
	have, superseded := standing(existing)
	for _, want := range i.packed(wanted(m, root, state.Created.UnixNano()), existing) {
		old, exists := have[place(want)]
		if exists && replaces(old, root) { // it drains, and another begins behind it
			want = behind(want, existing, state.State.LastSeq)
			want.Fenced = true
			if err := i.lines.Add(ctx, want); err != nil {
				return err
			}
			continue
		}
		delete(have, place(want))
		put := i.lines.Add
		switch {
		case !exists && isHeld(want, held):
			continue
		case exists:
			want = goesOn(old, want, root)
			if old.Unordered == want.Unordered && old.MaxStop == want.MaxStop && old.Until == want.Until && old.DrainTo == 0 {
				continue
			}
			put = i.lines.Ensure
		default:
			want = behind(want, existing, state.State.LastSeq)
			want.Fenced = hasOlder(want, slices.Concat(existing, held))
		}
		if err := put(ctx, want); err != nil {
			return err
		}
	}
	for _, l := range superseded {
		if err := i.end(ctx, l, l.DrainTo, root); err != nil {
			return err
		}
	}
	return i.endAll(ctx, have, root)
}

// standing gives the lines that stand, by their place, and those beside them in whose
// place a later one was made by who died before it had them drain: each with its end.
func standing(existing []lines.Line) (have map[string]lines.Line, superseded []lines.Line) {
	have = make(map[string]lines.Line, len(existing))
	for _, l := range existing {
		// Two consumers cannot share async deliveries: what drains goes on when
		// its target is there again.
		if l.DrainTo > 0 && !l.Async {
			continue
		}
		older, twice := have[place(l)]
		if twice && older.Cut > l.Cut {
			older, l = l, older
		}
		if have[place(l)] = l; twice && !l.Async && l.Cut > older.Cut {
			older.DrainTo = l.Cut
			superseded = append(superseded, older)
		}
	}
	return have, superseded
}

// endAll has the lines drain that are no longer wanted.
func (i *Instance) endAll(ctx context.Context, have map[string]lines.Line, root revisions.Root) error {
	for _, l := range have {
		if l.DrainTo > 0 {
			continue
		}
		if err := i.end(ctx, l, root.Cut, root); err != nil {
			return err
		}
	}
	return nil
}

// end has a line drain.
func (i *Instance) end(ctx context.Context, l lines.Line, to uint64, root revisions.Root) error {
	l.DrainTo, l.Revision, l.LeftAt = to, root.Revision, time.Now().UnixNano()
	return i.lines.Ensure(ctx, l)
}

// goesOn is what a line that stands becomes where one is wanted in its place.
func goesOn(old, want lines.Line, root revisions.Root) lines.Line {
	want.Name, want.Cut, want.Fenced, want.MadeAt = old.Name, old.Cut, old.Fenced, old.MadeAt
	want.AckWait, want.Job, want.Shard = old.AckWait, old.Job, old.Shard
	if want.Until = old.Until; root.Revision > old.Until { // nothing takes its place
		want.Until = 0
	}
	if old.Packed() || want.Packed() { // it keeps its order until another takes its place
		want.Unordered = old.Unordered
	}
	return want
}

// replaces tells whether another takes the place of a line, see giveNotice.
func replaces(old lines.Line, root revisions.Root) bool {
	return old.Until > 0 && root.Revision > old.Until && root.Cut > old.Cut
}

// isHeld tells whether a line stands already, and only a newer version reads how.
func isHeld(l lines.Line, held []lines.Line) bool {
	return slices.ContainsFunc(held, func(h lines.Line) bool {
		return h.Name == l.Name || place(h) == place(l) && (h.DrainTo == 0 || h.Async)
	})
}

// behind has a new line begin where one in its place ends, if that is behind the
// cut: such an end is of no edit that is in force, as when the entry of a line was
// spoilt while it was being removed. What lies before it is that line's, or was sent.
// An end ahead of the stream, which ends at last, is none.
func behind(l lines.Line, existing []lines.Line, last uint64) lines.Line {
	if l.Async {
		return l
	}
	for _, old := range existing {
		if !old.Replay && place(old) == place(l) && (old.MadeAt == l.MadeAt || old.MadeAt == 0) {
			l.Cut = max(l.Cut, min(old.DrainTo, last+1))
		}
	}
	l.Name = catalog.Line{Org: l.Org, Condition: l.Condition, Owner: l.Owner, Target: l.Target, Lane: l.Lane, Lanes: l.Lanes}.Name(l.Cut)
	return l
}

// standIn has a line begin behind each that drains although it is configured, which
// is told by its end: no edit has set one behind the newest marker. It comes before
// those are removed, since then nobody knows any more where they ended. It gives
// the lines as they are then, and is for who holds the lead.
func (i *Instance) standIn(ctx context.Context, all []lines.Line) ([]lines.Line, error) {
	ends := func(behind uint64) bool {
		return slices.ContainsFunc(all, func(l lines.Line) bool { return !l.Async && !l.Replay && l.DrainTo > behind })
	}
	if newest := i.catalog().Newest(); newest == nil || !ends(newest.Cut) {
		return all, nil
	}
	latest, there, err := i.revisions.Latest(ctx) // what is followed may be a moment old
	if err != nil || !there || latest.Revision == 0 || !ends(latest.Cut) {
		return all, err
	}
	v, err := i.readable(ctx, latest)
	if err != nil {
		return nil, err
	}
	if err := i.reconcile(ctx, v.Matcher, latest); err != nil {
		return nil, err
	}
	return i.lines.List(ctx)
}

// relist lists lines again that have a consumer and no entry, and tells how many
// those are. Others made in their place would send what they send once more.
func (i *Instance) relist(ctx context.Context) (int, error) {
	all, held, err := i.lines.ListHeld(ctx)
	if err != nil {
		return 0, err
	}
	return i.lines.Relist(ctx, slices.Concat(all, held))
}

// sameLines tells whether two catalogs need the same lines.
func sameLines(a, b *catalog.Matcher) bool {
	return slices.Equal(a.Lines(), b.Lines()) && slices.Equal(a.AsyncTargets(), b.AsyncTargets())
}

// place is what a line is for: the same in every revision.
func place(l lines.Line) string {
	return fmt.Sprintf("%t\x00%t\x00%s\x00%s\x00%s\x00%s\x00%d\x00%d", l.Async, l.Redrive, l.Org, l.Condition.Match, l.Owner, l.Target, l.Lane, l.Lanes)
}

// wanted lists the lines a catalog needs.
func wanted(m *catalog.Matcher, root revisions.Root, madeAt int64) []lines.Line {
	var all []lines.Line
	for _, l := range m.Lines() {
		all = append(all, lines.Line{
			Name: l.Name(root.Cut), Instance: m.Instance(), Org: l.Org, Condition: l.Condition, Owner: l.Owner, Target: l.Target,
			TargetID: targetID(m, l.Owner, l.Target), Lane: l.Lane, Lanes: l.Lanes, Unordered: l.Unordered, Cut: root.Cut, Revision: root.Revision, MaxStop: l.MaxStop,
			MadeAt: madeAt,
		})
	}
	all = append(all, lines.Line{Name: "redrive", Instance: m.Instance(), Lanes: 1, Unordered: true, Async: true, Redrive: true, Revision: root.Revision})
	for _, t := range m.AsyncTargets() {
		all = append(all, lines.Line{
			Name: asyncName(t.Owner, t.Target), Instance: m.Instance(), Owner: t.Owner, Target: t.Target, TargetID: targetID(m, t.Owner, t.Target),
			Lanes: 1, Unordered: true, Async: true, Revision: root.Revision,
		})
	}
	return all
}

func targetID(m *catalog.Matcher, owner, target string) string {
	meta, _ := m.Snapshot().MetaOf(owner, catalog.Ref{Name: target})
	return meta.ID
}

// asyncName is the consumer name of an async target's deliveries.
func asyncName(owner, target string) string {
	sum := sha256.Sum256([]byte("async\x00" + owner + "\x00" + target))
	slug := []byte("async-" + target)
	for i, c := range slug {
		if c == '=' || wire.Token(string(c)) != string(c) {
			slug[i] = '-'
		}
	}
	return string(slug[:min(len(slug), 80)]) + "-" + hex.EncodeToString(sum[:16])
}

package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// reconcile makes the lines of an instance fit a catalog. A new line begins at
// the cut; one that is no longer wanted drains up to it and is then removed;
// one that stays keeps its place. Where a subscription has lines already, as
// when its number of lanes changes or its target has another name, the new ones
// stand until the old ones have drained: only so does each aggregate keep its
// order. Doing it twice changes nothing.
func (d *Dispatcher) reconcile(ctx context.Context, m *catalog.Matcher, root bus.Root) error {
	existing, err := d.bus.Lines(ctx, m.Instance())
	if err != nil {
		return err
	}
	have := make(map[string]bus.Line, len(existing))
	draining := map[string]bool{}
	for _, l := range existing {
		// Two consumers cannot share async deliveries: what drains goes on when
		// its target is there again.
		if l.DrainTo == 0 || l.Async {
			have[place(l)] = l
		} else {
			draining[l.Name] = true
		}
	}
	for _, want := range wanted(m, root) {
		old, exists := have[place(want)]
		delete(have, place(want))
		put := d.bus.AddLine
		switch {
		case exists:
			want.Name, want.Cut, want.Fenced = old.Name, old.Cut, old.Fenced
			if old.Unordered == want.Unordered && old.MaxStop == want.MaxStop && old.DrainTo == 0 {
				continue
			}
			put = d.bus.EnsureLine
		default:
			want.Fenced = hasOlder(want, existing)
			if draining[want.Name] { // it must not go on before those that came in between
				want.Name += "-" + strconv.FormatUint(root.Cut, 10)
			}
		}
		if err := put(ctx, want); err != nil {
			return err
		}
	}
	for _, l := range have {
		if l.DrainTo > 0 {
			continue
		}
		l.DrainTo, l.Revision = root.Cut, root.Revision
		if err := d.bus.EnsureLine(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// sameLines tells whether two catalogs need the same lines.
func sameLines(a, b *catalog.Matcher) bool {
	return slices.Equal(a.Lines(), b.Lines()) && slices.Equal(a.AsyncTargets(), b.AsyncTargets())
}

// place is what a line is for: the same in every revision.
func place(l bus.Line) string {
	return fmt.Sprintf("%t\x00%t\x00%s\x00%s\x00%s\x00%s\x00%d\x00%d", l.Async, l.Redrive, l.Org, l.Condition.Match, l.Owner, l.Target, l.Lane, l.Lanes)
}

// hasOlder tells whether a line of the same subscription that began earlier is
// still there. A target is the same under another name.
func hasOlder(l bus.Line, existing []bus.Line) bool {
	for _, other := range existing {
		if !other.Async && !l.Async && !other.Replay && other.Cut < l.Cut &&
			other.Org == l.Org && other.Condition == l.Condition && other.Owner == l.Owner &&
			(other.Target == l.Target || other.TargetID == l.TargetID && l.TargetID != "") {
			return true
		}
	}
	return false
}

// wanted lists the lines a catalog needs.
func wanted(m *catalog.Matcher, root bus.Root) []bus.Line {
	var lines []bus.Line
	for _, l := range m.Lines() {
		lines = append(lines, bus.Line{
			Name: l.Name(), Instance: m.Instance(), Org: l.Org, Condition: l.Condition, Owner: l.Owner, Target: l.Target,
			TargetID: targetID(m, l.Owner, l.Target), Lane: l.Lane, Lanes: l.Lanes, Unordered: l.Unordered, Cut: root.Cut, Revision: root.Revision, MaxStop: l.MaxStop,
		})
	}
	lines = append(lines, bus.Line{Name: "redrive", Instance: m.Instance(), Lanes: 1, Unordered: true, Async: true, Redrive: true, Revision: root.Revision})
	for _, t := range m.AsyncTargets() {
		lines = append(lines, bus.Line{
			Name: asyncName(t.Owner, t.Target), Instance: m.Instance(), Owner: t.Owner, Target: t.Target, TargetID: targetID(m, t.Owner, t.Target),
			Lanes: 1, Unordered: true, Async: true, Revision: root.Revision,
		})
	}
	return lines
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

package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// drainEvery is how often lines that drain are looked at.
const drainEvery = 500 * time.Millisecond

// reconcile makes the lines of an instance fit a catalog. A new line begins at
// the cut; one that is no longer wanted drains up to it and is then removed;
// one that stays keeps its place. Doing it twice changes nothing.
func (d *Dispatcher) reconcile(ctx context.Context, m *catalog.Matcher, root bus.Root) error {
	existing, err := d.bus.Lines(ctx, m.Instance())
	if err != nil {
		return err
	}
	have := make(map[string]bus.Line, len(existing))
	for _, l := range existing {
		have[l.Name] = l
	}
	for _, want := range wanted(m, root) {
		old, exists := have[want.Name]
		delete(have, want.Name)
		if exists {
			want.Cut = old.Cut
			if old.DrainTo == 0 && old.Unordered == want.Unordered {
				continue
			}
		}
		if err := d.bus.EnsureLine(ctx, want); err != nil {
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

// wanted lists the lines a catalog needs.
func wanted(m *catalog.Matcher, root bus.Root) []bus.Line {
	var lines []bus.Line
	for _, l := range m.Lines() {
		lines = append(lines, bus.Line{
			Name: l.Name(), Instance: m.Instance(), Org: l.Org, Condition: l.Condition, Owner: l.Owner, Target: l.Target,
			Lane: l.Lane, Lanes: l.Lanes, Unordered: l.Unordered, Cut: root.Cut, Revision: root.Revision,
		})
	}
	for _, t := range m.AsyncTargets() {
		lines = append(lines, bus.Line{
			Name: asyncName(t.Owner, t.Target), Instance: m.Instance(), Owner: t.Owner, Target: t.Target,
			Lanes: 1, Unordered: true, Async: true, Revision: root.Revision,
		})
	}
	return lines
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

// drain removes lines that nothing waits in any more, until ctx ends.
func (d *Dispatcher) drain(ctx context.Context) {
	empty := map[string]int{} // line → readings in a row that showed it empty
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, instance := range d.catalogs.Instances() {
			if err := d.drainOnce(ctx, instance, empty); err != nil && ctx.Err() == nil {
				d.log.Debug().Err(err).Str("instance", instance).Msg("draining lines not looked at")
			}
		}
	}
}

func (d *Dispatcher) drainOnce(ctx context.Context, instance string, empty map[string]int) error {
	d.applying.Lock()
	defer d.applying.Unlock()
	lines, err := d.bus.Lines(ctx, instance)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if l.DrainTo == 0 {
			continue
		}
		backlog, err := d.bus.Backlog(ctx, l)
		if err != nil && action.CodeOf(err) != action.CodeNotStored {
			return err
		}
		// The server's count may lag behind a publish by a moment: one zero
		// proves nothing.
		if past := !l.Async && backlog.Floor >= l.DrainTo; past || backlog.Lag() == 0 {
			empty[l.Name]++
		} else {
			empty[l.Name] = 0
		}
		if empty[l.Name] < 2 {
			continue
		}
		if err := d.bus.RemoveLine(ctx, l); err != nil {
			return err
		}
		delete(empty, l.Name)
		d.log.Info().Str("line", l.Name).Msg("line drained and removed")
	}
	return nil
}

package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/catalog"
)

// repackAgain is how long it is waited, at first and at most, before lines that could not
// be replaced are tried again.
const (
	repackAgain = time.Second
	repackRest  = time.Minute
)

// repackingSource is what the history tells of a revision that was made for the sake of
// its lines alone.
const repackingSource = "lines are packed as the dispatcher is told"

// repack replaces the lines of an instance that are there and are not packed as this
// dispatcher was told, such as those that an earlier version has made, until ctx ends. A
// revision that changes nothing else parts what the old ones deliver from what the new
// ones do, so that nothing is lost, doubled or overtaken. Who edits meanwhile does it too.
func (i *Instance) repack(ctx context.Context) {
	for wait := repackAgain; ; wait = min(2*wait, repackRest) {
		if v := i.catalog().Newest(); v != nil && v.Revision.Revision > 0 && i.otherwisePacked(v.Matcher) {
			_, _, err := i.turn(ctx, edition{source: repackingSource, operators: true, repack: true,
				change: func(current *catalog.Snapshot) (*catalog.Snapshot, error) { return current, nil }})
			if err != nil && ctx.Err() == nil {
				i.log.Warn().Err(err).Msg("lines could not be packed anew, and go on as they are meanwhile")
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// giveNotice tells lines that stand and cannot become what the next catalog wants that
// another takes their place with the next revision: a packed one has no consumer, and one
// that has is not packed. So it is where it is to gain or lose its order, or the dispatcher
// was told to pack lines, or not to. It comes before there is that revision. Workers look
// once for each revision how far a line goes, and may do so as soon as its marker is there.
func (i *Instance) giveNotice(ctx context.Context, base *revisions.Version, next *catalog.Matcher) (given bool, err error) {
	if base.Revision.Revision == 0 || !i.otherwisePacked(next) && !reordered(base.Matcher, next) {
		return false, nil
	}
	existing, err := i.lines.List(ctx)
	if err != nil {
		return false, err
	}
	have, _ := standing(existing)
	for _, want := range i.packed(wanted(next, revisions.Root{}, 0), existing) {
		old, there := have[place(want)]
		if !there || old.DrainTo > 0 || old.Until == 0 && old.Packed() == want.Packed() {
			continue // one that was given notice by who died before there was a revision is replaced in any case
		}
		old.Until, given = base.Revision.Revision, true
		if err := i.lines.Ensure(ctx, old); err != nil {
			return given, err
		}
	}
	return given, nil
}

// reordered tells whether a line gains or loses its order.
func reordered(before, after *catalog.Matcher) bool {
	if slices.Equal(before.Lines(), after.Lines()) {
		return false
	}
	was := map[catalog.Line]bool{}
	for _, l := range before.Lines() {
		was[orderless(l)] = l.Unordered
	}
	return slices.ContainsFunc(after.Lines(), func(l catalog.Line) bool {
		unordered, there := was[orderless(l)]
		return there && unordered != l.Unordered
	})
}

func orderless(l catalog.Line) catalog.Line {
	l.Unordered, l.MaxStop, l.OnExhausted = false, 0, ""
	return l
}

// otherwisePacked tells whether a line that stands is not packed as it is to be under a
// catalog. It goes by what this dispatcher knows of the lines.
func (i *Instance) otherwisePacked(m *catalog.Matcher) bool {
	ordered := 0
	for _, l := range m.Lines() {
		if !l.Unordered {
			ordered++
		}
	}
	known := i.dispatcher.lines.of(i.ID)
	packs := i.shardCount(known, ordered) > 0
	return slices.ContainsFunc(known, func(l lines.Line) bool {
		return l.DrainTo == 0 && !l.Async && !l.Drained && (l.Until > 0 || l.Packed() != (packs && !l.Unordered))
	})
}

// shardCount is how many shards lines that keep an order are packed into, of which there
// are to be so many; 0 = none. Where nobody said, what is packed stays so.
func (i *Instance) shardCount(existing []lines.Line, ordered int) int {
	switch told := i.dispatcher.shards; {
	case told != 0:
		return max(told, 0)
	case ordered > shards.PackFrom || slices.ContainsFunc(existing, lines.Line.Packed):
		return shards.Usual
	}
	return 0
}

// packed has the lines that keep an order of events share shards.
func (i *Instance) packed(all, existing []lines.Line) []lines.Line {
	ordered := func(l lines.Line) bool { return !l.Unordered && !l.Async }
	count := 0
	for _, l := range all {
		if ordered(l) {
			count++
		}
	}
	if count = i.shardCount(existing, count); count == 0 {
		return all
	}
	for n, l := range all {
		if ordered(l) {
			all[n].Shard = lines.ShardOf(l, count)
		}
	}
	return all
}

package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/bus/lines"
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
// dispatcher was told, such as those that an earlier version has made. A revision that
// changes nothing else parts what the old ones deliver from what the new ones do, so that
// nothing is lost, doubled or overtaken. It ends when that is done, or ctx ends. Who edits
// meanwhile has done it.
func (i *Instance) repack(ctx context.Context) {
	for wait := repackAgain; ; wait = min(2*wait, repackRest) {
		if v := i.catalog().Newest(); v != nil && v.Revision.Revision > 0 {
			if !i.otherwisePacked() {
				return
			}
			_, _, err := i.turn(ctx, edition{source: repackingSource, operators: true, repack: true,
				change: func(current *catalog.Snapshot) (*catalog.Snapshot, error) { return current, nil }})
			if err == nil {
				return
			}
			if ctx.Err() == nil {
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

// otherwisePacked tells whether a line that stands is not packed as this dispatcher was
// told. It goes by what it knows of the lines.
func (i *Instance) otherwisePacked() bool {
	return slices.ContainsFunc(i.dispatcher.lines.of(i.ID), func(l lines.Line) bool {
		return l.DrainTo == 0 && !l.Async && !l.Drained && l.Packed() != i.packs(l)
	})
}

// packs tells whether a line is to be packed.
func (i *Instance) packs(l lines.Line) bool {
	return i.dispatcher.shards > 0 && !l.Unordered && !l.Async && !l.Replay
}

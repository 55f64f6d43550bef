package dispatch

import (
	"context"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// recordAll keeps how far the lines have come, and puts back what was lost or changed.
// Those that are packed are asked for together, and looked at one by one only where there
// is something to do: an installation in which nothing happens costs little, however many
// it has.
func (t *tidying) recordAll(ctx context.Context, known []lines.Line) error {
	single := slices.DeleteFunc(slices.Clone(known), lines.Line.Packed)
	if len(single) < len(known) {
		due, err := t.recordPacked(ctx)
		if err != nil {
			return err
		}
		single = append(single, due...)
	}
	return t.recordInTurns(ctx, single)
}

// recordPacked keeps how far the packed lines have come. It gives those about which there
// may be more to do: what is done about them is decided by a look of its own.
func (t *tidying) recordPacked(ctx context.Context) (due []lines.Line, err error) {
	var moved []lines.PackedLine
	err = t.lead(ctx, func(ctx context.Context) error {
		all, err := t.lines.PackedLines(ctx)
		if err != nil {
			return err
		}
		for _, one := range all {
			if one.Astray || !one.Line.Replay && outstays(one.Line, one.Paused, one.Record) {
				due = append(due, one.Line)
			} else if one.Floor > t.floors[one.Line.Key()] {
				moved = append(moved, one)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(moved, recordSome) {
		err := t.lead(ctx, func(ctx context.Context) error {
			return bus.Together(len(some), func(n int) error { return t.lines.KeepPosition(ctx, some[n].Line, some[n].Floor) })
		})
		if err != nil {
			return nil, err
		}
		for _, one := range some {
			t.floors[one.Line.Key()] = one.Floor
		}
	}
	return due, nil
}

// keepPosition records how far a line has come, if that is farther than was recorded.
func (t *tidying) keepPosition(ctx context.Context, l lines.Line, floor uint64) error {
	if l.Async || floor <= t.floors[l.Key()] {
		return nil
	}
	if err := t.lines.KeepPosition(ctx, l, floor); err != nil {
		return err
	}
	t.floors[l.Key()] = floor
	return nil
}

// recordSome is how many lines are recorded before somebody else gets a turn.
const recordSome = 16

// recordInTurns records many lines, a few at a time: an edit does not wait until
// all are done.
func (t *tidying) recordInTurns(ctx context.Context, known []lines.Line) error {
	for some := range slices.Chunk(known, recordSome) {
		err := t.lead(ctx, func(ctx context.Context) error {
			standing := make([]lines.Line, 0, len(some))
			for _, l := range some {
				now, there, err := t.lines.Now(ctx, l.Name)
				if code := action.CodeOf(err); err != nil && code != "" && code != action.CodeNewer {
					return err
				}
				if there { // and can be read
					standing = append(standing, now)
				}
			}
			return t.record(ctx, standing)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// record keeps the positions of the lines, and puts back what was lost.
func (t *tidying) record(ctx context.Context, standing []lines.Line) error {
	for _, l := range standing {
		if l.Drained { // its consumer is gone, or goes in a moment
			continue
		}
		back, err := t.lines.PutBack(ctx, l)
		if err != nil && !lines.IsAnother(err) {
			return err
		}
		if back {
			t.log.Error().Str("line", l.Name).Msg("the consumer of a line was deleted by somebody else; it is put back at the position recorded last")
			continue
		}
		if err := t.putRight(ctx, l); err != nil { // before its position is believed
			return err
		}
		floor, err := t.lines.Floor(ctx, l)
		if err != nil {
			return err
		}
		if err := t.keepPosition(ctx, l, floor); err != nil {
			return err
		}
		if !l.Async && !l.Replay {
			if err := t.outstay(ctx, l); err != nil {
				return err
			}
		}
	}
	return nil
}

package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Waiting counts what waits in the lines of a target, when of names one with
// its owner, or else of an execution of events, which of names by scope and
// condition. It is the server's count: that of a group or * has events in it
// that a better match will take. What is published while it counts may be left
// out. Replays are not counted.
func (d *Dispatcher) Waiting(ctx context.Context, instance string, of catalog.Line) (uint64, error) {
	lines, err := d.linesOf(ctx, instance, of)
	if err != nil {
		return 0, err
	}
	var sum uint64
	for _, l := range lines {
		if l.Replay {
			continue
		}
		n, err := d.waiting(ctx, l)
		if bus.IsLost(err) {
			return 0, action.NewError(action.CodeUnavailable, action.StageBus,
				"the consumer of a line was deleted by somebody else and is being put back: try again in some seconds").WithCause(err)
		}
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// waiting counts what a line has before it; one that drains, up to its end. A
// zero of the server is not believed: it may be a moment old.
func (d *Dispatcher) waiting(ctx context.Context, l bus.Line) (uint64, error) {
	backlog, err := d.bus.Backlog(ctx, l)
	if err != nil {
		return 0, err
	}
	n := backlog.Lag()
	if l.DrainTo > 0 && !l.Async {
		n = min(n, l.DrainTo-min(l.DrainTo, max(backlog.Floor+1, l.Cut)))
	}
	if n > 0 {
		return n, nil
	}
	head, waits, err := d.bus.Head(ctx, l)
	if waits && (l.DrainTo == 0 || l.Async || head.Sequence < l.DrainTo) {
		n = 1
	}
	return n, err
}

// linesOf gives the lines of a target, or of an execution of events.
func (d *Dispatcher) linesOf(ctx context.Context, instance string, of catalog.Line) ([]bus.Line, error) {
	all, err := d.bus.Lines(ctx, instance)
	if err != nil {
		return nil, err
	}
	var lines []bus.Line
	for _, l := range all {
		is := !l.Async && l.Org == of.Org && l.Condition == of.Condition
		if of.Target != "" {
			is = !l.Redrive && l.Owner == of.Owner && l.Target == of.Target
		}
		if is && !l.Drained {
			lines = append(lines, l)
		}
	}
	return lines, nil
}

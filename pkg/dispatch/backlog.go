package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
)

// Waiting counts what waits in the lines of a target, when of names one with
// its owner, or else of an execution of events, which of names by scope and
// condition. It is the server's count: that of a group or * has events in it
// that a better match will take. What is published while it counts may be left
// out. Replays are not counted.
func (i *Instance) Waiting(ctx context.Context, of catalog.Line) (uint64, error) {
	all, err := i.linesOf(ctx, of)
	if err != nil {
		return 0, err
	}
	var sum uint64
	for _, l := range all {
		if l.Replay {
			continue
		}
		n, err := i.waiting(ctx, l)
		if lines.IsLost(err) {
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
func (i *Instance) waiting(ctx context.Context, l lines.Line) (uint64, error) {
	backlog, err := i.lines.Backlog(ctx, l)
	if err != nil {
		return 0, err
	}
	n := lagOf(l, backlog)
	if n > 0 {
		return n, nil
	}
	head, waits, err := i.lines.Head(ctx, l)
	if waits && (l.DrainTo == 0 || l.Async || head.Sequence < l.DrainTo) {
		n = 1
	}
	return n, err
}

// lagOf is what is in a line's way at most: what lies behind its end is not.
func lagOf(l lines.Line, backlog lines.Backlog) uint64 {
	n := backlog.Lag()
	if l.DrainTo > 0 && !l.Async {
		n = min(n, l.DrainTo-min(l.DrainTo, max(backlog.Floor+1, l.Cut)))
	}
	return n
}

// linesOf gives the lines of a target, or of an execution of events.
func (i *Instance) linesOf(ctx context.Context, of catalog.Line) ([]lines.Line, error) {
	all, err := i.lines.List(ctx)
	if err != nil {
		return nil, err
	}
	var its []lines.Line
	for _, l := range all {
		if isOf(l, of) && !l.Drained {
			its = append(its, l)
		}
	}
	return its, nil
}

// isOf tells whether a line is one of a target, or of an execution of events.
func isOf(l lines.Line, of catalog.Line) bool {
	if of.Target != "" {
		return !l.Redrive && l.Owner == of.Owner && l.Target == of.Target
	}
	return !l.Async && l.Org == of.Org && l.Condition == of.Condition
}

package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// succeeds tells whether a line is for the same subscription as another one that
// began earlier, and is fenced until that has drained. A target is the same under
// another name, and one of the same name is taken for the same.
func succeeds(l, earlier lines.Line) bool {
	return !earlier.Async && !l.Async && !earlier.Replay && earlier.Cut < l.Cut &&
		earlier.Org == l.Org && earlier.Condition == l.Condition && earlier.Owner == l.Owner &&
		(earlier.Target == l.Target || earlier.TargetID == l.TargetID && l.TargetID != "")
}

// hasOlder tells whether a line of the same subscription that began earlier is
// still there.
func hasOlder(l lines.Line, existing []lines.Line) bool {
	for _, other := range existing {
		if succeeds(l, other) {
			return true
		}
	}
	return false
}

// hasNewer tells whether a line of the same subscription waits for this one.
func hasNewer(l lines.Line, all []lines.Line) bool {
	return slices.ContainsFunc(all, func(next lines.Line) bool { return next.Fenced && succeeds(next, l) })
}

// mayReturn tells whether a line that is no longer wanted is kept for its pause,
// whether or not anything waits in it: its subscription may come back, and is
// paused then.
func (i *Instance) mayReturn(ctx context.Context, l lines.Line) (bool, error) {
	if l.LeftAt == 0 || l.Async || l.Replay || time.Since(time.Unix(0, l.LeftAt)) >= i.dispatcher.pace.returns {
		return false, nil
	}
	r, err := i.lines.LineRecord(ctx, l)
	return r.State == action.LinePaused, err
}

// handOnPause lets those that come after a line that somebody paused stand too:
// it is about to be removed, and the pause is of the subscription.
func (t *tidying) handOnPause(ctx context.Context, l lines.Line, all []lines.Line) error {
	var pause time.Time
	for _, next := range all {
		if !next.Fenced || !succeeds(next, l) {
			continue
		}
		if pause.IsZero() {
			r, err := t.lines.LineRecord(ctx, l)
			if err != nil || r.State != action.LinePaused {
				return err
			}
			pause = r.StoppedSince
		}
		if err := t.lines.PutLineRecord(ctx, next, action.LineRecord{State: action.LinePaused, StoppedSince: pause}); err != nil {
			return err
		}
	}
	return nil
}

// unfence lets a line go on for which nothing is left to wait. One that somebody
// paused stands on.
func (t *tidying) unfence(ctx context.Context, l lines.Line) error {
	r, err := t.lines.LineRecord(ctx, l)
	if err != nil {
		return err
	}
	// Who dies in between leaves it fenced, and the next lets it go again; the
	// other way round it would stand for ever.
	if r.State != action.LinePaused {
		if err := t.lines.Resume(ctx, l); err != nil {
			return err
		}
	}
	l.Fenced = false
	if err := t.lines.Ensure(ctx, l); err != nil {
		return err
	}
	t.log.Info().Str("line", l.Name).Msg("line begins: those with another lane count have drained")
	return nil
}

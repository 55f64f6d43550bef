package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// seeDrain looks how far the workers are with what waits for something that was
// deleted. They need nobody for it; the job tells how far they are, and is done
// when the lines are gone.
func (i *Instance) seeDrain(ctx context.Context, j *jobs.Job) (again time.Duration, err error) {
	all, err := i.lines.List(ctx)
	if err != nil {
		return 0, err
	}
	var left uint64
	draining := false
	for _, l := range all {
		if !isOf(l, j.Gone) || l.DrainTo == 0 || l.Replay || l.Drained {
			continue
		}
		n, err := i.waiting(ctx, l)
		if err != nil && !lines.IsLost(err) {
			return 0, err
		}
		if err == nil && n == 0 {
			kept, err := i.mayReturn(ctx, l)
			if err != nil {
				return 0, err
			}
			if kept { // for its pause alone
				continue
			}
		}
		draining = true
		left += n
	}
	j.Total = max(j.Total, left)
	j.Done, j.Begun = j.Total-left, true
	if !draining {
		end(j, action.JobDone)
	}
	return lookAgain, nil
}

package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/catalog"
)

// EditWithJob is Edit for an edit that leaves a job: of what waits for the thing that
// it removes. edit fills in the job, or leaves its kind empty when there is
// nothing to do; its id is filled in once the job is stored. It is stored before
// the revision that begins it: so there is no moment in which the thing is gone
// and nobody sees to what waits.
func (i *Instance) EditWithJob(ctx context.Context, source string, job *jobs.Job, edit func(current *catalog.Snapshot) (*catalog.Snapshot, error)) (before, after uint64, err error) {
	return i.turn(ctx, edition{source: source, change: edit, job: job})
}

// addJobOf stores the job of an edit, and gives its id; "" when it has none.
func (i *Instance) addJobOf(ctx context.Context, j *jobs.Job, before uint64) (id string, err error) {
	if j == nil || j.Kind == "" {
		return "", nil
	}
	j.Before = before
	*j, err = i.addJob(ctx, *j)
	return j.ID, err
}

func (i *Instance) addJob(ctx context.Context, j jobs.Job) (jobs.Job, error) {
	j.ID, j.Instance, j.State, j.Made = ulid.Make().String(), i.ID, action.JobRunning, time.Now().UTC().Truncate(time.Millisecond)
	return i.jobs.Add(ctx, j)
}

// Begin stores a job, and gives it with its id. What it is about is looked up
// when it begins: the error of that is the job's own.
func (i *Instance) Begin(ctx context.Context, j jobs.Job) (jobs.Job, error) {
	if err := i.exists(ctx); err != nil {
		return j, err
	}
	return i.addJob(ctx, j)
}

// Jobs lists the jobs of the instance, the newest first: those that run, and
// those that ended within a day.
func (i *Instance) Jobs(ctx context.Context) ([]jobs.Job, error) {
	if err := i.exists(ctx); err != nil {
		return nil, err
	}
	return i.jobs.List(ctx)
}

// WatchJob tells how a job stands, now and whenever that changes, until do
// gives false or fails, or ctx ends. The error is not_found when there is none.
func (i *Instance) WatchJob(ctx context.Context, id string, do func(jobs.Job) (more bool, err error)) error {
	if err := i.exists(ctx); err != nil {
		return err
	}
	return i.jobs.Watch(ctx, id, do)
}

// CancelJob ends a job before it is done, and gives it as it stands then. What
// was done stays done; what its lines still have before them is delivered. What
// waits in lines that drain has no other way than the dead letters: the job that
// is given is the one that makes them. The error is conflict when it has ended.
func (i *Instance) CancelJob(ctx context.Context, id string) (j jobs.Job, err error) {
	if err := i.exists(ctx); err != nil {
		return j, err
	}
	err = i.lead(ctx, func(ctx context.Context) error { // so that no step is under way
		if j, err = i.jobs.Get(ctx, id); err != nil {
			return err
		}
		if j.HasEnded() {
			return action.NewError(action.CodeConflict, action.StageStore, fmt.Sprintf("the job has ended: it is %s", j.State)).WithField("id")
		}
		if !j.Begun && j.Before > 0 {
			return action.NewError(action.CodeConflict, action.StageStore, "the job has not begun yet").WithField("id")
		}
		var instead jobs.Job
		if j.Kind == action.JobDrain {
			instead = jobs.Job{Job: action.Job{Kind: action.JobDiscard, About: j.About}, Gone: j.Gone}
			if instead, err = i.addJob(ctx, instead); err != nil {
				return err
			}
		}
		end(&j, action.JobCancelled)
		j, err = i.jobs.Put(ctx, j)
		if err == nil && instead.ID != "" {
			j = instead
		}
		return err
	})
	return j, err
}

// end ends a job, as of now.
func end(j *jobs.Job, state action.JobState) {
	j.State, j.Ended = state, time.Now().UTC().Truncate(time.Millisecond)
	if state == action.JobDone {
		j.Total, j.LastError, j.LastCode = cmp.Or(j.Done, j.Total), "", ""
	}
}

// madeWithin is how long an edit may take from its job to its marker; one that
// takes longer was never made.
const madeWithin = 15 * time.Second

// edited tells whether the edit was made that a job belongs to, and gone whether
// it never will be: who made it died, or it was refused.
func (i *Instance) edited(ctx context.Context, j *jobs.Job) (made, gone bool, err error) {
	if j.Before == 0 {
		return true, false, nil
	}
	latest, _, err := i.revisions.Latest(ctx)
	if err != nil {
		return false, false, err
	}
	since, err := i.revisions.History(ctx, 0, int(min(latest.Revision-min(j.Before, latest.Revision), action.MaxRevisions)))
	if err != nil {
		return false, false, err
	}
	for _, r := range since {
		if r.Job == j.ID {
			_, _, err := i.base(ctx, edition{}) // its lines drain then, in any case
			return true, false, err
		}
	}
	return false, time.Since(j.Made) > madeWithin, nil
}

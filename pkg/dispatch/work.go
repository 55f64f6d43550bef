package dispatch

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
)

const (
	stepFor   = 250 * time.Millisecond // how long one step of a job may take, before somebody else gets a turn
	lookAgain = 500 * time.Millisecond // how often it is looked how far the workers are
	tryAgain  = time.Second            // how soon a job goes on that something held up
	sweepJobs = 10 * time.Minute       // how often old ones are removed
)

// knownJobs is what a dispatcher knows of the jobs of all instances by following
// them.
type knownJobs struct {
	dispatcher *Dispatcher
	mu         sync.Mutex
	by         map[string]jobs.Job // by key
}

func (k *knownJobs) begin(d *Dispatcher) { k.dispatcher, k.by = d, map[string]jobs.Job{} }

func (k *knownJobs) set(key string, j *jobs.Job) {
	k.mu.Lock()
	before := k.by[key]
	instance := before.Instance
	if j == nil {
		delete(k.by, key)
	} else {
		instance = j.Instance
		kept := *j
		kept.First, kept.Missing, kept.Filter.IDs = nil, nil, nil // they may be many
		k.by[key] = kept
	}
	k.mu.Unlock()
	if j != nil && before.ID != "" && !j.HasEnded() {
		return // progress
	}
	if known, ok := k.dispatcher.instances.Load(instance); ok {
		select {
		case known.(*Instance).news <- struct{}{}:
		default: // they are about to be looked at
		}
	}
}

// of lists the jobs of an instance, the oldest first.
func (k *knownJobs) of(instance string) []jobs.Job {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []jobs.Job
	for _, j := range k.by {
		if j.Instance == instance {
			all = append(all, j)
		}
	}
	slices.SortFunc(all, func(a, b jobs.Job) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// work goes on with the jobs of the instance until ctx ends, one step of each
// after the other. Any number of dispatchers do so: each step is made under the
// lead, from what is stored, so another takes over where one has died.
func (i *Instance) work(ctx context.Context) {
	due := map[string]time.Time{} // when a job is to be looked at
	next := time.NewTimer(0)
	defer next.Stop()
	var swept time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-i.news:
		case <-next.C:
		}
		if time.Since(swept) > sweepJobs {
			swept = time.Now()
			if err := i.jobs.Sweep(ctx, swept); err != nil {
				i.log.Debug().Err(err).Msg("old jobs not removed")
			}
		}
		next.Reset(i.round(ctx, due))
	}
}

// round makes a step of each job that is due, and tells how long nothing is due.
func (i *Instance) round(ctx context.Context, due map[string]time.Time) time.Duration {
	wait := i.dispatcher.pace.record
	known := map[string]jobs.Job{}
	for _, j := range i.dispatcher.jobs.of(i.ID) {
		known[j.ID] = j
		if j.HasEnded() {
			delete(due, j.ID)
			continue
		}
		if left := time.Until(due[j.ID]); left > 0 {
			wait = min(wait, left)
			continue
		}
		again, err := i.step(ctx, j.ID)
		if err != nil {
			if ctx.Err() != nil {
				return wait
			}
			i.log.Debug().Err(err).Str("job", j.ID).Msg("the job waits")
			again = tryAgain
		}
		due[j.ID] = time.Now().Add(again)
		wait = min(wait, again)
	}
	if err := i.letGoOf(ctx, known); err != nil && ctx.Err() == nil {
		i.log.Debug().Err(err).Msg("lines of jobs that have ended do not go on yet")
		wait = min(wait, tryAgain)
	}
	return wait
}

// step takes a job a step on, and tells when the next one is due.
func (i *Instance) step(ctx context.Context, id string) (again time.Duration, err error) {
	err = i.lead(ctx, func(ctx context.Context) error {
		j, err := i.jobs.Get(ctx, id)
		if action.CodeOf(err) == action.CodeNotFound {
			again = tryAgain // it is gone, and soon known to be
			return nil
		}
		if err != nil || j.HasEnded() {
			return err
		}
		made, gone, err := true, false, error(nil)
		if !j.Begun {
			made, gone, err = i.edited(ctx, &j)
		}
		switch {
		case gone:
			return i.jobs.Forget(ctx, id)
		case err == nil && !made:
			again = lookAgain
			return nil
		case err == nil:
			again, err = i.goOn(ctx, &j)
		}
		if err != nil {
			again = tryAgain
			return i.heldUp(ctx, &j, err)
		}
		return nil
	})
	return again, err
}

// goOn takes a job a step on, and stores how far it is.
func (i *Instance) goOn(ctx context.Context, j *jobs.Job) (again time.Duration, err error) {
	switch j.Kind {
	case action.JobDiscard, action.JobSkip:
		again, err = i.emptyLines(ctx, j)
	case action.JobDrain:
		again, err = i.seeDrain(ctx, j)
	case action.JobReplay:
		again, err = i.seeReplay(ctx, j)
	case action.JobRedrive, action.JobDiscardLetters:
		err = i.moveLetters(ctx, j)
	default:
		err = action.NewError(action.CodeNewer, action.StageStore, "")
	}
	if err != nil {
		return 0, err
	}
	j.LastError, j.LastCode = "", ""
	if err := i.putJob(ctx, j); err != nil {
		return 0, err
	}
	if j.HasEnded() {
		i.log.Info().Str("job", j.ID).Str("kind", string(j.Kind)).Str("about", j.About).Uint64("done", j.Done).Msg("job done")
	}
	return again, nil
}

func (i *Instance) putJob(ctx context.Context, j *jobs.Job) error {
	next, err := i.jobs.Put(ctx, *j)
	if err == nil {
		*j = next
	}
	return err
}

// passing are the errors that a job waits for to be over.
var passing = map[action.Code]bool{
	action.CodeUnavailable: true, action.CodeBusy: true, action.CodeNotStored: true, action.CodeStreamFull: true, action.CodeConflict: true,
	action.CodeMissing: true, action.CodeCancelled: true, action.CodeDeadline: true, action.CodeNewer: true, action.CodeUnreadable: true, action.CodeInternal: true,
}

// heldUp notes what keeps a job from going on, or ends it when nothing will
// change that.
func (i *Instance) heldUp(ctx context.Context, j *jobs.Job, why error) error {
	fault := action.AsError(why, action.StageBus)
	if passing[fault.Code] && fault.Code == j.LastCode {
		return why
	}
	fresh, err := i.jobs.Get(ctx, j.ID) // what the step did is not stored
	if err != nil || fresh.HasEnded() {
		return why
	}
	fresh.LastError, fresh.LastCode = fault.Message, fault.Code
	if !passing[fault.Code] {
		end(&fresh, action.JobFailed)
		i.log.Warn().Err(why).Str("job", j.ID).Str("kind", string(j.Kind)).Msg("job failed")
	}
	if _, err := i.jobs.Put(ctx, fresh); err != nil {
		return err
	}
	return why
}

// letGoOf lets those lines go on that stand for jobs which have ended, and ends
// the replays that were cancelled.
func (i *Instance) letGoOf(ctx context.Context, known map[string]jobs.Job) error {
	for _, l := range i.dispatcher.lines.of(i.ID) {
		over := l.Job != "" && known[l.Job].State != action.JobRunning
		for _, j := range known {
			over = over || l.Replay && j.State == action.JobCancelled && j.Kind == action.JobReplay && j.Line == l.Name
		}
		if !over {
			continue
		}
		if err := i.lead(ctx, func(ctx context.Context) error { return i.letGoOfOne(ctx, l.Name) }); err != nil {
			return err
		}
	}
	return nil
}

// letGoOfOne looks at a line and its job as they are stored: what is known of
// them may be old.
func (i *Instance) letGoOfOne(ctx context.Context, name string) error {
	l, there, err := i.lines.Now(ctx, name)
	if err != nil || !there || l.Drained {
		return err
	}
	if l.Replay && l.Job == "" {
		return i.lines.Remove(ctx, l)
	}
	var j jobs.Job
	if l.Job != "" {
		j, err = i.jobs.Get(ctx, l.Job)
	}
	if code := action.CodeOf(err); err != nil && code != action.CodeNotFound && code != action.CodeUnreadable || l.Job == "" || j.State == action.JobRunning {
		return err
	}
	return i.giveBack(ctx, l, &j)
}

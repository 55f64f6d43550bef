package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// Jobs are the jobs of one instance. It is a value, and may be used from any
// goroutine. Errors are *action.Error.
type Jobs struct{ bus.Instance }

// Of gives the jobs of an instance.
func Of(i bus.Instance) Jobs { return Jobs{i} }

// Job is a job, and all that who goes on with it needs to know. Which of the
// fields count is a matter of its kind.
type Job struct {
	action.Job
	// Before is the revision that the edit was made from which the job belongs
	// to; 0 = it belongs to none. The revision that names the job begins it.
	Before uint64 `json:"before,omitempty"`
	Begun  bool   `json:"begun,omitempty"` // what it is about was looked up
	// Org is the organization whose subscription it is about; "" = the instance's, or it
	// is about none. See IsOf.
	Org string `json:"org,omitempty"`

	// Gone are the lines that are emptied or drain: of a target or an execution.
	Gone catalog.Line `json:"gone,omitzero"`
	// Subscription and Lane are what is skipped or replayed; Lane is -1 for all.
	Subscription string `json:"subscription,omitempty"`
	Lane         int    `json:"lane,omitempty"`
	// Line is the one that is worked on, or that replays.
	Line string `json:"line,omitempty"`
	// Until is how long what workers have in hand may take to end.
	Until time.Time `json:"until,omitzero"`

	Filter letters.Filter `json:"filter,omitzero"` // of dead letters

	// Cursor is the sequence, or the place of a dead letter, up to which all is
	// done; To is where it ends, and ToAsync where it ends among async deliveries.
	Cursor  uint64 `json:"cursor,omitempty"`
	To      uint64 `json:"to,omitempty"`
	ToAsync uint64 `json:"to_async,omitempty"`
	// Most bounds how many, of a skip for each line; 0 = all. Taken is how many of
	// the line that is worked on were.
	Most  uint64 `json:"most,omitempty"`
	Taken uint64 `json:"taken,omitempty"`

	// First are the delivery ids of the first dead letters that were acted on, and
	// Missing those asked for that are of none.
	First   []string `json:"first,omitempty"`
	Missing []string `json:"missing,omitempty"`
	// Next is the place at which another job of the same choice goes on; 0 = there
	// is nothing left.
	Next uint64 `json:"next,omitempty"`

	Format int `json:"format,omitempty"`

	revision uint64 // of the value, for who writes it again
}

func (i Jobs) bucket() bus.Bucket { return i.Bucket(bus.BucketJobs) }

func (i Jobs) key(id string) string { return i.Token + "." + id }

// Add stores a job that is new. The error is busy when as many run as may; two
// that come at once may both be let in.
func (i Jobs) Add(ctx context.Context, j Job) (Job, error) {
	all, err := i.List(ctx)
	if err != nil {
		return j, err
	}
	running := 0
	for _, one := range all {
		if !one.HasEnded() {
			running++
		}
	}
	if running >= action.MaxJobs {
		return j, action.NewError(action.CodeBusy, action.StageStore, fmt.Sprintf("%d jobs run already, as many as may: wait until one of them ends, or cancel one", running))
	}
	j.revision = 0
	return i.Put(ctx, j)
}

// Put stores how far a job is. The error is conflict when somebody else has
// written it since it was read, as when it was cancelled.
func (i Jobs) Put(ctx context.Context, j Job) (Job, error) {
	j.Format = action.Format
	raw, err := json.Marshal(j)
	if err != nil {
		return j, action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	next, err := i.bucket().Update(ctx, i.key(j.ID), raw, j.revision)
	if err == nil {
		j.revision = next
	}
	return j, err
}

// Get reads one job; the error is not_found when there is none, or it ended too
// long ago.
func (i Jobs) Get(ctx context.Context, id string) (Job, error) {
	if !isID(id) {
		return Job{}, None(id)
	}
	v, ok, err := i.bucket().Get(ctx, i.key(id))
	if err != nil {
		return Job{}, err
	}
	if !ok {
		return Job{}, None(id)
	}
	return readJob(v)
}

// None is the error of a job that there is none of, or that is another's.
func None(id string) *action.Error {
	return action.NewError(action.CodeNotFound, action.StageStore, fmt.Sprintf("there is no job %q", id)).WithField("id")
}

// IsOf tells whether a job is about what is an organization's alone: its subscription, its
// dead letters, or what waited for its execution or its target. An organization begins no
// other.
func (j Job) IsOf(org string) bool {
	if org == "" {
		return false
	}
	switch j.Kind {
	case action.JobRedrive, action.JobDiscardLetters:
		return j.Filter.Org == org
	case action.JobDiscard, action.JobDrain:
		return j.Gone.Org == org || j.Gone.Owner == org
	}
	return j.Org == org
}

// isID tells whether a text could be the id of a job: it stands in a key.
func isID(id string) bool {
	return len(id) == idLength && strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// idLength is that of a ULID, in bytes.
const idLength = 26

// List reads the jobs of the instance, the newest first. What cannot be read is left
// out.
func (i Jobs) List(ctx context.Context) ([]Job, error) {
	var all []Job
	err := i.bucket().Each(ctx, i.Token+".*", func(v bus.Value) error {
		j, err := readJob(v)
		if i.bucket().Judge(v, err) {
			all = append(all, j)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b Job) int { return cmp.Compare(b.ID, a.ID) })
	return all, err
}

// Forget removes a job.
func (i Jobs) Forget(ctx context.Context, id string) error { return i.bucket().Purge(ctx, i.key(id)) }

// Sweep removes the jobs that ended too long ago, or are too many.
func (i Jobs) Sweep(ctx context.Context, now time.Time) error {
	all, err := i.List(ctx)
	if err != nil {
		return err
	}
	kept := 0
	for _, j := range all {
		if !j.HasEnded() {
			continue
		}
		if kept++; kept <= action.MaxEndedJobs && now.Sub(j.Ended) < action.KeepJobs {
			continue
		}
		if err := i.Forget(ctx, j.ID); err != nil {
			return err
		}
	}
	return nil
}

func readJob(v bus.Value) (j Job, err error) {
	if err = bus.Decode(v.Bytes, &j); err == nil {
		err = action.CheckFormat(j.Format)
	}
	if token, id, _ := strings.Cut(v.Key, "."); err == nil && (!isID(j.ID) || j.ID != id || j.Instance != "" && wire.Token(j.Instance) != token) {
		err = errors.New("it names another job than its key")
	}
	if action.CodeOf(err) == action.CodeNewer {
		return Job{}, fmt.Errorf("the job at %s: %w", bus.ShownKey(v.Key), err)
	}
	if err != nil {
		return Job{}, action.NewError(action.CodeUnreadable, action.StageStore, "the job cannot be read").WithCause(fmt.Errorf("the job at %s: %w", bus.ShownKey(v.Key), err))
	}
	j.revision = v.Revision
	return j, nil
}

// Watch tells how a job stands, now and whenever that changes, until do gives
// false or ctx ends. It ends without a word when the job is removed.
func (i Jobs) Watch(ctx context.Context, id string, do func(Job) (bool, error)) error {
	j, err := i.Get(ctx, id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	news := make(chan struct{}, 1)
	i.bucket().Follow(ctx, i.key(id), func(bus.Value) {
		select {
		case news <- struct{}{}:
		default: // it is about to be read
		}
	})
	for {
		if more, err := do(j); err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return bus.Failure(ctx.Err())
		case <-news:
		}
		next, err := i.Get(ctx, id)
		if action.CodeOf(err) == action.CodeNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		j = next
	}
}

// Follow tells of every job of every instance, now and whenever it changes,
// until ctx ends. A job that was removed, or cannot be read any more, is nil; what
// only a newer version reads is not told. first is closed when all that stood was
// told.
func Follow(ctx context.Context, b *bus.Bus, do func(key string, j *Job)) (first <-chan struct{}) {
	k := b.Bucket(bus.BucketJobs)
	return k.Follow(ctx, ">", func(v bus.Value) {
		var j *Job
		var err error
		if v.Bytes != nil {
			var read Job
			if read, err = readJob(v); err == nil {
				j = &read
			}
		}
		k.Judge(v, err)
		if action.CodeOf(err) != action.CodeNewer {
			do(v.Key, j)
		}
	})
}

package dispatch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
)

// listens makes an execution of events with a target that nobody calls: there is
// no worker.
func listens(t *testing.T, d *running, instance, target string) {
	t.Helper()
	_, _, err := d.tryEdit(t, instance, "api", func(sc *catalog.Scope) {
		add(target, "https://a.example")(sc)
		sc.Sections[action.OnEvent] = []action.Execution{{Name: "user.added", Match: "user.added", Entries: []action.Entry{{Target: target}}}}
	})
	require.NoError(t, err)
}

func publish(t *testing.T, b *bus.Bus, instance string, n int) {
	t.Helper()
	require.NoError(t, bus.Together(n, func(i int) error {
		_, err := b.Instance(instance).Publish(within(t, 20*time.Second), bus.NewEvent{ID: fmt.Sprint(i), AggregateID: "u", Type: "user.added",
			Body: fmt.Appendf(nil, `{"aggregateID":"u","event_type":"user.added","event_payload":{"n":%d}}`, i)})
		return err
	}))
}

// withoutTarget is the edit that takes a target out, with its execution.
func withoutTarget(target string) func(*catalog.Snapshot) (*catalog.Snapshot, error) {
	return func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
		next, sc := current.Draft("")
		remove(target)(sc)
		sc.Sections[action.OnEvent] = nil
		return next, nil
	}
}

// TestDiscardBelongsToItsEdit: the job of a delete is done by who is left when
// the one that was asked dies behind its edit, in one instance and not in the
// other; that of an edit which was refused goes.
func TestDiscardBelongsToItsEdit(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	first, second := f.dispatcher(), f.dispatcher()
	b := f.bus()
	for _, instance := range instances {
		listens(t, first, instance, "goes")
		publish(t, b, instance, 700)
	}
	job := jobs.Job{Job: action.Job{Kind: action.JobDiscard}, Gone: catalog.Line{Target: "goes"}}
	_, _, err := first.Instance(instance).EditWithJob(within(t, 20*time.Second), "api", &job, withoutTarget("goes"))
	require.NoError(t, err)
	require.NotEmpty(t, job.ID)
	require.NoError(t, first.Stop(within(t, 10*time.Second)))
	done := second.ended(t, instance, job.ID, action.JobDone)
	require.Equal(t, []uint64{700, 700}, []uint64{done.Done, done.Total})
	all, err := letters.Of(b.Instance(instance)).All(within(t, 20*time.Second))
	require.NoError(t, err)
	require.Len(t, all, 700)
	for i := 1; i < len(all); i++ {
		require.Greater(t, all[i].Sequence, all[i-1].Sequence, "in their order")
	}
	awaitWaiting(t, second.Instance(instances[1]), "goes", 700)
	list, err := second.Instance(instances[1]).Jobs(within(t, 5*time.Second))
	require.NoError(t, err)
	require.Empty(t, list)
}

// TestJobOfAnEditThatNeverWas: who stores a job and dies before its edit leaves
// nothing that is discarded.
func TestJobOfAnEditThatNeverWas(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	b := f.bus()
	listens(t, d, instance, "stays")
	publish(t, b, instance, 3)
	current := d.now(t).Revision
	job, err := jobs.Of(b.Instance(instance)).Add(within(t, 5*time.Second), jobs.Job{
		Job:    action.Job{ID: "01M8K0Z2TMA3ZFYXFTCVW0PN6K", Instance: instance, Kind: action.JobDiscard, State: action.JobRunning, Made: time.Now().Add(-time.Hour)},
		Before: current, Gone: catalog.Line{Target: "stays"}})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := jobs.Of(b.Instance(instance)).Get(within(t, 5*time.Second), job.ID)
		return action.CodeOf(err) == action.CodeNotFound
	}, time.Minute, 50*time.Millisecond)
	awaitWaiting(t, d.Instance(instance), "stays", 3)
	// Another edit in its place does not begin it either.
	before, _ := d.edit(t, "api", add("another", "https://a.example"))
	require.GreaterOrEqual(t, before, current)
}

// TestStepDoneTwice repeats what a dispatcher did that died before it could note
// it: no second letter, and the count is that of the letters.
func TestStepDoneTwice(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	b := f.bus()
	listens(t, d, instance, "goes")
	publish(t, b, instance, 900)
	gone := catalog.Line{Target: "goes"}
	all, err := lines.Of(b.Instance(instance)).List(within(t, 5*time.Second))
	require.NoError(t, err)
	line := all[0]
	if line.Async {
		line = all[1]
	}
	// The letters of the first 300 are there, and nobody has noted it.
	var made []action.DeadLetter
	messages, err := lines.Of(b.Instance(instance)).Batch(within(t, 5*time.Second), line, 1, 300)
	require.NoError(t, err)
	require.Len(t, messages, 300)
	for _, m := range messages {
		made = append(made, action.DeadLetter{DeliveryID: line.DeliveryID(m.Sequence, m.StoredAt), Instance: instance, Target: "goes", Phase: action.OnEvent,
			Sequence: m.Sequence, StoredAt: m.StoredAt, Reason: action.CodeDiscarded, Body: m.Body})
	}
	require.NoError(t, letters.Of(b.Instance(instance)).KeepAll(within(t, 10*time.Second), made))
	job := jobs.Job{Job: action.Job{Kind: action.JobDiscard}, Gone: gone}
	_, _, err = d.Instance(instance).EditWithJob(within(t, 20*time.Second), "api", &job, withoutTarget("goes"))
	require.NoError(t, err)
	require.EqualValues(t, 900, d.ended(t, instance, job.ID, action.JobDone).Done)
	kept, err := letters.Of(b.Instance(instance)).All(within(t, 20*time.Second))
	require.NoError(t, err)
	require.Len(t, kept, 900)
	require.EqualValues(t, messages[0].Sequence, kept[0].Sequence)
}

// half waits until a job is about half done, and cancels it.
func (r *running) half(t *testing.T, id string, at uint64) jobs.Job {
	t.Helper()
	require.NoError(t, r.Instance(instance).WatchJob(within(t, 30*time.Second), id, func(j jobs.Job) (bool, error) { return j.Done < at && !j.HasEnded(), nil }))
	j, err := r.Instance(instance).CancelJob(within(t, 10*time.Second), id)
	require.NoError(t, err)
	require.Equal(t, action.JobCancelled, j.State)
	return j
}

// TestRedriveCancelledAndResumed sends 10,000 dead letters again, is cancelled in
// the middle, and the same once more sends the rest: each is sent once.
func TestRedriveCancelledAndResumed(t *testing.T) {
	t.Parallel()
	const many = 5000
	f := newFleet(t)
	d := f.dispatcher()
	b := f.bus()
	for _, instance := range instances {
		listens(t, d, instance, "hook")
	}
	var made []action.DeadLetter
	for i := range many {
		made = append(made, action.DeadLetter{DeliveryID: fmt.Sprintf("dlv_%05d", i), Instance: instance, Target: "hook", Phase: action.OnEvent, Reason: action.CodeSkipped, DeadAt: time.Now(), Body: []byte(`{}`)})
	}
	for from := 0; from < many; from += 500 {
		require.NoError(t, letters.Of(b.Instance(instance)).KeepAll(within(t, 20*time.Second), made[from:from+500]))
	}
	require.NoError(t, letters.Of(b.Instance(instances[1])).KeepAll(within(t, 5*time.Second), made[:1]))

	redrive := jobs.Job{Job: action.Job{Kind: action.JobRedrive}}
	began := time.Now()
	j, err := d.Instance(instance).Begin(within(t, 5*time.Second), redrive)
	require.NoError(t, err)
	half := d.half(t, j.ID, 1)
	left, err := letters.Of(b.Instance(instance)).Count(within(t, 5*time.Second))
	require.NoError(t, err)
	require.Equal(t, uint64(many), half.Done+left, "what is done is done, and counted")
	require.Positive(t, left, "it was cancelled in the middle")
	again, err := d.Instance(instance).Begin(within(t, 5*time.Second), redrive)
	require.NoError(t, err)
	rest := d.ended(t, instance, again.ID, action.JobDone)
	require.Equal(t, left, rest.Done)
	t.Logf("%d and %d sent again in %s", half.Done, rest.Done, time.Since(began))
	sent, err := b.State(within(t, 5*time.Second), b.Instance(instance).Async)
	require.NoError(t, err)
	require.EqualValues(t, many, sent.State.Msgs, "each once")
	require.Equal(t, []string{"dlv_00000", "dlv_00001"}, half.First[:2], "in their order")
	n, err := letters.Of(b.Instance(instances[1])).Count(within(t, 5*time.Second))
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "those of the other instance stay")

	_, err = d.Instance(instance).CancelJob(within(t, 5*time.Second), again.ID)
	code(t, action.CodeConflict, err)
	_, err = d.Instance(instances[1]).CancelJob(within(t, 5*time.Second), again.ID)
	code(t, action.CodeNotFound, err)
}

// TestDiscardCancelled lets the lines go on behind what has a letter, in order or
// not: what was not reached waits, and nothing is both.
func TestDiscardCancelled(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	b := f.bus()
	listens(t, d, instance, "goes")
	publish(t, b, instance, 20000)
	job := jobs.Job{Job: action.Job{Kind: action.JobDiscard}, Gone: catalog.Line{Target: "goes"}}
	_, _, err := d.Instance(instance).EditWithJob(within(t, 20*time.Second), "api", &job, withoutTarget("goes"))
	require.NoError(t, err)
	half := d.half(t, job.ID, 1)
	kept, err := letters.Of(b.Instance(instance)).Count(within(t, 5*time.Second))
	require.NoError(t, err)
	require.Equal(t, half.Done, kept)
	require.Less(t, kept, uint64(20000), "it was cancelled in the middle")
	all := lines.Of(b.Instance(instance))
	require.Eventually(t, func() bool {
		some, err := all.List(within(t, 5*time.Second))
		require.NoError(t, err)
		for _, l := range some {
			if l.Target != "goes" {
				continue
			}
			s, err := all.Standing(within(t, 5*time.Second), l)
			return err == nil && l.Job == "" && !s.Held && s.Pending == 20000-kept
		}
		return false
	}, time.Minute, 50*time.Millisecond, "the line drains on, behind the letters")
}

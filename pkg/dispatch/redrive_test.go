package dispatch_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// bury keeps dead letters of an instance, dlv_00000 and so on, by turns of the
// targets a and b.
func (of tenant) bury(t *testing.T, many int) {
	t.Helper()
	var made []action.DeadLetter
	for n := range many {
		made = append(made, action.DeadLetter{DeliveryID: fmt.Sprintf("dlv_%05d", n), Instance: of.id, Target: []string{"a", "b"}[n%2], EventType: "user.added",
			Phase: action.OnEvent, Reason: action.CodeSkipped, DeadAt: time.Now(), Body: []byte(`{}`)})
	}
	require.NoError(t, letters.Of(of.bus().Instance(of.id)).KeepAll(within(t, 20*time.Second), made))
}

// left lists the ids of the dead letters that are left.
func (of tenant) left(t *testing.T) (ids []string) {
	t.Helper()
	all, err := letters.Of(of.bus().Instance(of.id)).All(within(t, 20*time.Second))
	require.NoError(t, err)
	for _, l := range all {
		ids = append(ids, l.DeliveryID)
	}
	return ids
}

// TestLettersAreChosen by their ids, by what they are about, and by how many: a job
// tells what it did, what it missed, and where the next one goes on. What came behind
// its end is not met.
func TestLettersAreChosen(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	first, second := f.dispatcher(), f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		_, err := first.Instance(of.id).Apply(within(t, 20*time.Second), oneLineOf(t, of.id))
		require.NoError(t, err)
		of.bury(t, 8)
		do := func(j jobs.Job) jobs.Job {
			t.Helper()
			j, err := first.Instance(of.id).Begin(within(t, 20*time.Second), j)
			require.NoError(t, err)
			return second.ended(t, of.id, j.ID, action.JobDone)
		}
		redrive, discard := jobs.Job{Job: action.Job{Kind: action.JobRedrive}}, jobs.Job{Job: action.Job{Kind: action.JobDiscardLetters}}
		byID := redrive
		byID.Filter.IDs = []string{"dlv_00005", "dlv_none", "dlv_00002"}
		done := do(byID)
		require.Equal(t, []any{uint64(2), uint64(2), []string{"dlv_00002", "dlv_00005"}, []string{"dlv_none"}}, []any{done.Done, done.Total, done.First, done.Missing})
		require.Equal(t, []string{"dlv_00000", "dlv_00001", "dlv_00003", "dlv_00004", "dlv_00006", "dlv_00007"}, of.left(t))

		some := discard
		some.Filter.Target, some.Most = "b", 2
		done = do(some)
		require.Equal(t, []any{uint64(2), []string{"dlv_00001", "dlv_00003"}}, []any{done.Done, done.First})
		require.Positive(t, done.Next)
		some.Cursor = done.Next - 1
		done = do(some)
		require.Equal(t, []any{uint64(1), []string{"dlv_00007"}, uint64(0)}, []any{done.Done, done.First, done.Next})
		require.Equal(t, []string{"dlv_00000", "dlv_00004", "dlv_00006"}, of.left(t))

		bounded := redrive
		one, err := first.Instance(of.id).DeadLetter(within(t, 20*time.Second), "dlv_00004")
		require.NoError(t, err)
		bounded.To = one.Place
		require.EqualValues(t, 2, do(bounded).Done)
		require.Equal(t, []string{"dlv_00006"}, of.left(t))
		b := of.bus()
		sent, err := b.State(within(t, 20*time.Second), b.Instance(of.id).Async)
		require.NoError(t, err)
		require.EqualValues(t, 4, sent.State.Msgs, "what is discarded is not sent")
	})
}

// TestAJobOutlivesItsDispatcher: the one that works on it dies behind one of its
// writes. Another one ends it: nothing is left out, and nothing is done twice.
// The same job of another instance is done meanwhile.
func TestAJobOutlivesItsDispatcher(t *testing.T) {
	t.Parallel()
	const many = 300 // more than one batch
	for kind, j := range map[action.JobKind]jobs.Job{
		action.JobRedrive: {}, action.JobDiscardLetters: {}, action.JobSkip: {Subscription: "user.added/hook", Lane: dispatch.AllLanes},
	} {
		writes := map[action.JobKind]int{action.JobRedrive: 2, action.JobDiscardLetters: 3, action.JobSkip: 5}[kind] // one of each kind: a death takes its time
		t.Run(fmt.Sprint(kind, " ", writes), func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			maker := f.patient()
			for _, id := range instances {
				_, err := maker.Instance(id).Apply(within(t, 20*time.Second), oneLineOf(t, id))
				require.NoError(t, err)
				if kind != action.JobSkip {
					tenant{f, id}.bury(t, many)
					continue
				}
				require.NoError(t, act(t, maker.Instance(id).PauseSubscription, j.Subscription))
				publish(t, f.bus(), id, many)
			}
			require.NoError(t, maker.Stop(within(t, 20*time.Second)))
			j.Kind = kind
			tenant{f, instances[0]}.diesAtWork(t, writes, j)
			d := f.patient()
			_, err := d.Instance(instances[1]).Begin(within(t, 20*time.Second), j)
			require.NoError(t, err)
			for n, id := range instances {
				of := tenant{f, id}
				list, err := d.Instance(id).Jobs(within(t, 20*time.Second))
				require.NoError(t, err)
				require.Len(t, list, 1)
				done := d.ended(t, id, list[0].ID, action.JobDone)
				if n == 1 || kind == action.JobSkip { // else what the dead one did may not be noted
					require.EqualValues(t, many, done.Done)
				}
				sent, err := f.bus().State(within(t, 20*time.Second), f.bus().Instance(id).Async)
				require.NoError(t, err)
				waiting, err := d.Instance(id).Waiting(within(t, 20*time.Second), lineTo("hook"))
				require.NoError(t, err)
				want := map[action.JobKind][]uint64{action.JobRedrive: {0, many, 0}, action.JobDiscardLetters: {0, 0, 0}, action.JobSkip: {many, 0, 0}}
				require.Equal(t, want[kind], []uint64{uint64(len(of.left(t))), sent.State.Msgs, waiting})
			}
		})
	}
}

// diesAtWork has a dispatcher of its own begin a job, and die behind a number of
// writes, unless the job has ended by then.
func (of tenant) diesAtWork(t *testing.T, writes int, j jobs.Job) {
	t.Helper()
	c := newCable(t, of.url)
	b := of.busAt(c.url, bus.Options{})
	d := of.dispatcherWith(b, dispatch.Options{})
	c.killBehind(of.id, writes)
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(within(t, time.Minute))
	go func() {
		defer close(ended)
		j, err := d.Instance(of.id).Begin(ctx, j)
		if err == nil {
			_ = d.Instance(of.id).WatchJob(ctx, j.ID, func(now jobs.Job) (bool, error) { return !now.HasEnded(), nil }) // or it dies
		}
	}()
	select {
	case <-c.severed:
		dead, _ := of.leader(t, of.id)
		of.passOver(t, of.id, dead)
	case <-ended:
	}
	cancel()
	<-ended
	c.kill()
	b.Close()
	require.NoError(t, d.Stop(within(t, 20*time.Second)))
}

package dispatch_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
)

// TestReplay sends what is stored from a sequence, or a time, up to now once more, of
// one subscription and one instance; what comes meanwhile it leaves to the line.
func TestReplay(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	first, second := f.dispatcher(), f.dispatcher()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		i, p := first.Instance(of.id), f.publisher()
		x, y := pathOf(of.id, "x"), pathOf(of.id, "y")
		of.made(t, first, baseOf(r, of.id))
		p.publish(t, of.id, "", "user.added", "a", "b")
		f.settled(t, of.id)
		between := time.Now()
		p.publish(t, of.id, "", "user.added", "c", "d")
		p.publish(t, of.id, "", "order.placed", "o")
		f.reach(t, r, map[string]int{x: 4, y: 4})

		j, err := i.Replay(within(t, 20*time.Second), "user.*/x", p.events[1].sequence, time.Time{})
		require.NoError(t, err)
		require.Equal(t, []any{action.JobReplay, "subscription user.*/x"}, []any{j.Kind, j.About})
		done := second.ended(t, of.id, j.ID, action.JobDone)
		require.Equal(t, []uint64{3, 3}, []uint64{done.Total, done.Done}) // counted before a worker hears of it
		_, err = second.Instance(of.id).Replay(within(t, 20*time.Second), "user.*/x", 0, between)
		require.NoError(t, err)
		f.reach(t, r, map[string]int{x: 9})
		f.settled(t, of.id)
		again := map[string]int{}
		for _, a := range r.got(x) {
			again[a.aggregate]++
		}
		require.Equal(t, map[string]int{p.events[0].aggregate: 1, p.events[1].aggregate: 2, p.events[2].aggregate: 3, p.events[3].aggregate: 3}, again)
		require.Len(t, r.got(y), 4, "the other subscription's stay")

		for name, want := range map[string]action.Code{"no/such": action.CodeNotFound, "redrive": action.CodeBadField} {
			_, err = i.Replay(within(t, 20*time.Second), name, 1, time.Time{})
			code(t, want, err)
		}
		_, err = i.Replay(within(t, 20*time.Second), "user.*/x", 0, time.Now().Add(time.Hour))
		code(t, action.CodeBadField, err)
		_, err = i.Replay(within(t, 20*time.Second), "user.*/x", p.events[4].sequence+1000, time.Time{})
		code(t, action.CodeBadField, err)
	})
}

// TestAReplayIsCancelled: its line goes, and the one that it repeats stays where it
// is. Nobody skips what is sent again.
func TestAReplayIsCancelled(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	first, second := f.dispatcher(), f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i, p := first.Instance(of.id), f.publisher()
		of.made(t, first, baseOf(r, of.id))
		p.publish(t, of.id, "", "user.added", "a", "b") // nobody takes them
		j, err := i.Replay(within(t, 20*time.Second), "user.*/x", 1, time.Time{})
		require.NoError(t, err)
		require.Len(t, of.linesOf(t), 5)
		const replay = "user.*/x (replay)"
		first.shows(t, of.id, replay, in(action.SubscriptionRunning))
		require.NoError(t, act(t, i.PauseSubscription, replay))
		skip, err := i.Begin(within(t, 20*time.Second), jobs.Job{Job: action.Job{Kind: action.JobSkip}, Subscription: replay})
		require.NoError(t, err)
		second.ended(t, of.id, skip.ID, action.JobFailed)

		cancelled, err := second.Instance(of.id).CancelJob(within(t, 20*time.Second), j.ID)
		require.NoError(t, err)
		require.Equal(t, action.JobCancelled, cancelled.State)
		require.Eventually(t, func() bool { return len(of.linesOf(t)) == 4 }, time.Minute, 10*time.Millisecond)
		awaitWaiting(t, i, "x", 2)
		require.Empty(t, of.lettersOf(t))
	})
}

package dispatch_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// lettersOf lists the dead letters of an instance, by their sequence.
func (of tenant) lettersOf(t *testing.T) []letters.Letter {
	t.Helper()
	all, err := letters.Of(of.bus().Instance(of.id)).All(within(t, 20*time.Second))
	require.NoError(t, err)
	slices.SortFunc(all, func(a, b letters.Letter) int { return int(int64(a.Sequence) - int64(b.Sequence)) })
	return all
}

// TestSkipGivesUpTheHead of a line that retries: its letter tells how it failed, and
// the next is delivered. Where nothing waits behind a failure there is nothing to skip.
func TestSkipGivesUpTheHead(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		i, p := d.Instance(of.id), f.publisher()
		hook := pathOf(of.id, "hook")
		of.made(t, d, patiently(r, of.id))
		for _, name := range []string{"user.*/hook", "user.*/loose"} {
			code(t, action.CodeNotFound, act(t, i.Skip, name))
		}
		r.answer(hook, 503)
		p.publish(t, of.id, "", "user.added", "u", "v", "w")
		s := d.shows(t, of.id, "user.*/hook", failed(1))
		r.answer(hook, 0)
		require.NoError(t, act(t, i.Skip, "user.*/hook"))
		f.reach(t, r, map[string]int{hook: 3})
		f.settled(t, of.id)
		var got []string
		for _, a := range r.got(hook) {
			got = append(got, a.aggregate)
		}
		require.Equal(t, []string{p.events[0].aggregate, p.events[1].aggregate, p.events[2].aggregate}, got)
		kept := of.lettersOf(t)
		require.Len(t, kept, 1)
		require.Equal(t, []any{action.CodeSkipped, 1, 503, s.FailingSince, "user.added", p.events[0].sequence},
			[]any{kept[0].Reason, kept[0].Attempts, kept[0].LastStatus, kept[0].FailingSince, kept[0].EventType, kept[0].Sequence})
		code(t, action.CodeNotFound, act(t, i.Skip, "user.*/hook"))
	})
}

// TestSkipLeavesWhatIsUnderWay, and what a better match takes: neither is the head of
// a line that could be skipped.
func TestSkipLeavesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		i, p := d.Instance(of.id), f.publisher()
		base := baseOf(r, of.id)
		next, sc := base.Draft("")
		sc.Sections[action.OnEvent] = []action.Execution{execution("user.*", "x"), execution("user.added", "y"), execution("order.placed", "z")}
		of.made(t, d, next)
		require.NoError(t, act(t, i.PauseSubscription, "user.*/x"))
		p.publish(t, of.id, "", "user.added", "u") // of y
		code(t, action.CodeNotFound, act(t, i.Skip, "user.*/x"))
		d.shows(t, of.id, "user.*/x", in(action.SubscriptionPaused))
		p.publish(t, of.id, "", "user.changed", "u", "v")
		require.NoError(t, act(t, i.Skip, "user.*/x"))
		kept := of.lettersOf(t)
		require.Len(t, kept, 1)
		require.Equal(t, []any{"user.changed", p.events[1].sequence, "x"}, []any{kept[0].EventType, kept[0].Sequence, kept[0].Target})

		letGo := r.hold(t, pathOf(of.id, "z"))
		p.publish(t, of.id, "", "order.placed", "o")
		f.reach(t, r, map[string]int{pathOf(of.id, "z"): 1})
		for _, stands := range []bool{false, true} {
			if stands {
				require.NoError(t, act(t, i.PauseSubscription, "order.placed/z"))
			}
			err := act(t, i.Skip, "order.placed/z")
			code(t, action.CodeConflict, err)
			require.ErrorContains(t, err, "under way")
		}
		letGo()
		require.NoError(t, act(t, i.ResumeSubscription, "order.placed/z"))
		f.settled(t, of.id)
		require.Len(t, of.lettersOf(t), 1)
	})
}

// TestManyAreSkipped of a line that stands, the oldest first and no more than are
// asked for; it goes on behind them. Where nothing stands there is nothing to skip,
// and the job says so.
func TestManyAreSkipped(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	first, second := f.dispatcher(), f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		p, name := f.publisher(), "user.*/hook"
		of.change(t, first, func(*catalog.Snapshot) *catalog.Snapshot { return patiently(r, of.id) })
		skip := jobs.Job{Job: action.Job{Kind: action.JobSkip}, Subscription: name, Lane: dispatch.AllLanes, Most: 3}
		j, err := first.Instance(of.id).Begin(within(t, 20*time.Second), skip)
		require.NoError(t, err)
		require.Equal(t, action.CodeNotFound, second.ended(t, of.id, j.ID, action.JobFailed).LastCode)

		p.publish(t, of.id, "", "user.added", strings.Split("abcdefg", "")...)
		for _, want := range []uint64{3, 3, 1} {
			require.NoError(t, act(t, first.Instance(of.id).PauseSubscription, name))
			j, err = second.Instance(of.id).Begin(within(t, 20*time.Second), skip)
			require.NoError(t, err)
			j = first.ended(t, of.id, j.ID, action.JobDone)
			require.Equal(t, []uint64{want, want}, []uint64{j.Done, j.Total})
			first.shows(t, of.id, name, in(action.SubscriptionRunning))
		}
		var sequences []uint64
		for _, l := range of.lettersOf(t) {
			require.Equal(t, []any{action.CodeSkipped, "hook"}, []any{l.Reason, l.Target})
			sequences = append(sequences, l.Sequence)
		}
		var want []uint64
		for _, e := range p.events {
			want = append(want, e.sequence)
		}
		require.Equal(t, want, sequences)
		awaitWaiting(t, first.Instance(of.id), "loose", 7) // the other line has them all
	})
}

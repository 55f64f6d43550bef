package dispatch_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// patiently is a catalog with two targets for all events of users that wait for an
// hour when they failed: hook keeps an order, loose keeps none.
func patiently(r *receiver, id string, change ...func(*action.Execution)) *catalog.Snapshot {
	next, sc := catalog.Empty(id).Draft("")
	for name, kind := range map[string]action.Kind{"hook": action.Webhook, "loose": action.Async} {
		t := hook(name, r.url(id, name))
		t.Kind, t.Retry.Initial, t.Retry.Max = kind, time.Hour, time.Hour
		sc.Targets[name] = t
	}
	e := execution("user.*", "hook", "loose")
	for _, do := range change {
		do(&e)
	}
	sc.Sections[action.OnEvent] = []action.Execution{e}
	return next
}

// shows waits until a subscription's only line stands as it is to, and gives it.
func (r *running) shows(t *testing.T, id, name string, is func(action.Subscription) bool) (s action.Subscription) {
	t.Helper()
	require.Eventually(t, func() bool {
		all, _ := r.Instance(id).Subscriptions(within(t, 20*time.Second)) // none are never what is expected
		at := slices.IndexFunc(all, func(s action.Subscription) bool { return s.Name == name })
		if at >= 0 {
			s = all[at]
		}
		return at >= 0 && is(s)
	}, time.Minute, 10*time.Millisecond, "%v", lazily(func() any { return s }))
	return s
}

// failed tells of a line whose head has failed so often, and waits.
func failed(attempts int) func(action.Subscription) bool {
	return func(s action.Subscription) bool {
		return s.State == action.SubscriptionRetrying && s.Attempts == attempts
	}
}

// in tells of a line that is in a state.
func in(state action.SubscriptionState) func(action.Subscription) bool {
	return func(s action.Subscription) bool { return s.State == state }
}

// act does something to all lanes of a subscription.
func act(t *testing.T, do func(ctx context.Context, name string, lane int) error, name string) error {
	t.Helper()
	return do(within(t, 20*time.Second), name, dispatch.AllLanes)
}

// eventLine is the only line of events to a target.
func (of tenant) eventLine(t *testing.T, target string) lines.Line {
	t.Helper()
	its := slices.DeleteFunc(of.linesOf(t), func(l lines.Line) bool { return l.Target != target })
	require.Len(t, its, 1)
	return its[0]
}

// wait waits until so many deliveries of a line without an order have failed, and
// are kept.
func (of tenant) wait(t *testing.T, target string, attempts, count int) {
	t.Helper()
	l, b := of.eventLine(t, target), lines.Of(of.bus().Instance(of.id))
	require.Eventually(t, func() bool {
		records, _ := b.Records(within(t, 20*time.Second), l) // none are never what is expected
		n := 0
		for _, r := range records {
			if r.Attempts == attempts && r.State != action.LineRunning {
				n++
			}
		}
		return n == count
	}, time.Minute, 10*time.Millisecond)
}

// TestRetryNowEndsTheWait of the head where a line keeps an order, and else of each
// delivery that failed; where nothing failed there is none.
func TestRetryNowEndsTheWait(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		i, p := d.Instance(of.id), f.publisher()
		hook, loose := pathOf(of.id, "hook"), pathOf(of.id, "loose")
		of.made(t, d, patiently(r, of.id))
		for _, name := range []string{"user.*/hook", "user.*/loose"} {
			code(t, action.CodeNotFound, act(t, i.RetryNow, name))
		}
		r.answer(hook, 503)
		r.answer(loose, 503)
		p.publish(t, of.id, "", "user.added", "u", "v")
		d.shows(t, of.id, "user.*/hook", failed(1))
		of.wait(t, "loose", 1, 2)
		require.NoError(t, act(t, i.RetryNow, "user.*/loose"))
		of.wait(t, "loose", 2, 2)
		require.Len(t, r.got(hook), 1, "the other line waits on")
		require.NoError(t, act(t, i.RetryNow, "user.*/hook"))
		d.shows(t, of.id, "user.*/hook", failed(2))
		r.answer(hook, 0)
		require.NoError(t, act(t, i.RetryNow, "user.*/hook"))
		f.reach(t, r, map[string]int{hook: 4})
		require.Equal(t, p.events[1].aggregate, r.got(hook)[3].aggregate, "what waited behind it follows")
		require.Len(t, r.got(loose), 4)
	})
}

// TestWhatHoldsALineUpIsSaid to who wants it to go on: a job that works on it, its
// own pause, or its target's, by somebody or by the configuration. A job of a kind
// that only a newer version knows holds its line until it is cancelled.
func TestWhatHoldsALineUpIsSaid(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i, b := d.Instance(of.id), of.bus().Instance(of.id)
		base := of.made(t, d, patiently(r, of.id))
		refused := func(text string, acts ...func(context.Context, string, int) error) {
			t.Helper()
			for n, do := range acts {
				err := act(t, do, "user.*/hook")
				code(t, action.CodeConflict, err)
				require.ErrorContains(t, err, text, n)
			}
		}
		j, err := i.Begin(within(t, 20*time.Second), jobs.Job{Job: action.Job{Kind: "of tomorrow"}})
		require.NoError(t, err)
		require.NoError(t, i.WatchJob(within(t, time.Minute), j.ID, func(now jobs.Job) (bool, error) { return now.LastCode != action.CodeNewer, nil }))
		_, err = lines.Of(b).Take(within(t, 20*time.Second), of.eventLine(t, "hook"), j.ID)
		require.NoError(t, err)
		refused("by the job "+j.ID, i.RetryNow, i.Skip, i.ResumeSubscription)
		_, err = i.CancelJob(within(t, 20*time.Second), j.ID)
		require.NoError(t, err)
		d.shows(t, of.id, "user.*/hook", in(action.SubscriptionRunning))

		require.NoError(t, act(t, i.PauseSubscription, "user.*/hook"))
		refused("resume the subscription", i.RetryNow)
		require.NoError(t, act(t, i.ResumeSubscription, "user.*/hook"))
		require.NoError(t, i.PauseTarget(within(t, 20*time.Second), "", "hook", "by hand"))
		d.shows(t, of.id, "user.*/hook", func(s action.Subscription) bool {
			return s.State == action.SubscriptionPaused && s.Reason == "by hand"
		})
		refused("resume the target hook", i.RetryNow, i.ResumeSubscription)
		still, err := i.ResumeTarget(within(t, 20*time.Second), "", "hook")
		require.NoError(t, err)
		require.False(t, still)
		d.shows(t, of.id, "user.*/hook", in(action.SubscriptionRunning))
		of.change(t, d, func(*catalog.Snapshot) *catalog.Snapshot {
			next, sc := base.Draft("")
			given := sc.Targets["hook"]
			given.Paused = true
			sc.Targets["hook"] = given
			return next
		})
		refused("resume the target hook", i.RetryNow, i.ResumeSubscription)
		still, err = i.ResumeTarget(within(t, 20*time.Second), "", "hook")
		require.NoError(t, err)
		require.True(t, still, "the configuration says so")
		code(t, action.CodeNotFound, act(t, i.RetryNow, "user.*/loose"))
	})
}

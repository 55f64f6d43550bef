package node_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// obey answers with whatever status it is set to.
func obey(hooks *targets, name string, code int) *atomic.Int64 {
	var status atomic.Int64
	status.Store(int64(code))
	hooks.answer(name, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) })
	return &status
}

func (r *running) subscription(t *testing.T, name string) action.Subscription {
	t.Helper()
	all, err := r.Dispatcher().Instance("default").Subscriptions(within(t, 5*time.Second))
	require.NoError(t, err)
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	require.Fail(t, "no subscription "+name, "%v", all)
	return action.Subscription{}
}

func (r *running) awaitState(t *testing.T, name string, want action.SubscriptionState) action.Subscription {
	t.Helper()
	require.Eventually(t, func() bool { return r.subscription(t, name).State == want }, time.Minute, 5*time.Millisecond, "%+v", r.subscription(t, name))
	return r.subscription(t, name)
}

const oneHook = "targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 1h, max: 1h}}}\nevents: {user.added: {targets: [{target: hook}]}}"

func TestSubscriptionShowsHowItStands(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	obey(hooks, "hook", 503)
	r := run(t, hooks, oneHook, nil)
	require.Equal(t, action.SubscriptionRunning, r.subscription(t, "user.added/hook").State)
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2), event("u", "user.added", 3))
	s := r.awaitState(t, "user.added/hook", action.SubscriptionRetrying)
	require.Equal(t, []any{uint64(2), 1, 1, 503, action.CodeStatus, false}, []any{s.Waiting, s.InWork, s.Attempts, s.LastStatus, s.LastError, s.ToScan})
	require.WithinDuration(t, time.Now(), s.FailingSince, 10*time.Second)
	require.WithinDuration(t, time.Now().Add(time.Hour), s.NextTry, 15*time.Minute)
	require.WithinDuration(t, time.Now(), s.OldestStored, 10*time.Second)
}

// TestLastFailureStays: a line that runs again says how it failed last, and
// that costs one write when it goes on, and none behind that.
func TestLastFailureStays(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 503)
	r := run(t, hooks, strings.ReplaceAll(oneHook, "1h", "10ms"), nil)
	r.publish(t, event("u", "user.added", 1))
	r.awaitState(t, "user.added/hook", action.SubscriptionRetrying)
	status.Store(200)
	s := r.awaitState(t, "user.added/hook", action.SubscriptionRunning)
	require.Equal(t, []any{0, 503, action.CodeStatus, true}, []any{s.Attempts, s.LastStatus, s.LastError, s.FailingSince.IsZero()})
	records, err := jetStreamOf(t, r).KeyValue(t.Context(), "callout_lines")
	require.NoError(t, err)
	written := func() uint64 {
		record, err := records.Get(t.Context(), r.lines(t)[0].RecordKey())
		require.NoError(t, err)
		return record.Revision()
	}
	before := written()
	for i := range uint64(20) {
		r.publish(t, event("u", "user.added", 2+i))
	}
	r.drained(t)
	require.Equal(t, before, written(), "success costs nothing")
	again := r.subscription(t, "user.added/hook")
	require.True(t, again.LastFailed.Equal(s.LastFailed))
	require.True(t, again.LastSuccess.After(s.LastSuccess))
}

// TestStoppedLineShowsItsFailureAfterwards: resuming forgets why the line
// stood, not how it failed.
func TestStoppedLineShowsItsFailureAfterwards(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 503)
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 5ms, max: 5ms, attempts: 2}}}\nevents: {user.added: {on_exhausted: stop, targets: [{target: hook}]}}", nil)
	r.publish(t, event("u", "user.added", 1))
	r.awaitState(t, "user.added/hook", action.SubscriptionStopped)
	status.Store(200)
	require.NoError(t, r.Dispatcher().Instance("default").ResumeSubscription(within(t, 5*time.Second), "user.added/hook", dispatch.AllLanes))
	require.Equal(t, "1", hooks.await(t, "hook", 3)[2].header.Get("Callout-Attempt"), "it has all its attempts again")
	s := r.awaitState(t, "user.added/hook", action.SubscriptionRunning)
	require.Equal(t, []any{503, action.CodeStatus, action.Code("")}, []any{s.LastStatus, s.LastError, s.Reason})
}

// TestAsyncLineShowsItsLastFailure although each of its deliveries has a record
// of its own.
func TestAsyncLineShowsItsLastFailure(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 503)
	r := run(t, hooks, "targets: {hook: {type: async, url: HOOKS/hook, retry: {initial: 10ms, max: 10ms}}}\nrequests: {'*': {targets: [{target: hook}]}}", nil)
	_, err := r.client.Request(within(t, 5*time.Second), callout.Call{Method: "/a.S/M", Request: []byte("{}")})
	require.NoError(t, err)
	hooks.await(t, "hook", 2)
	status.Store(200)
	require.Eventually(t, func() bool { return r.subscription(t, "async/hook").InWork == 0 }, time.Minute, 5*time.Millisecond)
	s := r.subscription(t, "async/hook")
	require.Equal(t, []any{action.SubscriptionRunning, 503, action.CodeStatus}, []any{s.State, s.LastStatus, s.LastError})
	require.WithinDuration(t, time.Now(), s.LastFailed, time.Minute)
}

func TestRetryNowEndsTheWait(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 503)
	r := run(t, hooks, oneHook, nil)
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	r.awaitState(t, "user.added/hook", action.SubscriptionRetrying)
	status.Store(200)
	require.NoError(t, r.Dispatcher().Instance("default").RetryNow(within(t, 5*time.Second), "user.added/hook", dispatch.AllLanes))
	arrivals := hooks.await(t, "hook", 3)
	require.Equal(t, []string{"1", "2", "1"}, []string{arrivals[0].header.Get("Callout-Attempt"), arrivals[1].header.Get("Callout-Attempt"), arrivals[2].header.Get("Callout-Attempt")})
	require.Equal(t, arrivals[0].header.Get("Callout-Delivery-Id"), arrivals[1].header.Get("Callout-Delivery-Id"))
}

func TestSkipGivesUpTheHeadAndGoesOn(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 503)
	r := run(t, hooks, oneHook, nil)
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	r.awaitState(t, "user.added/hook", action.SubscriptionRetrying)
	status.Store(200)
	require.NoError(t, r.Dispatcher().Instance("default").Skip(within(t, 5*time.Second), "user.added/hook", 0))
	arrivals := hooks.await(t, "hook", 2)
	require.Equal(t, uint64(2), markOf(t, arrivals[1]).n)
	letter := r.deadLetters(t, 1)[0]
	require.Equal(t, []any{action.CodeSkipped, 1, 503, arrivals[0].header.Get("Callout-Delivery-Id"), arrivals[0].body},
		[]any{letter.Reason, letter.Attempts, letter.LastStatus, letter.DeliveryID, string(letter.Body)})
	r.drained(t)
}

func TestStoppedLineIsResumedInOrder(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 503)
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 5ms, max: 5ms, attempts: 2}}}\nevents: {user.added: {on_exhausted: stop, targets: [{target: hook}]}}", nil)
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	s := r.awaitState(t, "user.added/hook", action.SubscriptionStopped)
	require.Equal(t, []any{action.CodeExhausted, 2}, []any{s.Reason, s.Attempts})
	require.WithinDuration(t, time.Now(), s.StoppedSince, 10*time.Second)
	status.Store(200)
	require.NoError(t, r.Dispatcher().Instance("default").ResumeSubscription(within(t, 5*time.Second), "user.added/hook", dispatch.AllLanes))
	arrivals := hooks.await(t, "hook", 4)
	require.Equal(t, []uint64{1, 1, 1, 2}, []uint64{markOf(t, arrivals[0]).n, markOf(t, arrivals[1]).n, markOf(t, arrivals[2]).n, markOf(t, arrivals[3]).n})
	require.Equal(t, action.SubscriptionRunning, r.awaitState(t, "user.added/hook", action.SubscriptionRunning).State)
	require.Empty(t, r.deadLetters(t, 0))
}

func TestPausedSubscriptionStandsAndOthersGoOn(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, "targets: {a: {type: webhook, url: HOOKS/a}, b: {type: webhook, url: HOOKS/b}}\nevents: {user.added: {targets: [{target: a}, {target: b}]}}", nil)
	d := r.Dispatcher().Instance("default")
	require.NoError(t, d.PauseSubscription(within(t, 5*time.Second), "user.added/a", dispatch.AllLanes))
	require.NoError(t, d.PauseSubscription(within(t, 5*time.Second), "user.added/a", dispatch.AllLanes), "twice is fine")
	require.Equal(t, action.SubscriptionPaused, r.subscription(t, "user.added/a").State)
	r.publish(t, event("u", "user.added", 1))
	hooks.await(t, "b", 1)
	require.Never(t, func() bool { return len(hooks.got("a")) > 0 }, 200*time.Millisecond, 10*time.Millisecond)
	require.NoError(t, d.ResumeSubscription(within(t, 5*time.Second), "user.added/a", dispatch.AllLanes))
	hooks.await(t, "a", 1)
	err := d.PauseSubscription(within(t, 5*time.Second), "user.added/nobody", dispatch.AllLanes)
	require.Equal(t, action.CodeNotFound, action.CodeOf(err))
}

// letterJob does something to one dead letter, and waits until it is done.
func letterJob(ctx context.Context, d *dispatch.Instance, kind action.JobKind, id string) error {
	j, err := d.Begin(ctx, jobs.Job{Job: action.Job{Kind: kind}, Filter: letters.Filter{IDs: []string{id}}})
	if err != nil {
		return err
	}
	err = d.WatchJob(ctx, j.ID, func(now jobs.Job) (bool, error) { j = now; return !j.HasEnded(), nil })
	switch {
	case err != nil:
		return err
	case len(j.Missing) > 0:
		return action.NewError(action.CodeNotFound, action.StageStore, "")
	case j.State != action.JobDone || j.Done != 1:
		return fmt.Errorf("it is %s, %d done: %s", j.State, j.Done, j.LastError)
	}
	return nil
}

func TestDeadLettersAreSentAgainAsTheyWere(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	status := obey(hooks, "hook", 400)
	r := run(t, hooks, oneHook, nil)
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	letters := r.deadLetters(t, 2)
	first := hooks.await(t, "hook", 2)
	d := r.Dispatcher().Instance("default")
	ctx := within(t, 20*time.Second)

	for _, l := range letters {
		require.NoError(t, letterJob(ctx, d, action.JobRedrive, l.DeliveryID)) // still refused
	}
	hooks.await(t, "hook", 4)
	require.Len(t, r.deadLetters(t, 2), 2)

	status.Store(200)
	require.NoError(t, letterJob(ctx, d, action.JobRedrive, letters[1].DeliveryID))
	last := hooks.await(t, "hook", 5)[4]
	require.Equal(t, first[1].body, last.body, "byte for byte")
	for _, h := range []string{"Callout-Delivery-Id", "webhook-id", "Callout-Sequence"} {
		require.Equal(t, first[1].header.Get(h), last.header.Get(h), h)
	}
	left := r.deadLetters(t, 1)
	require.Len(t, left, 1)
	require.Equal(t, letters[0].StoredAt.UnixNano(), left[0].StoredAt.UnixNano(), "a letter that died twice is still that letter")

	require.NoError(t, letterJob(ctx, d, action.JobDiscardLetters, letters[0].DeliveryID))
	require.Empty(t, r.deadLetters(t, 0))
	for _, kind := range []action.JobKind{action.JobRedrive, action.JobDiscardLetters} {
		require.Equal(t, action.CodeNotFound, action.CodeOf(letterJob(ctx, d, kind, "nobody")))
	}
}

func TestReplaySendsAgainAndDisturbsNobody(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, lanes: 4}, other: {type: webhook, url: HOOKS/other}}\nevents: {user.added: {targets: [{target: hook}, {target: other}]}}", nil)
	stored := r.publish(t, event("a", "user.added", 1), event("b", "user.added", 2), event("c", "user.added", 3), event("d", "user.changed", 4))
	hooks.await(t, "hook", 3)
	j, err := r.Dispatcher().Instance("default").Replay(within(t, 5*time.Second), "user.added/hook", stored[1].StreamSequence, time.Time{})
	require.NoError(t, err)
	require.Contains(t, j.Line, "replay")
	arrivals := hooks.await(t, "hook", 5)
	r.publish(t, event("e", "user.added", 5))
	hooks.await(t, "hook", 6)
	require.Eventually(t, func() bool { return len(r.lines(t)) == 5 }, time.Minute, 10*time.Millisecond, "its line goes when it is done")
	seen := map[uint64]int{}
	replayed := 0
	for _, a := range hooks.got("hook") {
		seen[markOf(t, a).n]++
		if a.header.Get("Callout-Replay") == "true" {
			replayed++
		}
	}
	require.Equal(t, map[uint64]int{1: 1, 2: 2, 3: 2, 5: 1}, seen)
	require.Equal(t, 2, replayed, "they say so")
	ids := map[string]bool{}
	for _, a := range arrivals {
		ids[a.header.Get("Callout-Delivery-Id")] = true
	}
	require.Len(t, ids, 3, "the ids of the deliveries, again")
	require.Len(t, hooks.await(t, "other", 4), 4)
	_, err = r.Dispatcher().Instance("default").Replay(within(t, 5*time.Second), "user.added/hook", 0, time.Now().Add(time.Hour))
	require.Equal(t, action.CodeBadField, action.CodeOf(err))
}

// TestLetterThatDiesAgainIsNotLost is a redrive whose author is slower than the
// worker: the letter has died again before the old one is taken out.
func TestLetterThatDiesAgainIsNotLost(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	obey(hooks, "hook", 400)
	r := run(t, hooks, oneHook, nil)
	r.publish(t, event("u", "user.added", 1))
	letter := r.deadLetters(t, 1)[0]
	for n := range 30 { // the race is won by either
		require.NoError(t, letterJob(within(t, 5*time.Second), r.Dispatcher().Instance("default"), action.JobRedrive, letter.DeliveryID))
		hooks.await(t, "hook", n+2)
		require.Equal(t, letter.DeliveryID, r.deadLetters(t, 1)[0].DeliveryID)
	}
}

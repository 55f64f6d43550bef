package work

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// TestALimitOfTheTargetChargesNothing: a target that takes one at a time has its
// line wait for a call that it is busy with.
func TestALimitOfTheTargetChargesNothing(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook, concurrency: 1, timeout: 20s}}\nevents: {user.added: {targets: [{target: hook}]}}\nfunctions: {f: {targets: [{target: hook}]}}")
	entered, letGo := g.blocking("hook")
	log := &logged{}
	g.worker(func(o *Options) { o.Log = zerolog.New(log) })
	called := make(chan error, 1)
	go func() { _, err := g.at("north").call("f", `{}`); called <- err }()
	require.Equal(t, "north", <-entered)
	g.publish("user.added", 1)
	require.Equal(t, "south", <-entered, "the target of that name in the other instance has limits of its own")
	g.eventually(func() bool { return countOf(log, "delivery waits for its target's limits") > 0 }, "it does not wait")
	north := g.at("north")
	require.Empty(t, north.record(l0(north)).State, "it is no failure")
	letGo()
	require.NoError(t, <-called)
	require.Equal(t, "1", north.got("hook", 2)[1].header.Get("Callout-Attempt"))
	north.dead(0)
}

// TestTheRecordOfAFailure says when, how and how often, and what is left of it
// when the line runs again.
func TestTheRecordOfAFailure(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 1h, max: 1h}}}\nevents: {user.added: {targets: [{target: hook}]}}")
	var fails atomic.Bool
	g.hooks.answer("north/hook", func(w http.ResponseWriter, _ *http.Request) {
		if fails.Load() {
			w.WriteHeader(503)
		}
	})
	g.worker()
	north, l := g.at("north"), g.at("north").line("user.added/hook")
	g.publish("user.added", 1)
	north.got("hook", 1)
	north.drained(l)
	fails.Store(true)
	began := time.Now()
	g.publish("user.added", 2)
	g.eventually(func() bool { return north.record(l).State == action.LineRetrying }, "the failure is not written down")
	r := north.record(l)
	require.Equal(t, []any{1, 503, action.CodeStatus, 0}, []any{r.Attempts, r.LastStatus, r.LastCode, r.Held})
	require.False(t, r.LastSuccess.IsZero())
	require.True(t, r.LastSuccess.Before(r.LastFailed), "%+v", r)
	require.WithinRange(t, r.FailingSince, began.Add(-time.Second), r.LastFailed.Add(time.Second))
	require.WithinRange(t, r.NextTry, began.Add(40*time.Minute), time.Now().Add(80*time.Minute))
	fails.Store(false)
	require.NoError(t, g.dispatcher.Instance("north").RetryNow(within(t, 10*time.Second), "user.added/hook", -1))
	require.Equal(t, "2", north.got("hook", 3)[2].header.Get("Callout-Attempt"))
	north.drained(l)
	g.eventually(func() bool { return !north.record(l).Holds() }, "it says that it fails")
	require.Equal(t, 503, north.record(l).LastStatus, "how it failed last stays")
	g.at("south").got("hook", 2)
	require.Empty(t, g.at("south").record(l0(g.at("south"))))
}

// TestAReplayIsSaidToBeOne in the instance where it was asked for.
func TestAReplayIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.worker()
	g.publish("user.added", 1)
	first := g.at("north").got("hook", 1)[0]
	_, err := g.dispatcher.Instance("north").Replay(within(t, 10*time.Second), "user.added/hook", 1, time.Time{})
	require.NoError(t, err)
	again := g.at("north").got("hook", 2)[1]
	require.Equal(t, first.header.Get("Idempotency-Key"), again.header.Get("Idempotency-Key"))
	require.NotEqual(t, first.header.Get("Callout-Replay"), again.header.Get("Callout-Replay"))
	g.at("south").got("hook", 1)
}

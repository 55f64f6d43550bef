package node_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/work"
)

// times is n, or more of it when CALLOUT_ROUNDS asks for longer runs.
func times(t *testing.T, n int) int {
	t.Helper()
	if text := os.Getenv("CALLOUT_ROUNDS"); text != "" {
		rounds, err := strconv.Atoi(text)
		require.NoError(t, err)
		return n * max(rounds/3, 1)
	}
	return n
}

// TestCrashBetweenDeadLetterAndAck is what a worker finds that takes over after
// another stored the dead letter, and died before it told the server.
func TestCrashBetweenDeadLetterAndAck(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, oneHook, func(o *node.Options) { o.WithoutWorker = true })
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	ctx := within(t, 20*time.Second)
	l := r.lines(t)[0]
	died := make(chan struct{})
	first := lines.NewConsumer(r.bus, 1, func(_ context.Context, d *lines.Delivery) {
		record := action.LineRecord{Sequence: d.Sequence, DeliveryID: l.DeliveryID(d.Sequence, d.StoredAt), Attempts: 1,
			State: action.LineGivenUp, Reason: action.CodeStatus, LastStatus: 400}
		require.NoError(t, r.book().PutRecord(ctx, d, record))
		require.NoError(t, letters.Of(r.bus.Instance("default")).Keep(ctx, action.DeadLetter{DeliveryID: record.DeliveryID, Instance: "default", Target: "hook",
			Reason: action.CodeStatus, Attempts: 1, Body: d.Body}, 0))
		close(died) // and nothing is told to the server
	})
	first.Start(ctx, l)
	<-died
	go first.Stop()
	startWorker(t, r)
	require.Equal(t, uint64(2), markOf(t, hooks.await(t, "hook", 1)[0]).n, "the first is not sent again")
	r.drained(t)
	require.Len(t, r.deadLetters(t, 1), 1)
	require.Len(t, hooks.got("hook"), 1)
}

func startWorker(t *testing.T, r *running) {
	t.Helper()
	b, err := bus.Connect(within(t, 5*time.Second), bus.Options{URL: r.NATSURL(), Name: "test worker", AckWait: time.Second})
	require.NoError(t, err)
	invoker := invoke.New(invoke.Options{AllowLocal: true})
	w, err := work.Start(within(t, 10*time.Second), work.Options{Bus: b, Invoker: invoker})
	require.NoError(t, err)
	t.Cleanup(func() {
		r.twin.check(t) // while there is somebody who delivers
		require.NoError(t, w.Stop(within(t, 5*time.Second)))
		invoker.Close()
		b.Close()
	})
}

// TestDeadLetterStreamAway deletes the dead letter stream: the event that would
// go there stays, and goes there when a dispatcher has made it again.
func TestDeadLetterStreamAway(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	obey(hooks, "hook", 400)
	r := run(t, hooks, oneHook, nil)
	require.NoError(t, jetStreamOf(t, r).DeleteStream(t.Context(), "CALLOUT_DEAD_default"))
	r.publish(t, event("u", "user.added", 1))
	require.Len(t, r.deadLetters(t, 1), 1)
	r.drained(t)
	require.Len(t, hooks.got("hook"), 1, "and its target was asked once")
}

func jetStreamOf(t *testing.T, r *running) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(r.NATSURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

// TestFullStreamLosesNothing fills the stream while a line stands: publishers
// are refused, nothing is dropped, and all is delivered in order afterwards.
func TestFullStreamLosesNothing(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, oneHook, func(o *node.Options) { o.MaxStream = 256 << 10 })
	d := r.Dispatcher().Instance("default")
	require.NoError(t, d.PauseSubscription(within(t, 5*time.Second), "user.added/hook", dispatch.AllLanes))
	stored := uint64(0)
	var refused error
	for refused == nil && stored < 10000 {
		e := event("u", "user.added", stored+1)
		e.Payload = []byte(`{"pad":"` + strings.Repeat("x", 1000) + `"}`)
		if _, refused = r.client.Publish(within(t, 5*time.Second), e); refused == nil {
			stored++
		}
	}
	require.Equal(t, action.CodeStreamFull, action.CodeOf(refused), "%v", refused)
	require.Greater(t, stored, uint64(100))
	require.NoError(t, d.ResumeSubscription(within(t, 5*time.Second), "user.added/hook", dispatch.AllLanes), "needs no room")
	hooks.await(t, "hook", int(stored))
	require.Equal(t, int(stored), inOrder(t, hooks.got("hook")))
}

// hooked is a configuration that sends the given event types to the hook.
func hooked(matches ...string) string {
	config := "targets: {hook: {type: webhook, url: HOOKS/hook}, all: {type: webhook, url: HOOKS/all}}\nevents:\n  '*': {targets: [{target: all}]}\n"
	for _, m := range matches {
		config += fmt.Sprintf("  %q: {targets: [{target: hook}]}\n", m)
	}
	return config
}

// TestPublishedAsSoonAsApplyHasAnswered adds an execution, and publishes its
// event from another connection the moment Apply has returned.
func TestPublishedAsSoonAsApplyHasAnswered(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, "", nil)
	n := times(t, 150)
	for i := range n {
		eventType := fmt.Sprintf("user.e%d", i%20)
		r.apply(t, hooks, hooked(eventType))
		r.publish(t, event("u", eventType, uint64(i+1)))
	}
	arrivals := hooks.await(t, "hook", n)
	r.drained(t)
	require.Equal(t, n, r.repeats.once(t, arrivals))
	require.Empty(t, hooks.got("all"), "none went to the less exact execution")
}

// switches is how often executions are switched under a backlog: 1,000 times in
// the longer runs that CALLOUT_ROUNDS asks for.
func switches() int {
	if os.Getenv("CALLOUT_ROUNDS") != "" {
		return 1000
	}
	return 150
}

// TestSwitchesUnderABacklog switches between an all, a group and an exact
// execution while a thousand events wait: each goes to exactly one line, the
// one in force when it was stored. What is published behind an edit is the
// first of the new one, to the single sequence.
func TestSwitchesUnderABacklog(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, "", nil)
	d := r.Dispatcher().Instance("default")
	apply := func(match, target string) {
		config := "targets: {all: {type: webhook, url: HOOKS/all}, group: {type: webhook, url: HOOKS/group}, exact: {type: webhook, url: HOOKS/exact}}\n" +
			"events: {'*': {targets: [{target: all}]}"
		if match != "" {
			config += fmt.Sprintf(", %q: {targets: [{target: %s}]}", match, target)
		}
		r.apply(t, hooks, config+"}")
	}
	apply("", "")
	require.NoError(t, d.PauseSubscription(within(t, 5*time.Second), "*/all", dispatch.AllLanes))
	want := map[uint64]string{}
	n := uint64(0)
	publish := func(to string, k int) {
		for range k {
			n++
			want[n] = to
			r.publish(t, event("u", "user.added", n))
		}
	}
	began := time.Now()
	publish("all", 1000) // they wait
	for i := range switches() {
		turn := [][2]string{{"user.*", "group"}, {"user.added", "exact"}, {"", "all"}}[i%3]
		apply(turn[0], turn[1])
		publish(turn[1], 3)
	}
	switched := time.Since(began)
	require.NoError(t, d.ResumeSubscription(within(t, 5*time.Second), "*/all", dispatch.AllLanes))
	require.Eventually(t, func() bool { return len(hooks.got("group"))+len(hooks.got("exact"))+len(hooks.got("all")) >= int(n) }, 60*time.Second, 10*time.Millisecond)
	r.drained(t)
	for _, name := range []string{"group", "exact", "all"} {
		for _, a := range hooks.got(name) {
			m := markOf(t, a)
			require.Equal(t, name, want[m.n], "event %d", m.n)
			delete(want, m.n)
		}
	}
	require.Empty(t, want, "lost")
	t.Logf("%d switches in %s, %d events; all delivered after %s: 0 lost, 0 twice, 0 at the wrong line",
		switches(), switched.Round(time.Millisecond), n, time.Since(began).Round(time.Millisecond))
}

// TestClientSeesWhatIsStoredWhenTheStreamIsFull publishes several at once into
// a stream without room for all of them.
func TestClientSeesWhatIsStoredWhenTheStreamIsFull(t *testing.T) {
	t.Parallel()
	r := run(t, newTargets(t), "", func(o *node.Options) { o.MaxStream = 64 << 10 })
	var events []action.Event
	for i := range uint64(200) {
		e := event("u", "user.added", i)
		e.Payload = []byte(`{"pad":"` + strings.Repeat("x", 1000) + `"}`)
		events = append(events, e)
	}
	stored, err := r.client.Publish(within(t, 10*time.Second), events...)
	require.Equal(t, action.CodeStreamFull, action.CodeOf(err))
	require.NotEmpty(t, stored)
	require.Less(t, len(stored), 200)
}

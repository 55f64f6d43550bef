package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// running starts `callout dev` with a configuration, and gives a way to run
// commands against it.
func running(t *testing.T, tg *target, config string) (p *process, callout func(args ...string) result) {
	t.Helper()
	p = dev(t, tg, configuration(t, fill(tg, config)), "--data", "", "--ack-wait", "1s", "--log-level", "warn")
	return p, func(args ...string) result {
		t.Helper()
		return runWith(t, "callout", runOptions{env: []string{"CALLOUT_SERVER=" + p.ready["http"]}}, args...)
	}
}

// publishedItems is what "events publish -o json" prints.
type publishedItems struct {
	Items []struct {
		ID        string
		Sequence  uint64
		Duplicate bool
	}
}

// publish stores events by the command line and tells their sequences.
func publish(t *testing.T, p *process, events string) (sequences []uint64) {
	t.Helper()
	got := runWith(t, "callout", runOptions{stdin: events}, "events", "publish", "-o", "json", "--server", p.ready["http"])
	require.Zero(t, got.code, got.err)
	for _, e := range read[publishedItems](t, got.out).Items {
		sequences = append(sequences, e.Sequence)
	}
	return sequences
}

// shownSubscription is one of `callout get subscriptions -o json`.
type shownSubscription struct {
	Name, Line, Org, Condition, Target      string
	Lane, Lanes, Shard, InWork, Redelivered int
	State                                   string
	Waiting                                 uint64
	ToScan                                  bool
	Oldest, LastAck, LastSuccess            time.Time
	Attempts                                int
	FailingSince, NextTry, StoppedSince     time.Time
	LastStatus                              int
	LastError, Reason                       string
	LastFailed                              time.Time
}

func subscriptions(t *testing.T, callout func(...string) result, name ...string) []shownSubscription {
	t.Helper()
	got := callout(append([]string{"get", "subscriptions", "-o", "json"}, name...)...)
	require.Zero(t, got.code, got.err)
	return read[struct{ Items []shownSubscription }](t, got.out).Items
}

func awaitSubscription(t *testing.T, callout func(...string) result, name, state string) shownSubscription {
	t.Helper()
	var one shownSubscription
	require.Eventually(t, func() bool {
		one = subscriptions(t, callout, name)[0]
		return one.State == state
	}, bound, 50*time.Millisecond, "%s does not become %s", name, state)
	return one
}

// TestGetSubscriptionsAfterAFailure: how a line failed last is shown when it
// runs again, beside when it last succeeded; and no dead letter is a success.
func TestGetSubscriptionsAfterAFailure(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	status := obey(tg, 503)
	p, callout := running(t, tg, `
targets: {hook: {type: webhook, url: "URL/hook", retry: {initial: 10ms, max: 10ms}, KEY}}
events: {user.added: {targets: [{target: hook}]}}
`)
	const hook = "user.added/hook"
	fresh := subscriptions(t, callout, hook)[0]
	require.Equal(t, []bool{true, true, true}, []bool{fresh.LastAck.IsZero(), fresh.LastSuccess.IsZero(), fresh.LastFailed.IsZero()})
	publish(t, p, "["+userAdded+"]")
	failing := awaitSubscription(t, callout, hook, "retrying")
	require.True(t, failing.LastSuccess.IsZero(), "it never succeeded")
	status.Store(200)
	var running shownSubscription
	require.Eventually(t, func() bool { // its record is written before the server is told
		running = awaitSubscription(t, callout, hook, "running")
		return !running.LastSuccess.IsZero()
	}, bound, 50*time.Millisecond)
	require.Equal(t, []any{0, 503, "status", ""}, []any{running.Attempts, running.LastStatus, running.LastError, running.Reason})
	require.False(t, running.LastFailed.IsZero())
	require.True(t, running.LastFailed.Before(running.LastSuccess), "%s and %s", running.LastFailed, running.LastSuccess)
	require.True(t, running.LastAck.Equal(running.LastSuccess))
	require.Regexp(t, `\nuser\.added/hook +running +0 +status 503, \d+s ago\n$`, callout("get", "subs", hook).out)

	status.Store(400)
	publish(t, p, "["+userAdded+"]")
	var dead shownSubscription
	require.Eventually(t, func() bool {
		dead = subscriptions(t, callout, hook)[0]
		return dead.LastStatus == 400 && dead.InWork == 0
	}, bound, 50*time.Millisecond)
	require.True(t, dead.LastAck.After(running.LastAck), "it went on")
	require.True(t, dead.LastSuccess.Equal(running.LastSuccess), "%s and %s", dead.LastSuccess, running.LastSuccess)
}

// TestGetSubscriptionsBesideNATS shows the same numbers as the plain nats
// command line at the same moment: a target is held while both look.
func TestGetSubscriptionsBesideNATS(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	tg.answer = func(w http.ResponseWriter, a arrival) {
		switch a.path {
		case "/held":
			select { // the line stands at its first event
			case <-a.done:
			case <-tg.closing:
			}
		case "/bad":
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	p, callout := running(t, tg, `
targets:
  held: {type: webhook, url: "URL/held", timeout: 270s, KEY}
  bad: {type: webhook, url: "URL/bad", retry: {initial: 1h, max: 1h}, KEY}
  good: {type: webhook, url: "URL/good", KEY}
events:
  user.added: {targets: [{target: held}, {target: good}]}
  "user.*": {targets: [{target: bad}]}
`)
	nats := natsTool(t, p.ready["nats"])
	nats("--version") // builds it, before anything waits
	const added, changed = `{"aggregateID":"u1","event_type":"user.added"}`, `{"aggregateID":"u1","event_type":"user.changed"}`
	publish(t, p, "["+added+","+changed+","+added+","+changed+","+added+","+added+"]")
	tg.await(t, bound, "all lines stand", func(all []arrival) bool {
		return len(only(all, "/held")) == 1 && len(only(all, "/bad")) == 1 && len(only(all, "/good")) == 4
	})
	awaitSubscription(t, callout, "user.*/bad", "retrying")
	require.Eventually(t, func() bool { return subscriptions(t, callout, "user.added/good")[0].InWork == 0 }, bound, 50*time.Millisecond)

	var names []string
	for _, s := range subscriptions(t, callout) {
		names = append(names, s.Name)
		stream := "CALLOUT_EVENTS_default"
		if s.Name == "redrive" {
			stream = "CALLOUT_ASYNC_default"
		}
		var info struct {
			Pending     uint64 `json:"num_pending"`
			InWork      int    `json:"num_ack_pending"`
			Redelivered int    `json:"num_redelivered"`
			AckFloor    struct {
				Last time.Time `json:"last_active"`
			} `json:"ack_floor"`
		}
		require.NoError(t, json.Unmarshal([]byte(nats("consumer", "info", stream, s.Line, "--json")), &info))
		require.Equal(t, []any{info.Pending, info.InWork, info.Redelivered}, []any{s.Waiting, s.InWork, s.Redelivered}, s.Name)
		require.True(t, info.AckFloor.Last.Equal(s.LastAck), "%s: %s and %s", s.Name, info.AckFloor.Last, s.LastAck)
		require.True(t, s.LastSuccess.Equal(s.LastAck), s.Name)
		require.Regexp(t, fmt.Sprintf(`│ %s +│ Pull +│ Explicit +│ 1\.00s +│ %d +│ %d +│ %d( / \d+%%)? +│`, s.Line, s.InWork, s.Redelivered, s.Waiting),
			nats("consumer", "report", stream))
	}
	require.Equal(t, []string{"redrive", "user.*/bad", "user.added/good", "user.added/held"}, names)
	held, bad, good := subscriptions(t, callout, "user.added/held")[0], subscriptions(t, callout, "user.*/bad")[0], subscriptions(t, callout, "user.added/good")[0]
	require.Equal(t, []any{uint64(3), 1, "running", false}, []any{held.Waiting, held.InWork, held.State, held.ToScan})
	require.Equal(t, []any{1, "retrying", true, 1, 503, "status"}, []any{bad.InWork, bad.State, bad.ToScan, bad.Attempts, bad.LastStatus, bad.LastError})
	require.Equal(t, []any{uint64(0), 0, "running", true}, []any{good.Waiting, good.InWork, good.State, good.Oldest.IsZero()})
	require.WithinDuration(t, time.Now(), held.Oldest, time.Minute)
	require.WithinDuration(t, time.Now(), good.LastAck, time.Minute)
	table := callout("get", "subs", "user.*/bad")
	require.Zero(t, table.code)
	require.Regexp(t, `^NAME +STATE +WAITING +OLDEST +LAST-ERROR\n`+
		`user\.\*/bad +failing for \d+s +≤\d+ +\d+s +status 503, \d+s ago\n$`, table.out)
	require.Contains(t, callout("get", "subscriptions", "user.added/held", "-o", "yaml").out, "\n  inWork: 1\n")
	require.Equal(t, result{1, "", "callout: no subscription is named \"user.added/hold\"; there are redrive, user.*/bad, user.added/good, user.added/held [not_found]\n"},
		callout("get", "subscriptions", "user.added/hold"))
}

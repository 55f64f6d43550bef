package cli_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// obey lets a target answer with whatever status it is set to.
func obey(tg *target, status int64) *atomic.Int64 {
	var now atomic.Int64
	now.Store(status)
	tg.answer = func(w http.ResponseWriter, _ arrival) { w.WriteHeader(int(now.Load())) }
	return &now
}

const oneHook = `
targets: {hook: {type: webhook, url: "URL/hook", retry: {initial: 1h, max: 1h}, KEY}, wide: {type: webhook, url: "URL/wide", lanes: 4, KEY}}
events: {user.added: {targets: [{target: hook}]}, order.placed: {targets: [{target: wide}]}}
`

const userAdded = `{"aggregateID":"u1","event_type":"user.added"}`

func TestSubscriptionRetryNowAndSkip(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	status := obey(tg, 503)
	p, callout := running(t, tg, oneHook)
	const hook = "user.added/hook"
	publish(t, p, "["+userAdded+","+userAdded+","+userAdded+"]")
	awaitSubscription(t, callout, hook, "retrying")
	require.Equal(t, result{0, "subscription user.added/hook makes its next attempt now\n", ""}, callout("subscription", "retry-now", hook))
	first := tg.awaitCount(t, 2)
	require.Equal(t, []any{1, 2, first[0].delivery}, []any{first[0].attempt, first[1].attempt, first[1].delivery})
	awaitSubscription(t, callout, hook, "retrying")
	require.Equal(t, result{0, "subscription user.added/hook has given up its first event, which is a dead letter now; it goes on with the next\n", ""},
		callout("subscription", "skip", hook, "--lane", "0"))
	require.NotEqual(t, first[0].delivery, tg.awaitCount(t, 3)[2].delivery)
	require.Contains(t, callout("dead", "list", "--reason", "skipped").out, first[0].delivery+"  hook    user.added  skipped, 503  ")
	status.Store(200)
	require.Equal(t, result{0, `{"lanes":[0]}` + "\n", ""}, callout("subscription", "retry-now", hook, "-o", "json"))
	require.Equal(t, tg.seen()[2].delivery, tg.awaitCount(t, 5)[3].delivery)
	awaitSubscription(t, callout, hook, "running")
	got := callout("subscription", "skip", hook)
	require.Equal(t, result{1, "", "callout: there is nothing to skip: no event of \"user.added/hook\" waits behind a failure, a stop or a pause [not_found]\n"}, got)
}

// TestSubscriptionStoppedAndResumed: a line that stopped goes on in its order.
func TestSubscriptionStoppedAndResumed(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	status := obey(tg, 503)
	p, callout := running(t, tg, `
targets: {hook: {type: webhook, url: "URL/hook", retry: {initial: 5ms, max: 5ms, attempts: 2}, KEY}}
events: {user.added: {on_exhausted: stop, targets: [{target: hook}]}}
`)
	const hook = "user.added/hook"
	sequences := publish(t, p, "["+userAdded+","+userAdded+"]")
	s := awaitSubscription(t, callout, hook, "stopped")
	require.Equal(t, []any{2, "exhausted"}, []any{s.Attempts, s.Reason})
	require.Regexp(t, `user\.added/hook +stopped for \d+s +1 `, callout("get", "subscriptions").out)
	status.Store(200)
	require.Equal(t, result{0, "subscription user.added/hook goes on\n", ""}, callout("subscription", "resume", hook))
	all := tg.awaitCount(t, 4)
	require.Equal(t, []uint64{sequences[0], sequences[0], sequences[0], sequences[1]}, []uint64{all[0].sequence, all[1].sequence, all[2].sequence, all[3].sequence})
	awaitSubscription(t, callout, hook, "running")
}

func TestSubscriptionPause(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	p, callout := running(t, tg, oneHook)
	const hook = "user.added/hook"
	require.Equal(t, result{0, "subscription user.added/hook is paused; \"callout subscription resume\" lets it go on\n", ""}, callout("subscription", "pause", hook))
	publish(t, p, "["+userAdded+`,{"aggregateID":"o1","event_type":"order.placed"}]`)
	require.Equal(t, "/wide", tg.awaitCount(t, 1)[0].path)
	s := awaitSubscription(t, callout, hook, "paused")
	require.Equal(t, []any{uint64(1), 0}, []any{s.Waiting, s.InWork})
	require.Equal(t, result{0, "subscription user.added/hook goes on\n", ""}, callout("subscription", "resume", hook))
	require.Equal(t, "/hook", tg.awaitCount(t, 2)[1].path)

	require.Equal(t, result{0, "subscription order.placed/wide, each of the lanes 0 1 2 3, is paused; \"callout subscription resume\" lets it go on\n", ""},
		callout("subscription", "pause", "order.placed/wide"))
	require.Equal(t, result{0, "subscription order.placed/wide, lane 3, goes on\n", ""}, callout("subscription", "resume", "order.placed/wide", "--lane", "3"))
	require.Regexp(t, `(?m)^order\.placed/wide\[2/4\] +paused for `, callout("get", "subscriptions").out)
	require.Equal(t, result{1, "", "callout: the subscription \"order.placed/wide\" has the lanes 0 to 3, not 4 [not_found]\n"},
		callout("subscription", "pause", "order.placed/wide", "--lane", "4"))
}

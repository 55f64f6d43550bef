package node_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

func TestEventIsDeliveredAsItWasPublished(t *testing.T) {
	hooks := newTargets(t)
	t.Setenv("HOOK_KEY", sign.NewKey())
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, signing_key: {env: HOOK_KEY}}}\nevents: {user.added: {targets: [{target: hook}]}}", nil)
	stored := r.publish(t, event("u1", "user.added", 7), event("u1", "user.changed", 8))
	a := hooks.await(t, "hook", 1)[0]
	require.Equal(t, `{"aggregateID":"u1","aggregateType":"user","resourceOwner":"acme","instanceID":"default","sequence":7,"event_type":"user.added","created_at":"2026-01-02T03:04:05.0000006Z","event_payload":{"n":7}}`, a.body)
	require.Equal(t, "1", a.header.Get("Callout-Attempt"))
	require.Equal(t, "hook", a.header.Get("Callout-Target"))
	require.Equal(t, fmt.Sprint(stored[0].StreamSequence), a.header.Get("Callout-Sequence"))
	require.NotEmpty(t, a.header.Get("Callout-Remaining-Ms"))
	id := a.header.Get("Callout-Delivery-Id")
	require.Equal(t, []string{id, id}, []string{a.header.Get("Idempotency-Key"), a.header.Get("webhook-id")})
	key := os.Getenv("HOOK_KEY")
	require.NoError(t, sign.VerifyZitadel(a.header.Get("ZITADEL-Signature"), []byte(a.body), time.Now(), key))
	require.NoError(t, sign.VerifyStandard(a.header, []byte(a.body), time.Now(), key))
	r.drained(t)
	require.Len(t, hooks.got("hook"), 1)
}

func TestFailingEventHoldsItsLineAndKeepsItsNumber(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	fail := 0
	hooks.answerHere("hook", func(w http.ResponseWriter, r *http.Request) {
		if fail++; fail <= 3 {
			w.WriteHeader(500 + fail)
		}
	})
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 20ms, max: 40ms}}, other: {type: webhook, url: HOOKS/other}}\nevents: {'*': {targets: [{target: hook}, {target: other}]}}", nil)
	for i := range uint64(5) {
		r.publish(t, event(fmt.Sprint("u", i%2), "user.added", i))
	}
	hooks.await(t, "other", 5) // another line does not wait
	arrivals := hooks.await(t, "hook", 8)
	r.drained(t)
	var order, attempts []string
	ids := map[string]bool{}
	for _, a := range arrivals {
		order = append(order, a.body[len(a.body)-4:len(a.body)-2])
		attempts = append(attempts, a.header.Get("Callout-Attempt"))
		ids[a.header.Get("Callout-Delivery-Id")] = true
	}
	require.Equal(t, []string{":0", ":0", ":0", ":0", ":1", ":2", ":3", ":4"}, order)
	require.Equal(t, []string{"1", "2", "3", "4", "1", "1", "1", "1"}, attempts)
	require.Len(t, ids, 5)
	require.NotContains(t, ids, hooks.got("other")[0].header.Get("Callout-Delivery-Id"), "each subscription has its own")
	for i, least := range []time.Duration{16, 32, 32} {
		require.GreaterOrEqual(t, arrivals[i+1].at.Sub(arrivals[i].at), least*time.Millisecond)
	}
	require.Empty(t, r.deadLetters(t, 0))
}

func TestRefusedEventIsADeadLetterAtOnce(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answerHere("hook", func(w http.ResponseWriter, r *http.Request) {
		if len(hooks.got("hook")) == 1 {
			w.WriteHeader(400)
		}
	})
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, retry: {attempts: 5}}}\nevents: {user.added: {targets: [{target: hook}]}}", nil)
	r.publish(t, event("u1", "user.added", 1), event("u1", "user.added", 2))
	arrivals := hooks.await(t, "hook", 2)
	letter := r.deadLetters(t, 1)[0]
	r.drained(t)
	require.Len(t, hooks.got("hook"), 2, "one call each")
	require.Equal(t, arrivals[0].body, string(letter.Body), "byte for byte")
	require.Equal(t, arrivals[0].header.Get("Callout-Delivery-Id"), letter.DeliveryID)
	require.Equal(t, []any{action.CodeStatus, 400, 1, "hook", "user.added", "user.added", action.OnEvent},
		[]any{letter.Reason, letter.LastStatus, letter.Attempts, letter.Target, letter.EventType, letter.Match, letter.Phase})
	require.Len(t, r.deadLetters(t, 1), 1)
}

func TestLastAttemptIsADeadLetter(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answer("hook", status(503, ""))
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 5ms, max: 5ms, attempts: 3}}}\nevents: {user.added: {targets: [{target: hook}]}}", nil)
	r.publish(t, event("u1", "user.added", 1))
	letter := r.deadLetters(t, 1)[0]
	r.drained(t)
	require.Len(t, hooks.got("hook"), 3)
	require.Equal(t, []any{action.CodeExhausted, 503, 3}, []any{letter.Reason, letter.LastStatus, letter.Attempts})
	s := r.subscription(t, "user.added/hook")
	require.Equal(t, []any{0, action.Code(""), 503, true}, []any{s.Attempts, s.Reason, s.LastStatus, s.NextTry.IsZero()}, "nothing is at its head")
}

func TestStoppedLineStandsAndIsNotLost(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answer("hook", status(503, ""))
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 5ms, max: 5ms, attempts: 2}}}\nevents: {user.added: {on_exhausted: stop, targets: [{target: hook}]}}", nil)
	r.publish(t, event("u1", "user.added", 1), event("u1", "user.added", 2))
	hooks.await(t, "hook", 2)
	lines := r.lines(t)
	require.Len(t, lines, 1)
	require.Never(t, func() bool { return len(hooks.got("hook")) > 2 }, 300*time.Millisecond, 10*time.Millisecond)
	require.Empty(t, r.deadLetters(t, 0))
	require.NoError(t, r.book().Resume(within(t, time.Second), lines[0]))
	require.Never(t, func() bool { return len(hooks.got("hook")) > 2 }, 300*time.Millisecond, 10*time.Millisecond, "its record still says stopped")
	backlog, err := r.book().Backlog(within(t, time.Second), lines[0])
	require.NoError(t, err)
	require.Equal(t, uint64(2), backlog.Lag())
}

func TestGoneTargetIsPausedUntilResumed(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answer("hook", status(410, ""))
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {user.added: {targets: [{target: hook}]}}\nrequests: {'*': {targets: [{target: hook}]}}", nil)
	r.publish(t, event("u1", "user.added", 1), event("u1", "user.added", 2))
	hooks.await(t, "hook", 1)
	require.Never(t, func() bool { return len(hooks.got("hook")) > 1 }, 300*time.Millisecond, 10*time.Millisecond)
	require.Empty(t, r.deadLetters(t, 0))
	hooks.answer("hook", status(200, ""))
	require.NoError(t, r.bus.Instance("default").ResumeTarget(within(t, time.Second), "", "hook"))
	arrivals := hooks.await(t, "hook", 3) // after the wait of a paused line
	require.Equal(t, []string{"1", "1", "1"}, []string{arrivals[0].header.Get("Callout-Attempt"), arrivals[1].header.Get("Callout-Attempt"), arrivals[2].header.Get("Callout-Attempt")})
}

// TestPoisonGoesToTheDeadLettersAndTheLineGoesOn publishes by raw NATS what no
// client of ours would.
func TestPoisonGoesToTheDeadLettersAndTheLineGoesOn(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, "targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {'user.*': {targets: [{target: hook}]}}", nil)
	nc, err := nats.Connect(r.NATSURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	poison := []string{
		`not json`, ``, `[]`, `{"event_type":"user.added"}`, `{"aggregateID":"u1"}`,
		`{"aggregateID":"u1","event_type":"user.changed"}`, `{"aggregateID":"u2","event_type":"user.added"}`,
		`{"aggregateID":"u1","event_type":"user.added","instanceID":"other"}`,
		`{"aggregateID":"u1","event_type":"user.added","resourceOwner":"other"}`,
		`{"aggregateID":"u1","aggregateID":"u1","event_type":"user.added"}`,
	}
	for _, body := range poison {
		answer, err := nc.Request("callout.event.default.acme.u1.user.added", []byte(body), 5*time.Second)
		require.NoError(t, err)
		require.Contains(t, string(answer.Data), `"seq"`)
	}
	for _, subject := range []string{"callout.event.default.bad=org.u1.user.added", "callout.event.default.=.u1.user.ad*ed"} {
		_, err := nc.Request(subject, []byte(`{"aggregateID":"u1","event_type":"user.added"}`), 5*time.Second)
		require.NoError(t, err)
		poison = append(poison, `{"aggregateID":"u1","event_type":"user.added"}`)
	}
	good := `{"aggregateID":"u1", "event_type":"user.added", "extra":9007199254740993}`
	_, err = nc.Request("callout.event.default.acme.u1.user.added", []byte(good), 5*time.Second)
	require.NoError(t, err)
	require.Equal(t, good, hooks.await(t, "hook", 1)[0].body)
	r.drained(t)
	letters := r.deadLetters(t, len(poison))
	require.Len(t, letters, len(poison))
	for i, l := range letters {
		require.Equal(t, []any{action.CodeMalformed, 0, poison[i]}, []any{l.Reason, l.Attempts, string(l.Body)})
	}
	require.Len(t, hooks.got("hook"), 1)
}

func TestMostExactMatchTakesTheEvent(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, `
targets:
  all: {type: webhook, url: HOOKS/all}
  group: {type: webhook, url: HOOKS/group}
  exact: {type: webhook, url: HOOKS/exact}
events:
  "*": {targets: [{target: all}]}
  "user.*": {targets: [{target: group}]}
  user.human.added: {targets: [{target: exact}]}
orgs:
  acme:
    targets: {own: {type: webhook, url: HOOKS/own}}
    events: {"user.*": {targets: [{target: own}, {target: all}]}}
`, nil)
	other := event("x", "user.added", 9)
	other.ResourceOwner = "other"
	r.publish(t, event("a", "user.human.added", 1), event("b", "user.added", 2), event("c", "usergrant.added", 3), event("d", "user", 4), other)
	r.drained(t)
	got := map[string]string{}
	for _, name := range []string{"all", "group", "exact", "own"} {
		for _, a := range hooks.got(name) {
			got[name] += a.body[len(a.body)-3 : len(a.body)-2]
		}
	}
	require.Equal(t, "12", got["own"])
	require.Equal(t, "1", got["exact"])
	require.Equal(t, "29", got["group"])
	all := got["all"]
	require.Len(t, all, 4, "two by the instance, two by the organization: %s", all)
	n, err := strconv.Atoi(all)
	require.NoError(t, err)
	require.Positive(t, n)
}

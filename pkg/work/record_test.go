package work

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/attempts"
)

// deliveries waits for so many in the log of attempts.
func (in at) deliveries(f attempts.Filter, n int) []attempts.Delivery {
	in.Helper()
	var page attempts.Page
	in.eventually(func() bool {
		var err error
		page, err = attempts.Of(in.bus).List(within(in, 10*time.Second), f, 100, nil)
		return err == nil && len(page.Deliveries) >= n
	}, "%d deliveries are missing in the log of %s", n, in.id)
	require.Len(in, page.Deliveries, n)
	return page.Deliveries
}

// attempts waits for so many of a delivery.
func (in at) attempts(id string, n int) []attempts.Record {
	in.Helper()
	var all attempts.Attempts
	in.eventually(func() bool {
		var err error
		all, err = attempts.Of(in.bus).OfDelivery(within(in, 10*time.Second), id, 0)
		return err == nil && len(all.Records) >= n
	}, "%d attempts are missing in the log of %s", n, in.id)
	require.Len(in, all.Records, n)
	return all.Records
}

const oneHook = "targets: {hook: {type: webhook, url: HOOKS/hook, headers: {X-Own: my secret}, retry: {attempts: 5, initial: 20ms, max: 50ms}}}\nevents: {user.added: {targets: [{target: hook}]}}"

// failTwice is a target that refuses the first two requests, and says why.
func failTwice(w http.ResponseWriter, r *http.Request, came *atomic.Int64) {
	if came.Add(1) > 2 {
		return
	}
	h := w.Header()
	h.Set("Set-Cookie", "session=secret-1")
	h.Set("X-Auth-Token", "secret-2")
	h.Set("X-Why", "too busy")
	h.Set("X-Echo", "I got "+r.Header.Get("X-Own"))
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = fmt.Fprintf(w, "come again, %s \xff", r.Header.Get("X-Own"))
}

// TestAnEventThatFailedTwiceAndArrived has three records, with all that is asked
// for and no secret.
func TestAnEventThatFailedTwiceAndArrived(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(oneHook)
	g.both(func(in at) {
		came := new(atomic.Int64)
		g.hooks.answer(in.id+"/hook", func(w http.ResponseWriter, r *http.Request) { failTwice(w, r, came) })
	})
	w := g.worker()
	require.NotEmpty(t, w.ID())
	g.publish("user.added", 1)
	g.both(func(in at) {
		id := in.got("hook", 3)[0].header.Get("Callout-Delivery-Id")
		all := in.attempts(id, 3)
		for n, r := range all {
			require.Equal(t, []any{id, in.id, "acme", "", action.OnEvent, "user.added", "u1", "hook", action.Webhook, n + 1, n > 0, w.ID()},
				[]any{r.DeliveryID, r.Instance, r.Org, r.Scope, r.Phase, r.Name, r.Aggregate, r.Target, r.Kind, r.Attempt, r.Earlier, r.Worker})
			require.NotZero(t, r.Sequence)
			require.NotZero(t, r.Revision)
			require.False(t, r.Ended.Before(r.Began))
		}
		for _, r := range all[:2] {
			require.Equal(t, []any{attempts.Retry, 503, action.CodeStatus, action.StageAnswer}, []any{r.Decision, r.Status, r.Code, r.Stage})
			require.True(t, r.NextTry.After(r.Ended))
			require.Equal(t, "come again, *** \uFFFD", r.Answer.Body)
			require.Contains(t, r.Answer.Headers, action.AnswerHeader{Name: "X-Why", Value: "too busy"})
			require.Contains(t, r.Answer.Headers, action.AnswerHeader{Name: "Set-Cookie", Value: action.Masked})
			require.NotContains(t, fmt.Sprint(r), "secret")
			require.False(t, r.Answer.Truncated)
		}
		require.Equal(t, []any{attempts.Delivered, 200, action.Code("")}, []any{all[2].Decision, all[2].Status, all[2].Code})
		require.Nil(t, all[2].Answer)
		d := in.deliveries(attempts.Filter{EventID: "user.added-1"}, 1)[0]
		require.Equal(t, []any{3, attempts.State(attempts.Delivered), all[0].Began, all[2]}, []any{d.Attempts, d.Last.State(), d.First, d.Last})
	})
}

// TestTheAnswerInARecordIsBounded, and so are its headers, at a whole character.
func TestTheAnswerInARecordIsBounded(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(oneHook)
	g.both(func(in at) {
		g.hooks.answer(in.id+"/hook", func(w http.ResponseWriter, _ *http.Request) {
			for n := range 40 {
				w.Header().Set(fmt.Sprint("X-Long-", n), strings.Repeat("v", 300))
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, "1", strings.Repeat("ü", 4000))
		})
	})
	g.worker()
	g.publish("user.added", 1)
	g.both(func(in at) {
		r := in.deliveries(attempts.Filter{State: attempts.State(attempts.DeadLetter)}, 1)[0].Last
		require.True(t, r.Answer.Truncated)
		require.LessOrEqual(t, len(r.Answer.Body), action.MaxBeginning)
		require.True(t, utf8.ValidString(r.Answer.Body))
		size := 0
		for _, h := range r.Answer.Headers {
			size += len(h.Name) + len(h.Value)
		}
		require.LessOrEqual(t, size, maxHeaders)
		require.Greater(t, size, maxHeaders/2)
		letter := in.dead(1)[0]
		require.Equal(t, letter.DeliveryID, r.DeliveryID)
		require.NoError(t, in.redrive(r.DeliveryID))
		again := in.attempts(r.DeliveryID, 2)[1]
		require.Equal(t, []any{true, "acme", "u1", r.Sequence, 1}, []any{again.Redrive, again.Org, again.Aggregate, again.Sequence, again.Attempt})
		require.Len(t, in.deliveries(attempts.Filter{}, 1), 1, "it is one delivery")
	})
}

// TestTurnsOfACallAreRecorded, under one id of the call, and what an async target
// gets under the id that it is stored with.
func TestTurnsOfACallAreRecorded(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(`targets:
  good: {type: call, url: HOOKS/good}
  bad: {type: call, url: HOOKS/bad}
  away: {type: async, url: HOOKS/away}
  no: {type: webhook, url: HOOKS/no, interrupt_on_error: true}
functions: {f: {targets: [{target: good}, {target: bad}, {target: away}, {target: no}]}}`)
	g.both(func(in at) {
		g.hooks.answer(in.id+"/bad", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("no JSON")) })
		g.hooks.answer(in.id+"/no", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"forwardedStatusCode":403,"forwardedErrorMessage":"not you"}`))
		})
	})
	w := g.worker()
	g.both(func(in at) {
		_, err := in.call("f", `{"orgID":"acme"}`)
		require.NoError(t, err)
		in.got("away", 1)
		var turns map[string]attempts.Delivery
		defer func() {
			if t.Failed() {
				t.Logf("%d records were dropped; these are there: %+v", w.recorder.Dropped(in.id), turns)
			}
		}()
		in.eventually(func() bool {
			turns = map[string]attempts.Delivery{}
			page, err := attempts.Of(in.bus).List(within(t, 10*time.Second), attempts.Filter{}, 100, nil)
			for _, d := range page.Deliveries {
				turns[d.Last.Target] = d
			}
			return err == nil && len(page.Deliveries) == 4 && turns["away"].Last.Decision == attempts.Delivered
		}, "not all turns are recorded")
		call := turns["good"].Last.CallID
		require.NotEmpty(t, call)
		for target, want := range map[string]attempts.Decision{"good": attempts.Continue, "bad": attempts.Failed, "no": attempts.Rejected} {
			last := turns[target].Last
			require.Equal(t, []any{want, call, action.Function, "f", 1, 200}, []any{last.Decision, last.CallID, last.Phase, last.Name, last.Attempt, last.Status}, target)
		}
		require.Equal(t, "no JSON", turns["bad"].Last.Answer.Body)
		require.Contains(t, turns["no"].Last.Answer.Body, "not you")
		away := in.attempts(turns["away"].Last.DeliveryID, 2)
		require.Equal(t, []any{attempts.Stored, call, true, 0}, []any{away[0].Decision, away[0].CallID, away[0].Unsent, away[0].Attempt})
		require.Equal(t, []any{attempts.Delivered, "f", 1, "acme"}, []any{away[1].Decision, away[1].Name, away[1].Attempt, away[1].Org})
	})
}

// TestDeliveriesGoOnWithoutTheirLog: it is taken away while events flow. Their
// order and number are the same, and what comes after it is back is recorded.
func TestDeliveriesGoOnWithoutTheirLog(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(oneHook)
	g.worker()
	const events = 60
	for n := range events {
		if n == events/3 {
			g.both(func(in at) { require.NoError(t, g.js.DeleteStream(within(t, 10*time.Second), in.bus.Attempts)) })
		}
		g.publish("user.added", n+1)
	}
	g.both(func(in at) {
		in.inOrder(events)
		n := events
		in.eventually(func() bool {
			n++
			in.publish("user.added", n)
			page, err := attempts.Of(in.bus).List(within(t, 10*time.Second), attempts.Filter{}, 100, nil)
			return err == nil && len(page.Deliveries) > 0
		}, "it is not made again")
		require.Empty(t, must(in.letters().All(within(t, 10*time.Second))))
	})
}

// TestDeliveriesDoNotWaitForTheirLog: it confirms nothing. What is over the bounds
// is dropped and counted, and the worker stops in its time.
func TestDeliveriesDoNotWaitForTheirLog(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(oneHook)
	g.end() // nobody makes it again
	g.both(func(in at) { require.NoError(t, g.js.DeleteStream(within(t, 10*time.Second), in.bus.Attempts)) })
	sub, err := g.nc.Subscribe("callout.attempt.>", func(*nats.Msg) {})
	require.NoError(t, err)
	defer func() { _ = sub.Unsubscribe() }()
	require.NoError(t, g.nc.Flush())
	w := g.worker()
	const events = 300
	for n := range events {
		g.publish("user.added", n+1)
	}
	g.both(func(in at) { in.inOrder(events) })
	began := time.Now()
	require.NoError(t, w.Stop(within(t, 500*time.Millisecond)))
	require.Less(t, time.Since(began), 20*time.Second)
	g.both(func(in at) { require.NotZero(t, w.recorder.Dropped(in.id)) })
}

// TestWhatWaitsIsRecordedWhenAWorkerStops.
func TestWhatWaitsIsRecordedWhenAWorkerStops(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(oneHook)
	w := g.worker()
	const events = 100
	for n := range events {
		g.publish("user.added", n+1)
	}
	g.both(func(in at) { in.got("hook", events) })
	g.both(func(in at) { in.drained(in.line("user.added/hook")) })
	require.NoError(t, w.Stop(within(t, 20*time.Second)))
	g.both(func(in at) {
		page, err := attempts.Of(in.bus).List(within(t, 10*time.Second), attempts.Filter{}, 1000, nil)
		require.NoError(t, err)
		require.Len(t, page.Deliveries, events)
	})
}

// inOrder waits for so many events and holds that each came once, in its order.
func (in at) inOrder(events int) {
	in.Helper()
	in.eventually(func() bool { return len(in.hooks.got(in.id+"/hook")) >= events }, "events are missing in %s", in.id)
	for n, a := range in.hooks.got(in.id + "/hook")[:events] {
		require.Equal(in, n+1, a.n(in), in.id)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

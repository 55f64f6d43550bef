package cli_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

const soonAgain = `
targets: {hook: {type: webhook, url: "URL/hook", retry: {initial: 20ms, max: 20ms}, KEY}, slow: {type: webhook, url: "URL/slow", retry: {initial: 1h, max: 1h}, KEY}}
events: {user.added: {targets: [{target: hook}]}, order.placed: {targets: [{target: slow}]}}
`

// TestGetAndDescribeDeliveries: an event that failed twice and arrived, one that
// waits, and one that died.
func TestGetAndDescribeDeliveries(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	var came, refused atomic.Int64
	tg.answer = func(w http.ResponseWriter, a arrival) {
		switch {
		case a.path == "/hook" && refused.Load() > 0:
			w.WriteHeader(http.StatusForbidden)
		case a.path == "/slow", a.path == "/hook" && came.Add(1) <= 2:
			w.Header().Set("Set-Cookie", "a secret")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "come again\x1b[2J\nor not\n")
		}
	}
	p, callout := running(t, tg, soonAgain)
	require.Equal(t, result{0, "no deliveries\n", ""}, callout("get", "deliveries"))
	sequence := publish(t, p, userAdded)[0]
	id := tg.awaitCount(t, 3)[2].delivery
	shown := func(want string, args ...string) result {
		t.Helper()
		var got result
		require.Eventually(t, func() bool {
			got = callout(append([]string{"get", "deliveries"}, args...)...)
			return strings.Contains(got.out, want)
		}, bound, lookAgain, want)
		require.Empty(t, got.err)
		return got
	}
	got := shown("delivered", "--event", fmt.Sprint(sequence))
	require.Regexp(t, `^ID +TARGET +TYPE +LAST +AGE +STATE\n`+id+` +hook +user\.added +200 #3 +\d+s +delivered\n$`, got.out)
	for line := range strings.Lines(got.out) {
		require.LessOrEqual(t, len(line), 81, line)
	}
	require.Equal(t, id+"\n", shown(id, "-o", "name", "--state", "Delivered", "--type", "user.*", "--target", "hook", "--aggregate", "u1", "--since", "1h").out)
	require.Contains(t, shown(id, "-o", "json").out, `"state":"delivered","attempts":3,`)
	require.Contains(t, shown(id, "-o", "json").out, `{"items":[{"deliveryId":"`)
	require.Contains(t, shown(id, "--json").out, `{"deliveryId":"`)
	require.Contains(t, shown(id, "-o", "wide", id).out, "ATTEMPTS")

	got = callout("describe", "delivery", id)
	require.Zero(t, got.code, got.err)
	require.Regexp(t, `(?s)^delivery id +`+id+`\nstate +delivered\ntarget +hook \(webhook\)\n.*aggregate +u1\n.*attempts +3\n\n`+
		`#1 +\S+  status 503, \d+ (ms|µs): again in \d+ ms\n +worker .*\n.* Set-Cookie: \*\*\*\n.* answer +come again�\[2J\n +answer +or not\n#2 .*\n#3 +\S+  status 200, \d+ (ms|µs): delivered\n`, got.out)
	require.NotContains(t, got.out, "secret")
	require.Contains(t, callout("describe", "delivery", id, "-o", "json").out, `"decision":"retry"`)

	publish(t, p, `{"aggregateID":"o1","event_type":"order.placed"}`)
	require.Regexp(t, ` slow +order\.placed +503 +\d+s +waiting \(again in (47|48|49|5\d|6\d|7[0-2]) min\)\n`, shown("waiting", "--state", "waiting").out)
	refused.Store(1)
	publish(t, p, userAdded)
	require.Regexp(t, ` hook +user\.added +403 +\d+s +dead letter\n`, shown("dead letter", "--state", "dead letter").out)
	dead := strings.TrimSpace(callout("get", "deliveries", "--state", "dead", "-o", "name").out)
	require.Contains(t, callout("describe", "delivery", dead).out, "for status: callout dead show "+dead)
}

// TestWatchDeliveries shows each attempt once, and outlives its dispatcher.
func TestWatchDeliveries(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	file := configuration(t, fill(tg, soonAgain))
	at := free(t)
	p := dev(t, tg, file, "--data", "", "--log-level", "error", "--listen", at)
	w := newProcess("callout", []string{"CALLOUT_SERVER=" + p.ready["http"]}, "get", "deliveries", "-w", "-o", "name")
	require.NoError(t, w.start(t))
	_, ok := w.log.line("showing the deliveries of instance default", w.done)
	require.True(t, ok, "%s", w.log)
	publish(t, p, userAdded)
	w.out.await(t, tg.awaitCount(t, 1)[0].delivery+"\n")

	_, _ = p.stop(t, terminate)
	_, ok = w.log.line("no dispatcher answers at ", w.done)
	require.True(t, ok, "%s", w.log)
	again := dev(t, tg, file, "--data", "", "--log-level", "error", "--listen", at)
	_, ok = w.log.line("the dispatcher answers again", w.done)
	require.True(t, ok, "%s", w.log)
	publish(t, again, userAdded)
	w.out.await(t, tg.awaitCount(t, 2)[1].delivery+"\n")
	code, _ := w.stop(t, interrupt)
	require.Zero(t, code)
	require.Equal(t, 2, strings.Count(w.out.String(), "\n"), w.out)
}

// TestABadDeliveryQuestion is refused with what there is.
func TestABadDeliveryQuestion(t *testing.T) {
	t.Parallel()
	_, callout := running(t, newTarget(t, nil), soonAgain)
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"get", "deliveries", "--state", "lost"}, 1, `"lost" is no state of a delivery: there are delivered, waiting, dead_letter,`},
		{[]string{"get", "deliveries", "--since", "yesterday"}, 2, `--since "yesterday" is no time: write`},
		{[]string{"get", "deliveries", "--until", "soon"}, 2, `--until "soon" is no time`},
		{[]string{"get", "deliveries", "--limit", "-1"}, 2, "--limit -1"},
		{[]string{"get", "deliveries", "a", "b"}, 2, "one delivery or none, not 2"},
		{[]string{"get", "deliveries", "-w", "--until", "1h"}, 2, "--watch goes without"},
		{[]string{"describe", "delivery", "nobody"}, 1, `no attempt of a delivery "nobody" is kept [not_found]`},
	} {
		got := callout(tt.args...)
		require.Equal(t, tt.code, got.code, tt.args)
		require.Contains(t, got.err, tt.want, tt.args)
		require.Empty(t, got.out)
	}
}

package cli_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

// TestWorkerWithTooMuchInHand: who is refused by the only worker, since it has
// as many calls waiting as it takes, gets the outcome of a call without a
// worker, at once, and never an answer without an outcome.
func TestWorkerWithTooMuchInHand(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	tg.answer = func(_ http.ResponseWriter, a arrival) {
		select {
		case <-a.done:
		case <-tg.closing:
		}
	}
	f := newFleet(t, tg, `
targets:
  hard: {type: webhook, url: "URL", timeout: 60s, interrupt_on_error: true, KEY}
  soft: {type: webhook, url: "URL", timeout: 60s, KEY}
requests:
  /a.S/Hard: {targets: [{target: hard}]}
  /a.S/Soft: {targets: [{target: soft}]}
`, 0)
	start(t, "worker", nil, "--nats", f.dispatcher.ready["nats"], "--allow-local", "--ack-wait", ackWait, "--log-level", "error", "--calls", "1")
	nc := plain(t, f.dispatcher)
	refusals, err := nc.SubscribeSync("busy.>")
	require.NoError(t, err)
	const waiting, more = 4096, 50
	for i := range 1 + waiting + more {
		require.NoError(t, nc.PublishRequest("callout.call.default.request.a.S.Hard", fmt.Sprintf("busy.%d", i), []byte(`{"fullMethod":"/a.S/Hard","request":{}}`)))
	}
	for range more { // one is in hand, so many wait, the rest is refused at once
		got, err := refusals.NextMsg(bound)
		require.NoError(t, err)
		require.Equal(t, "503", got.Header.Get("Callout-Status"))
		require.Equal(t, "unavailable", refused(t, string(got.Data)).Code)
	}
	client, err := callout.Connect(t.Context(), callout.Options{URL: f.dispatcher.ready["nats"]})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	for method, outcome := range map[string]string{"Hard": "unavailable", "Soft": "continue"} {
		began := time.Now()
		got := post(t, f.dispatcher.ready["http"]+"/v1/instances/default/calls/request", `{"fullMethod":"/a.S/`+method+`","request":{}}`)
		require.Equal(t, 200, got.status, got.body)
		answer := read[reply](t, got.body)
		require.Equal(t, outcome, answer.Outcome, got.body)
		require.Equal(t, outcome == "continue", len(answer.Warnings) == 1, "going on is told")
		result, err := client.Request(t.Context(), callout.Call{Method: "/a.S/" + method, Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, action.Outcome(outcome), result.Outcome)
		require.Less(t, time.Since(began), slower*5*time.Second, "nobody waits for a worker that has no time")
	}
	require.LessOrEqual(t, len(tg.seen()), 1)
}

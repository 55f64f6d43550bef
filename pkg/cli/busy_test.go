package cli_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

// TestWorkerWithTooMuchInHand: who calls a target that the only worker has too many
// calls for is told that this target is busy, at once, and its interrupt_on_error
// decides. Another target is called as ever.
func TestWorkerWithTooMuchInHand(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	tg.answer = func(_ http.ResponseWriter, a arrival) {
		if strings.Contains(a.body, "/a.S/Other") {
			return
		}
		select {
		case <-a.done:
		case <-tg.closing:
		}
	}
	f := newFleet(t, tg, `
targets:
  hard: {type: webhook, url: "URL", timeout: 60s, interrupt_on_error: true, KEY}
  soft: {type: webhook, url: "URL", timeout: 60s, KEY}
  other: {type: webhook, url: "URL", timeout: 60s, interrupt_on_error: true, KEY}
requests:
  /a.S/Hard: {targets: [{target: hard}]}
  /a.S/Soft: {targets: [{target: soft}]}
  /a.S/Other: {targets: [{target: other}]}
`, 0)
	start(t, "worker", nil, "--nats", f.dispatcher.ready["nats"], "--allow-local", "--ack-wait", ackWait, "--log-level", "error", "--calls", "20")
	nc := plain(t, f.dispatcher)
	refusals, err := nc.SubscribeSync("_INBOX.busy.>")
	require.NoError(t, err)
	// 20 of one target are called and 40 wait, and fewer of the other: then all others
	// are told so at once.
	for full := false; !full; {
		const each = 100
		for i := range each {
			for _, method := range []string{"Hard", "Soft"} {
				require.NoError(t, nc.PublishRequest("callout.call.default.request.a.S."+method, fmt.Sprint("_INBOX.busy.", method, i),
					fmt.Appendf(nil, `{"fullMethod":"/a.S/%s","request":{}}`, method)))
			}
		}
		busy := 0
		for busy < 2*each {
			got, err := refusals.NextMsg(slower * time.Second)
			if err != nil {
				break
			}
			require.Contains(t, string(got.Data), `"busy"`)
			busy++
		}
		full = busy == 2*each
	}
	client, err := callout.Connect(t.Context(), callout.Options{URL: f.dispatcher.ready["nats"]})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	for method, outcome := range map[string]action.Outcome{"Hard": action.Failed, "Soft": action.Continue, "Other": action.Continue} {
		began := time.Now()
		got := post(t, f.dispatcher.ready["http"]+"/v1/instances/default/calls/request", `{"fullMethod":"/a.S/`+method+`","request":{}}`)
		require.Equal(t, 200, got.status, got.body)
		answer := read[reply](t, got.body)
		require.Equal(t, string(outcome), answer.Outcome, got.body)
		require.Equal(t, method == "Soft", len(answer.Warnings) == 1, "going on is told")
		result, err := client.Request(t.Context(), callout.Call{Method: "/a.S/" + method, Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, outcome, result.Outcome)
		if method == "Hard" {
			require.Equal(t, []any{action.CodeBusy, "hard"}, []any{result.Error.Code, result.Error.Target})
		}
		require.Less(t, time.Since(began), slower*5*time.Second, "nobody waits for a target that has no time")
	}
}

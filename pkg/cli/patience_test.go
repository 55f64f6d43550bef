package cli_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// TestCallMayTakeLongerThanHalfAMinute: nothing on the way caps what the caller
// and the target allow, neither the client that calls the target nor the server
// that takes the call. It takes its time, and none of the processor's.
func TestCallMayTakeLongerThanHalfAMinute(t *testing.T) {
	t.Parallel()
	const longer = 31 * time.Second
	tg := newTarget(t, nil)
	tg.answer = func(w http.ResponseWriter, a arrival) {
		select {
		case <-time.After(longer):
		case <-a.done:
			return
		case <-tg.closing:
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"patient":true}`)) // the caller may have gone
	}
	p := dev(t, tg, configuration(t, fill(tg, `
targets:
  slow: {type: call, url: "URL", timeout: 45s, interrupt_on_error: true, KEY}
requests:
  "*": {targets: [{target: slow}]}
`)), "--data", "")
	const body = `{"fullMethod":"/a.S/M","request":{}}`
	nc := plain(t, p)
	answers, err := nc.SubscribeSync(nats.NewInbox())
	require.NoError(t, err)
	m := &nats.Msg{Subject: "callout.call.default.request.a.S.M", Reply: answers.Subject, Data: []byte(body), Header: nats.Header{"Callout-Timeout": {"60s"}}}
	require.NoError(t, nc.PublishMsg(m))
	began := time.Now()
	got := sendWithin(t, time.Minute, http.MethodPost, p.ready["http"]+"/v1/instances/default/calls/request", body, map[string]string{"Callout-Timeout": "60s"})
	require.Greater(t, time.Since(began), longer-time.Second)
	require.Equal(t, 200, got.status, got.body)
	overNATS, err := answers.NextMsg(bound)
	require.NoError(t, err)
	for _, raw := range []string{got.body, string(overNATS.Data)} {
		answer := read[reply](t, raw)
		require.Equal(t, "continue", answer.Outcome, raw)
		require.JSONEq(t, `{"patient":true}`, string(answer.Request))
	}
	for _, a := range tg.seen() {
		left, err := strconv.Atoi(a.header.Get("Callout-Remaining-Ms"))
		require.NoError(t, err)
		require.Greater(t, left, 40_000, "the target is told how long it has")
		require.LessOrEqual(t, left, 45_000)
	}
}

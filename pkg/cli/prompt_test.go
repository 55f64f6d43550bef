package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// promptApplies is how many edits are published behind: 1,000 in the longer
// runs that CALLOUT_ROUNDS asks for.
func promptApplies() int {
	if os.Getenv("CALLOUT_ROUNDS") != "" {
		return 1000
	}
	return 200
}

// TestPublishedAsSoonAsApplyHasAnswered adds an exact execution, and publishes
// its event with a plain NATS client the moment the answer is there. Broker and
// dispatcher are one process, the worker another, the publisher a third. Each
// event goes to the execution that was just added, and to no other.
func TestPublishedAsSoonAsApplyHasAnswered(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	dispatcher := start(t, "dispatcher", tg.env(), "--embedded-nats", "--data", t.TempDir(), "--listen", "127.0.0.1:0",
		"--nats-listen", "127.0.0.1:0", "--ack-wait", ackWait, "--log-level", "warn")
	start(t, "worker", nil, "--nats", dispatcher.ready["nats"], "--allow-local", "--ack-wait", ackWait, "--log-level", "warn")
	js := stream(t, plain(t, dispatcher))
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	api := calloutv1connect.NewActionServiceClient(&http.Client{Transport: transport}, dispatcher.ready["http"])
	want := map[uint64]string{}
	began, applying := time.Now(), time.Duration(0)
	n := promptApplies()
	for i := range n {
		eventType := fmt.Sprintf("user.e%d", i%20)
		config := fill(tg, fmt.Sprintf(`
targets:
  new: {type: webhook, url: "URL/new", KEY}
  all: {type: webhook, url: "URL/all", KEY}
events:
  "*": {targets: [{target: all}]}
  %s: {targets: [{target: new}]}
`, eventType))
		before := time.Now()
		_, err := api.Apply(t.Context(), connect.NewRequest(&calloutv1.ApplyRequest{Instance: "default", Configuration: config, Prune: true}))
		require.NoError(t, err)
		applying += time.Since(before)
		ack, err := js.Publish(t.Context(), "callout.event.default.=.u."+eventType,
			fmt.Appendf(nil, `{"aggregateID":"u","event_type":"%s","event_payload":{"i":%d}}`, eventType, i), jetstream.WithMsgID(fmt.Sprint(i)))
		require.NoError(t, err)
		want[ack.Sequence] = eventType
	}
	all := tg.await(t, bound, "all events", func(all []arrival) bool { return distinct(all) >= n })
	for _, a := range all {
		require.Equal(t, "/new", a.path, "event %d went to the less exact execution", a.sequence)
		require.Contains(t, a.body, want[a.sequence])
		delete(want, a.sequence)
	}
	require.Empty(t, want, "missing")
	t.Logf("%d edits in %s, %s each until the answer; %d events, 0 missing", n, time.Since(began).Round(time.Millisecond), applying/time.Duration(n), n)
}

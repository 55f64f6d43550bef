package node_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

// TestAStrangerAmongWorkers answers calls with something of its own. For cores in
// Go and over HTTP there is no worker then, in both instances: a call that nothing
// interrupts goes on with a warning, and one that a target may end is unavailable.
func TestAStrangerAmongWorkers(t *testing.T) {
	t.Parallel()
	r := run(t, newTargets(t), manners, func(o *node.Options) { o.WithoutWorker = true })
	nc, err := nats.Connect(r.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	for _, said := range []string{"", "pong", `{"forged":true}`, `{"outcome":"continue","request":{"name":"Eve"`, `{"error":{"code":"","status":1}}`} {
		stranger, err := nc.QueueSubscribe("callout.call.>", "callout-workers", func(m *nats.Msg) { _ = m.Respond([]byte(said)) })
		require.NoError(t, err)
		require.NoError(t, nc.Flush())
		for method, want := range map[string]action.Outcome{"/acme.S/Warn": action.Continue, "/acme.S/End": action.Unavailable} {
			result, err := r.client.Request(within(t, 10*time.Second), callout.Call{Method: method, Request: []byte(`{"name":"Ada"}`)})
			require.NoError(t, err, "%q", said)
			require.Equal(t, want, result.Outcome, "%q", said)
			require.Empty(t, result.Object)
			require.Equal(t, want == action.Continue, len(result.Warnings) == 1, "going on is never silent")
			for _, instance := range []string{"default", twinID} {
				resp, err := http.Post(r.HTTPURL()+"/v1/instances/"+instance+"/calls/request", "application/json",
					strings.NewReader(`{"fullMethod":"`+method+`","request":{"name":"Ada"}}`))
				require.NoError(t, err)
				raw, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				_ = resp.Body.Close()
				require.Equal(t, 200, resp.StatusCode)
				require.Contains(t, string(raw), `{"outcome":"`+string(want)+`"`, "%q", said)
				require.Contains(t, string(raw), `"code":"unavailable"`)
			}
		}
		require.NoError(t, stranger.Unsubscribe())
		require.NoError(t, nc.Flush())
	}
}

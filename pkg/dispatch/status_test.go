package dispatch_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestAStatusFromTheBusIsNone of HTTP's before it is looked at: a number that is
// no error's status is no worker's answer, and ends no connection.
func TestAStatusFromTheBusIsNone(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	statuses := []string{"7", "0", "-1", "99", "200", "304", "1000", "9223372036854775807"}
	_, err := f.nc.QueueSubscribe(wire.AllCalls, wire.CallGroup, func(m *nats.Msg) {
		answer := nats.NewMsg(m.Reply)
		answer.Header.Set(wire.HeaderStatus, "503")
		answer.Data = fmt.Appendf(nil, `{"error":{"code":"busy","stage":"bus","status":%s,"message":"m"}}`, statusOf(m))
		_ = m.RespondMsg(answer)
	})
	require.NoError(t, err)
	both(t, f, func(t *testing.T, of tenant) {
		_, err := d.Instance(of.id).Apply(within(t, 20*time.Second), catalog.Empty(of.id))
		require.NoError(t, err)
		for _, status := range statuses {
			body := fmt.Sprintf(`{"fullMethod":"/s.S/M","request":{"status":%q}}`, status)
			req, err := http.NewRequestWithContext(within(t, 20*time.Second), http.MethodPost, d.URL()+"/v1/instances/"+url.PathEscape(of.id)+"/calls/request", strings.NewReader(body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultTransport.RoundTrip(req)
			require.NoError(t, err, status)
			answer, err := io.ReadAll(resp.Body)
			require.NoError(t, err, status)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", status, answer)
			require.Contains(t, string(answer), `"outcome":"continue"`, "as without a worker, since nothing is configured")
		}
	})
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// statusOf is what a call asks to be answered with.
func statusOf(m *nats.Msg) string {
	_, rest, _ := strings.Cut(string(m.Data), `"status":"`)
	status, _, _ := strings.Cut(rest, `"`)
	return status
}

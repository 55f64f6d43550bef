package manage_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// arrival is one delivery that reached a target.
type arrival struct{ path, id, attempt, replay, body string }

// hold is the status of a target that does not answer until it is let.
const hold = 0

// obedient is a server of targets that answers with the status it is set to.
type obedient struct {
	*httptest.Server
	status   atomic.Int64
	let      chan struct{} // closed when what is held may go, with another status
	mu       sync.Mutex
	arrivals []arrival
}

func newObedient(t *testing.T, status int) *obedient {
	t.Helper()
	o := &obedient{let: make(chan struct{})}
	o.status.Store(int64(status))
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a caller that went away is not looked at
		o.mu.Lock()
		o.arrivals = append(o.arrivals, arrival{r.URL.Path, r.Header.Get("Callout-Delivery-Id"), r.Header.Get("Callout-Attempt"),
			r.Header.Get("Callout-Replay"), string(body)})
		o.mu.Unlock()
		if o.status.Load() == hold {
			select {
			case <-r.Context().Done():
			case <-o.let:
			}
		}
		w.WriteHeader(int(o.status.Load()))
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *obedient) seen() []arrival {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]arrival(nil), o.arrivals...)
}

func (o *obedient) await(t *testing.T, n int) []arrival {
	t.Helper()
	require.Eventually(t, func() bool { return len(o.seen()) >= n }, bound, lookEvery/10, "%d of %d arrived", len(o.seen()), n)
	return o.seen()
}

// runFor starts a node whose configuration calls the server HOOKS.
func runFor(t *testing.T, o *obedient, config string) (*node.Node, calloutv1connect.ActionServiceClient) {
	t.Helper()
	n := run(t, strings.ReplaceAll(config, "HOOKS", o.URL), nil)
	return n, plain(t, n)
}

// publish stores events, one for each type, and tells the body of each.
func publish(t *testing.T, n *node.Node, org string, types ...string) (bodies []string) {
	t.Helper()
	for i, eventType := range types {
		body := fmt.Sprintf(`{"aggregateID":"u%d","resourceOwner":"%s","event_type":"%s","event_payload":{"i": 9007199254740993}}`, i, org, eventType)
		status, answer := post(t, n.HTTPURL()+"/v1/instances/default/events", body, nil)
		require.Equal(t, 202, status, answer)
		bodies = append(bodies, body)
	}
	return bodies
}

// line is the one line of a subscription, as the service tells it.
func line(t *testing.T, c calloutv1connect.ActionServiceClient, name string) *calloutv1.Subscription {
	t.Helper()
	found := ask(t, c.ListSubscriptions, &calloutv1.ListSubscriptionsRequest{Name: name}).GetSubscriptions()
	require.Len(t, found, 1)
	return found[0]
}

func awaitState(t *testing.T, c calloutv1connect.ActionServiceClient, name, state string) *calloutv1.Subscription {
	t.Helper()
	require.Eventually(t, func() bool { return line(t, c, name).GetState() == state }, bound, lookEvery/5, "%v", line(t, c, name))
	return line(t, c, name)
}

func awaitDead(t *testing.T, c calloutv1connect.ActionServiceClient, n int) []*calloutv1.DeadLetter {
	t.Helper()
	var found []*calloutv1.DeadLetter
	require.Eventually(t, func() bool {
		found = ask(t, c.ListDeadLetters, &calloutv1.ListDeadLettersRequest{}).GetDeadLetters()
		return len(found) == n
	}, bound, lookEvery/5, "%d dead letters", n)
	return found
}

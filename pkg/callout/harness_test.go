package callout

import (
	"github.com/callout-hq/callout/pkg/bus/bustest"

	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/node"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

// newTarget is one that gives the same answer to everything. bodies tells what
// it was sent so far.
func newTarget(t testing.TB, answer string) (url string, bodies func() []string) {
	t.Helper()
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		got = append(got, string(body))
		mu.Unlock()
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), got...)
	}
}

// startNode starts the whole engine. HOOK in the configuration stands for hook.
// The node is stopped at the end unless stop was called.
func startNode(t testing.TB, hook, config string, change func(*node.Options)) (n *node.Node, stop func()) {
	t.Helper()
	o := node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", Config: []byte(strings.ReplaceAll(config, "HOOK", hook)),
		ConfigName: "test.yaml", AckWait: time.Second, Log: zerolog.Nop()}
	if change != nil {
		change(&o)
	}
	n, err := node.Start(within(t, 20*time.Second), o)
	require.NoError(t, err)
	stop = sync.OnceFunc(func() { require.NoError(t, n.Close(within(t, 5*time.Second))) })
	t.Cleanup(stop)
	setTrap(t, n)
	return n, stop
}

// setTrap makes a second instance, which refuses whatever happens in it: a core
// that is taken for one of the other instance, by its filter, on its way or by a
// worker, is refused, and its events get where nothing may get.
func setTrap(t testing.TB, n *node.Node) {
	t.Helper()
	url, got := newTarget(t, `{"forwardedStatusCode":418,"forwardedErrorMessage":"this is the twin"}`)
	s, problems := file.Parse("twin.yaml", []byte(strings.ReplaceAll(`
instance: twin
targets: {trap: {type: call, url: TRAP, interrupt_on_error: true}, store: {type: webhook, url: TRAP}}
requests: {"*": {targets: [{target: trap}]}}
responses: {"*": {targets: [{target: trap}]}}
events: {"*": {targets: [{target: store}]}}
orgs: {acme: {targets: {own: {type: webhook, url: TRAP}}, requests: {"*": {targets: [{target: own}]}}, events: {"*": {targets: [{target: own}]}}}}
`, "TRAP", url)))
	require.NotNil(t, s, "%v", problems)
	_, err := n.Dispatcher().Instance(s.Instance).Apply(within(t, 10*time.Second), s)
	require.NoError(t, err)
	t.Cleanup(func() { require.Empty(t, got(), "of another instance") })
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	return bustest.Within(t, d)
}

func connect(t testing.TB, o Options) *Client {
	t.Helper()
	client, err := Connect(within(t, 5*time.Second), o)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// freeAddress is one that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

package callout

import (
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
	return n, stop
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
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

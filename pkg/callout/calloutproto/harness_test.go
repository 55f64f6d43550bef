package calloutproto_test

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

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

// targets is one HTTP server that plays any number of targets, by path. A
// target without an answer says 200 and nothing else.
type targets struct {
	*httptest.Server
	mu       sync.Mutex
	answers  map[string]string
	arrivals map[string][]string // bodies
}

func newTargets(t testing.TB) *targets {
	t.Helper()
	s := &targets{answers: map[string]string{}, arrivals: map[string][]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		name := strings.TrimPrefix(r.URL.Path, "/")
		s.mu.Lock()
		s.arrivals[name] = append(s.arrivals[name], string(body))
		answer := s.answers[name]
		s.mu.Unlock()
		switch answer {
		case "500":
			w.WriteHeader(http.StatusInternalServerError)
		case "hang":
			<-r.Context().Done()
		default:
			_, _ = io.WriteString(w, answer)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *targets) answer(name, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[name] = body
}

func (s *targets) got(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.arrivals[name]...)
}

// startNode starts the whole engine. HOOKS in the configuration stands for the
// URL of the targets. The node is stopped at the end unless stop was called.
func startNode(t testing.TB, hooks *targets, config string, change func(*node.Options)) (n *node.Node, stop func()) {
	t.Helper()
	o := node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", Config: []byte(strings.ReplaceAll(config, "HOOKS", hooks.URL)),
		ConfigName: "test.yaml", AckWait: time.Second, Log: zerolog.Nop()}
	if change != nil {
		change(&o)
	}
	n, err := node.Start(within(t, 10*time.Second), o)
	require.NoError(t, err)
	stop = sync.OnceFunc(func() { require.NoError(t, n.Close(within(t, 5*time.Second))) })
	t.Cleanup(stop)
	return n, stop
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	return bustest.Within(t, d)
}

func newClient(t testing.TB, o callout.Options) *callout.Client {
	t.Helper()
	client, err := callout.Connect(within(t, 5*time.Second), o)
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

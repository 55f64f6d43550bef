package callouthttp_test

import (
	"github.com/callout-hq/callout/pkg/bus/bustest"

	"context"
	"io"
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
	"github.com/callout-hq/callout/pkg/callout/callouthttp"
	"github.com/callout-hq/callout/pkg/node"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

// targets is one HTTP server that plays two targets, on the request and on the
// response.
type targets struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string
	bodies  map[string][]string
	parents map[string][]string // traceparents
}

func newTargets(t testing.TB) *targets {
	t.Helper()
	s := &targets{answers: map[string]string{}, bodies: map[string][]string{}, parents: map[string][]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bodies[r.URL.Path] = append(s.bodies[r.URL.Path], string(body))
		s.parents[r.URL.Path] = append(s.parents[r.URL.Path], r.Header.Get("Traceparent"))
		_, _ = io.WriteString(w, s.answers[r.URL.Path])
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *targets) answer(path, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = body
}

func (s *targets) got(path string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies[path]...)
}

func (s *targets) traces(path string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.parents[path]...)
}

const (
	createUser = "/acme.user.v1.UserService/CreateUser"
	getUser    = "/acme.user.v1.UserService/GetUser" // nothing is configured for it
	watchUsers = "/acme.user.v1.UserService/WatchUsers"
)

const config = `
targets:
  in: {type: call, url: HOOKS/in, interrupt_on_error: true}
  out: {type: call, url: HOOKS/out, interrupt_on_error: true}
requests:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: in}]}
responses:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: out}]}
  /acme.user.v1.UserService/WatchUsers: {targets: [{target: out}]}
`

func startNode(t testing.TB, hooks *targets) *node.Node { return startNodeOf(t, hooks, config) }

// startNodeOf starts the whole engine. HOOKS in the configuration stands for the
// URL of the targets.
func startNodeOf(t testing.TB, hooks *targets, config string) *node.Node {
	t.Helper()
	n, err := node.Start(within(t, 10*time.Second), node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0",
		Config: []byte(strings.ReplaceAll(config, "HOOKS", hooks.URL)), ConfigName: "test.yaml", AckWait: time.Second, Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close(within(t, 5*time.Second))) })
	return n
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

// api is a core behind the middleware. Its paths are its methods.
type api struct {
	*httptest.Server
	hooks  *targets
	handle http.HandlerFunc
	mu     sync.Mutex
	bodies []string // that the handler got
}

// newAPI starts a whole engine and a core. change may alter the options.
func newAPI(t testing.TB, change func(*callouthttp.Options)) *api { return newAPIOf(t, config, change) }

func newAPIOf(t testing.TB, config string, change func(*callouthttp.Options)) *api {
	t.Helper()
	a := &api{hooks: newTargets(t)}
	o := callouthttp.Options{
		Client: newClient(t, callout.Options{URL: startNodeOf(t, a.hooks, config).NATSURL(), Headers: []string{"X-Team"}}),
		Method: func(r *http.Request) string {
			if r.URL.Path == "/health" {
				return ""
			}
			return r.URL.Path
		},
		Identify: func(*http.Request) callout.Identity {
			return callout.Identity{OrgID: "acme", ProjectID: "p1", UserID: "admin"}
		},
		MaxObject: 1000,
	}
	if change != nil {
		change(&o)
	}
	a.Server = httptest.NewServer(callouthttp.New(o)(http.HandlerFunc(a.serve)))
	t.Cleanup(a.Close)
	return a
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	a.bodies = append(a.bodies, string(body))
	a.mu.Unlock()
	if a.handle != nil {
		a.handle(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Set-Cookie", "session=1")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, `{"id":"u1"}`)
}

// post sends a body and reads the whole answer.
func (a *api) post(t testing.TB, path, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t, 5*time.Second), http.MethodPost, a.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-Team", "red")
	r.Header.Set("Authorization", "Bearer secret")
	response, err := a.Client().Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(answer)
}

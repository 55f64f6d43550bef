package zitadel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
	if filepath.Base(os.Args[0]) == "curl" {
		if err := curl(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

// bound is how long a test waits for what is to happen at once.
const bound = time.Minute

// lookEvery is how often a test looks again.
const lookEvery = 5 * time.Millisecond

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	return ctx
}

// run starts a whole node, and without a configuration if config is empty.
func run(t testing.TB, config string, changes ...func(*node.Options)) *node.Node {
	t.Helper()
	o := node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", ConfigName: "test.yaml", AckWait: time.Second, MakeInstances: true,
		Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)}
	if config != "" {
		o.Config = []byte(config)
	}
	for _, change := range changes {
		change(&o)
	}
	n, err := node.Start(within(t), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close(within(t))) })
	return n
}

// ask sends a request as any tool would, and gives the answer.
func ask(t testing.TB, method, url, body string, header map[string]string) (status int, answer string) {
	t.Helper()
	resp := send(t, method, url, body, header)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

// send leaves the body of the answer to be read until the test ends.
func send(t testing.TB, method, url, body string, header map[string]string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// tool speaks REST to a node, as a tool for ZITADEL does.
type tool struct {
	url    string
	header map[string]string
}

func toolFor(n *node.Node) *tool {
	return &tool{url: n.HTTPURL() + "/v2/actions/", header: map[string]string{}}
}

// must asks for what has to succeed.
func (c *tool) must(t *testing.T, method, path, body string) map[string]any {
	t.Helper()
	status, answer := ask(t, method, c.url+path, body, c.header)
	require.Equal(t, 200, status, "%s %s %s: %s", method, path, body, answer)
	var out map[string]any
	require.NoError(t, json.Unmarshal([]byte(answer), &out))
	return out
}

// refused asks for what must fail with a status, and gives the message and the
// field.
func (c *tool) refused(t *testing.T, status int, method, path, body string) (message, field string) {
	t.Helper()
	got, answer := ask(t, method, c.url+path, body, c.header)
	require.Equal(t, status, got, "%s %s %s: %s", method, path, body, answer)
	return readRefusal(t, answer)
}

func readRefusal(t *testing.T, answer string) (message, field string) {
	t.Helper()
	var out struct {
		Code    int
		Message string
		Details []struct{ Field string }
	}
	require.NoError(t, json.Unmarshal([]byte(answer), &out), answer)
	require.NotZero(t, out.Code)
	require.NotNil(t, out.Details)
	for _, d := range out.Details {
		field = d.Field
	}
	return out.Message, field
}

// target makes a target and gives its id and signing key.
func (c *tool) target(t *testing.T, name, kind, endpoint string) (id, key string) {
	t.Helper()
	made := c.must(t, "POST", "targets", `{"name":"`+name+`","`+kind+`":{},"timeout":"5s","endpoint":"`+endpoint+`"}`)
	return made["id"].(string), made["signingKey"].(string)
}

// arrival is a request that reached a target.
type arrival struct {
	path   string
	header http.Header
	body   string
}

// hooks is a server of targets.
type hooks struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []arrival
	answer map[string]string // by path; others get none
	status map[string]int    // by path; others get 200
}

func newHooks(t *testing.T) *hooks {
	t.Helper()
	h := &hooks{answer: map[string]string{}, status: map[string]int{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.seen = append(h.seen, arrival{r.URL.Path, r.Header, string(raw)})
		if status := h.status[r.URL.Path]; status != 0 {
			w.WriteHeader(status)
		}
		_, _ = io.WriteString(w, h.answer[r.URL.Path])
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hooks) obey(path string, status int, answer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status[path], h.answer[path] = status, answer
}

// got gives what arrived at a path.
func (h *hooks) got(path string) []arrival {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []arrival
	for _, a := range h.seen {
		if a.path == path {
			out = append(out, a)
		}
	}
	return out
}

// await waits for the nth arrival at a path.
func (h *hooks) await(t *testing.T, path string, n int) arrival {
	t.Helper()
	require.Eventually(t, func() bool { return len(h.got(path)) >= n }, bound, lookEvery, "%s: %d of %d", path, len(h.got(path)), n)
	return h.got(path)[n-1]
}

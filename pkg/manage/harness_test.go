package manage_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

func TestMain(m *testing.M) {
	bustest.Limit()
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

// bound is how long a test waits for what is to happen at once.
const bound = time.Minute

// lookEvery is how often a test looks again.
const lookEvery = 50 * time.Millisecond

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	return ctx
}

// run starts a node without a file, and without a configuration if config is
// empty.
func run(t *testing.T, config string, change func(*node.Options)) *node.Node {
	t.Helper()
	bustest.Turn(t)
	n, err := node.Start(within(t), options(t, func(o *node.Options) {
		if config != "" {
			o.Config = []byte(config)
		}
		if change != nil {
			change(o)
		}
	}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close(within(t))) })
	beside(t, n, config)
	return n
}

// beside puts the configuration in force in a second instance, with the same
// names, for which a test does nothing: when it ends, nothing of that has changed,
// paused, or died.
func beside(t *testing.T, n *node.Node, config string) {
	t.Helper()
	const twin = "twin"
	s, problems := file.Parse("twin.yaml", []byte("instance: "+twin+"\n"+config))
	require.NotNil(t, s, "%v", problems)
	i := n.Dispatcher().Instance(twin)
	_, err := i.Apply(within(t), s)
	require.NoError(t, err)
	before, err := i.Catalog(within(t), 0)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		after, err := i.Catalog(within(t), 0)
		require.NoError(t, err)
		require.Equal(t, before.Snapshot(), after.Snapshot(), "a change of another instance")
		require.Equal(t, before.Revision(), after.Revision())
		all, err := i.Subscriptions(within(t))
		require.NoError(t, err)
		for _, s := range all {
			require.Contains(t, []action.SubscriptionState{action.SubscriptionRunning, action.SubscriptionPaused}, s.State, s.Name)
			if s.State == action.SubscriptionPaused { // by its own configuration
				require.Equal(t, action.CodePaused, s.Reason, s.Name)
			}
			require.Zero(t, s.Waiting+uint64(s.InWork), s.Name)
		}
		require.NoError(t, i.DeadLettersFrom(within(t), 1, func(l letters.Letter) bool {
			require.Fail(t, "a dead letter of another instance", "%+v", l.DeadLetter)
			return false
		}))
	})
}

func options(t *testing.T, change func(*node.Options)) node.Options {
	t.Helper()
	o := node.Options{Listen: "127.0.0.1:0", NATSListen: "127.0.0.1:0", ConfigName: "test.yaml", AckWait: time.Second, MakeInstances: true,
		Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)}
	change(&o)
	return o
}

// wire is a way of speaking to the service.
type wire struct {
	name    string
	http2   bool
	options []connect.ClientOption
}

var wires = []wire{
	{"connect", false, nil},
	{"connect JSON", false, []connect.ClientOption{connect.WithProtoJSON()}},
	{"connect over HTTP/2", true, nil},
	{"gRPC", true, []connect.ClientOption{connect.WithGRPC()}},
	{"gRPC-Web", false, []connect.ClientOption{connect.WithGRPCWeb()}},
}

// client speaks to a node. gRPC goes over HTTP/2 without TLS.
func client(t *testing.T, url string, w wire) calloutv1connect.ActionServiceClient {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!w.http2)
	transport.Protocols.SetUnencryptedHTTP2(w.http2)
	t.Cleanup(transport.CloseIdleConnections)
	return calloutv1connect.NewActionServiceClient(&http.Client{Transport: transport}, url, w.options...)
}

// plain is a client for whoever does not care how the service is spoken to.
func plain(t *testing.T, n *node.Node) calloutv1connect.ActionServiceClient {
	t.Helper()
	return client(t, n.HTTPURL(), wires[0])
}

// ask calls a method that must succeed.
func ask[Q, A any](t *testing.T, method func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), question *Q) *A {
	t.Helper()
	answer, err := method(within(t), connect.NewRequest(question))
	require.NoError(t, err)
	return answer.Msg
}

// refused calls a method that must fail with a code.
func refused[Q, A any](t *testing.T, code connect.Code, method func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), question *Q) error {
	t.Helper()
	_, err := method(within(t), connect.NewRequest(question))
	require.Error(t, err)
	require.Equal(t, code, connect.CodeOf(err), err)
	return err
}

// hooks is a server of targets that counts what arrives, by path.
type hooks struct {
	*httptest.Server
	mu   sync.Mutex
	seen map[string]int
}

func newHooks(t *testing.T, status int) *hooks {
	t.Helper()
	h := &hooks{seen: map[string]int{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h.mu.Lock()
		h.seen[r.URL.Path]++
		h.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hooks) count(path string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seen[path]
}

package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
)

// Main runs the tests of a package and fails when one has left a goroutine.
func Main(m *testing.M) {
	Limit()
	// The embedded server keeps a few workers for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*ipQueue)"),
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

// Server is a server of one test. It ends with the test.
type Server struct {
	*embed.Server
	options embed.Options
}

// Start starts a server with a data directory of its own.
func Start(t testing.TB) *Server {
	t.Helper()
	Turn(t)
	s := &Server{options: embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Log: zerolog.Nop()}}
	s.begin(t)
	s.options.Listen = s.Addr().String()
	t.Cleanup(func() { s.Close() })
	return s
}

func (s *Server) begin(t testing.TB) {
	t.Helper()
	began, err := embed.Start(s.options)
	require.NoError(t, err)
	s.Server = began
}

// URL is where clients connect, also while the server is away.
func (s *Server) URL() string { return "nats://" + s.options.Listen }

// Restart stops the server, lets meanwhile run, and starts it anew on the same
// port with what it has stored.
func (s *Server) Restart(t testing.TB, meanwhile func()) {
	t.Helper()
	s.Close()
	meanwhile()
	s.begin(t)
}

// Connect opens a connection. Its address is the server's unless o has one.
func (s *Server) Connect(t testing.TB, o bus.Options) *bus.Bus {
	t.Helper()
	if o.URL == "" {
		o.URL = s.URL()
	}
	b, err := bus.Connect(Within(t, 10*time.Second), o)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// Plain is a connection of somebody else, who knows nothing of the bus.
func (s *Server) Plain(t testing.TB) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// JetStream is the same, for streams.
func (s *Server) JetStream(t testing.TB) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(s.Plain(t))
	require.NoError(t, err)
	return js
}

// Bucket is a bucket as somebody else sees it.
func (s *Server) Bucket(t testing.TB, name string) jetstream.KeyValue {
	t.Helper()
	kv, err := s.JetStream(t).KeyValue(Within(t, 10*time.Second), name)
	require.NoError(t, err)
	return kv
}

// Within is a context that ends with the test, or after d. What takes a second or
// more on a quiet machine may take a minute on a busy one: from five seconds on d is
// no bound that a test is about, and is a minute at least.
func Within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	if d >= 5*time.Second {
		d = max(d, time.Minute)
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

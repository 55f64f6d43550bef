package lead_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

func TestMain(m *testing.M) { bustest.Main(m) }

const instance = "default"

// prepared is a server with its buckets, and a connection to it.
func prepared(t testing.TB, o bus.Options) (*bustest.Server, *bus.Bus) {
	t.Helper()
	s := bustest.Start(t)
	b := s.Connect(t, o)
	require.NoError(t, b.EnsureInstallation(within(t, 20*time.Second)))
	return s, b
}

func connect(t testing.TB, s *bustest.Server, o bus.Options) *bus.Bus {
	t.Helper()
	return s.Connect(t, o)
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	return bustest.Within(t, d)
}

func code(t testing.TB, want action.Code, err error) {
	t.Helper()
	require.Equal(t, want, action.CodeOf(err), "%v", err)
}

// plain is the server as any client sees it.
func plain(t testing.TB, s *bustest.Server) jetstream.JetStream {
	t.Helper()
	return s.JetStream(t)
}

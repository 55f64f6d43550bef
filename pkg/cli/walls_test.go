package cli_test

import (
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/logins"
)

// walls are the logins of an installation whose cores are in accounts of their own; nil
// is one in which nobody is asked who he is.
type walls struct{ dir string }

// raised are those that "callout auth init" makes for both instances of a test.
func raised(t *testing.T) *walls {
	t.Helper()
	w := &walls{filepath.Join(t.TempDir(), "secrets")}
	made := run(t, "callout", "auth", "init", "--nats", "accounts", "-o", w.dir, "--instance", "default", "--instance", twinID)
	require.Zero(t, made.code, made)
	return w
}

func (w *walls) seed(g access.Grant) string { return filepath.Join(w.dir, logins.SeedFile(g)) }

// flags are those by which a process logs in.
func (w *walls) flags(g access.Grant) []string {
	if w == nil {
		return nil
	}
	return []string{"--nats-nkey", w.seed(g)}
}

// broker are those of a dispatcher that carries NATS.
func (w *walls) broker() []string {
	if w == nil {
		return nil
	}
	return append(w.flags(access.Dispatcher()), "--nats-config", filepath.Join(w.dir, "nats.conf"))
}

// worker are those of a worker for both instances.
func (w *walls) worker() []string { return w.flags(access.Worker("default", twinID)) }

// login is that of a client for Go.
func (w *walls) login(g access.Grant) bus.Login {
	if w == nil {
		return bus.Login{}
	}
	return bus.Login{NKey: w.seed(g)}
}

// dial connects by plain NATS, for as long as the test lasts.
func (w *walls) dial(t *testing.T, url string, g access.Grant, opts ...nats.Option) *nats.Conn {
	t.Helper()
	if w != nil {
		key, err := nats.NkeyOptionFromSeed(w.seed(g))
		require.NoError(t, err)
		opts = append(opts, key, nats.CustomInboxPrefix(g.Inbox), nats.IgnoreAuthErrorAbort())
	}
	nc, err := nats.Connect(url, opts...)
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// publisher is a core of an instance that stores events.
func (w *walls) publisher(t *testing.T, url, instance string, opts ...nats.Option) jetstream.JetStream {
	t.Helper()
	return stream(t, w.dial(t, url, access.Core(instance), opts...))
}

package node_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/bus/logins"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/work"
)

// guarded is a server that asks everybody who he is, with a login for each role.
type guarded struct {
	*embed.Server
	dir string
}

func startGuarded(t *testing.T, form logins.Form, instances ...string) *guarded {
	t.Helper()
	g := &guarded{dir: t.TempDir()}
	all, err := logins.New(access.Grants(instances...))
	require.NoError(t, err)
	for _, l := range all {
		require.NoError(t, os.WriteFile(filepath.Join(g.dir, logins.SeedFile(l.Grant)), l.Seed, 0o600))
	}
	config := filepath.Join(g.dir, "nats.conf")
	require.NoError(t, os.WriteFile(config, []byte(logins.Config(form, all)), 0o600))
	g.Server, err = embed.Start(embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Config: config, Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(g.Close)
	return g
}

// login is that of a role.
func (g *guarded) login(of access.Grant) bus.Login {
	return bus.Login{NKey: filepath.Join(g.dir, logins.SeedFile(of))}
}

// connect connects as a role.
func (g *guarded) connect(t *testing.T, of access.Grant) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Options{URL: g.URL(), Login: g.login(of), InboxPrefix: of.Inbox, AckWait: time.Second, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// startFleet starts a dispatcher and a worker, each with its login.
func (g *guarded) startFleet(t *testing.T, instances ...string) *dispatch.Dispatcher {
	t.Helper()
	d, err := dispatch.Start(t.Context(), dispatch.Options{Bus: g.connect(t, access.Dispatcher()), Listen: "127.0.0.1:0", Log: zerolog.Nop(),
		Prepare: func(ctx context.Context, d *dispatch.Dispatcher) error { return d.Instance(instances[0]).Ensure(ctx) },
		Mount:   func(*dispatch.Dispatcher) map[string]http.Handler { return nil }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Stop(context.Background())) })
	invoker := invoke.New(invoke.Options{AllowLocal: true, Log: zerolog.Nop()})
	t.Cleanup(invoker.Close)
	w, err := work.Start(t.Context(), work.Options{Bus: g.connect(t, access.Worker(instances...)), Invoker: invoker, Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Stop(context.Background())) })
	return d
}

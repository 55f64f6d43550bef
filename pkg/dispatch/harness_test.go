package dispatch_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

func TestMain(m *testing.M) {
	// The embedded server keeps a few workers for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

const instance = "default"

// fleet is a broker with any number of dispatchers.
type fleet struct {
	t   *testing.T
	nc  *nats.Conn
	url string
	js  jetstream.JetStream
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	s, err := embed.Start(embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	f := &fleet{t: t, url: s.URL()}
	f.nc, err = nats.Connect(f.url)
	require.NoError(t, err)
	t.Cleanup(f.nc.Close)
	f.js, err = jetstream.New(f.nc)
	require.NoError(t, err)
	return f
}

func (f *fleet) bus() *bus.Bus {
	f.t.Helper()
	b, err := bus.Connect(within(f.t, 5*time.Second), bus.Options{URL: f.url, Log: zerolog.Nop()})
	require.NoError(f.t, err)
	f.t.Cleanup(b.Close)
	return b
}

// running is a dispatcher of a test and what it has logged.
type running struct {
	*dispatch.Dispatcher
	log *lockedBuffer
}

// dispatcher starts one, which is stopped with the test or before.
func (f *fleet) dispatcher() *running {
	f.t.Helper()
	log := &lockedBuffer{}
	d, err := dispatch.Start(within(f.t, 20*time.Second), dispatch.Options{Bus: f.bus(), Log: zerolog.New(log), Listen: "127.0.0.1:0"})
	require.NoError(f.t, err)
	r := &running{Dispatcher: d, log: log}
	f.t.Cleanup(func() { _ = r.Stop(within(f.t, 10*time.Second)) })
	return r
}

func (f *fleet) bucket(name string) jetstream.KeyValue {
	f.t.Helper()
	kv, err := f.js.KeyValue(within(f.t, 5*time.Second), name)
	require.NoError(f.t, err)
	return kv
}

// lockedBuffer may be written to while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func code(t *testing.T, want action.Code, err error) {
	t.Helper()
	require.Equal(t, want, action.CodeOf(err), "%v", err)
}

// parsed reads a configuration.
func parsed(t *testing.T, text string) *catalog.Snapshot {
	t.Helper()
	s, problems := catalog.Parse("test.yaml", []byte(text))
	require.NotNil(t, s, "%v", problems)
	return s
}

func hook(name, url string) action.Target {
	return catalog.WithDefaults(action.Target{Name: name, Kind: action.Webhook, URL: url})
}

// edit changes the instance's own scope.
func (r *running) edit(t *testing.T, source string, do func(sc *catalog.Scope)) (before, after uint64) {
	t.Helper()
	before, after, err := r.tryEdit(t, instance, source, do)
	require.NoError(t, err)
	return before, after
}

func (r *running) tryEdit(t *testing.T, instance, source string, do func(sc *catalog.Scope)) (before, after uint64, err error) {
	t.Helper()
	return r.Edit(within(t, 20*time.Second), instance, source, func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
		next, sc := current.Draft("")
		do(sc)
		return next, nil
	})
}

func add(name, url string) func(sc *catalog.Scope) {
	return func(sc *catalog.Scope) { sc.Targets[name] = hook(name, url) }
}

// now is what is in force.
func (r *running) now(t *testing.T) *catalog.Snapshot {
	t.Helper()
	m, err := r.Catalog(within(t, 5*time.Second), instance, 0)
	require.NoError(t, err)
	return m.Snapshot()
}

func (r *running) meta(t *testing.T, ref catalog.Ref) catalog.Meta {
	t.Helper()
	meta, ok := r.now(t).MetaOf("", ref)
	require.True(t, ok, "%v", ref)
	return meta
}

func target(name string) catalog.Ref { return catalog.Ref{Name: name} }

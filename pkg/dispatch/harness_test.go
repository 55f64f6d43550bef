package dispatch_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
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
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/dispatch"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(workerAt); url != "" {
		if err := workAlone(url); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	bustest.Limit()
	// The embedded server keeps a few workers for the whole process.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

const instance = "default"

// instances are two tenants of one broker, of which one begins with the other.
// What is made in one has the same names in the other.
var instances = []string{instance, instance + ".größe 2"}

// both runs a test for two instances with the same names on one broker, at once:
// what one does must not show in the other.
func both(t *testing.T, f *fleet, test func(t *testing.T, of tenant)) {
	t.Helper()
	t.Run("both", func(t *testing.T) {
		for _, id := range instances {
			t.Run(id, func(t *testing.T) {
				t.Parallel()
				test(t, tenant{fleet: f, id: id})
			})
		}
	})
}

// tenant is one instance of a fleet.
type tenant struct {
	*fleet
	id string
}

// fleet is a broker with any number of dispatchers.
type fleet struct {
	t   *testing.T
	nc  *nats.Conn
	url string
	js  jetstream.JetStream

	dying int // what dispatchers that are to die are told of shards
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	bustest.Turn(t)
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
	return f.busAt(f.url, bus.Options{})
}

func (f *fleet) busAt(url string, o bus.Options) *bus.Bus {
	f.t.Helper()
	o.URL, o.Log, o.AckWait = url, zerolog.Nop(), ackWait
	b, err := bus.Connect(within(f.t, 5*time.Second), o)
	require.NoError(f.t, err)
	f.t.Cleanup(b.Close)
	return b
}

// ackWait is short, so that a worker that is away is missed soon.
const ackWait = time.Second

// running is a dispatcher of a test and what it has logged.
type running struct {
	*dispatch.Dispatcher
	log *lockedBuffer
}

// dispatcher starts one, which is stopped with the test or before.
func (f *fleet) dispatcher() *running {
	f.t.Helper()
	return f.dispatcherWith(f.bus(), dispatch.Options{}.Hurried(hurried, 2*hurried))
}

// keeping starts one that forgets what has left only after a while: what comes back
// on a machine under load is there in time.
func (f *fleet) keeping() *running {
	f.t.Helper()
	return f.dispatcherWith(f.bus(), dispatch.Options{}.Hurried(hurried, 12*hurried))
}

// hurried is how often dispatchers of tests look after what they keep. It is
// longer than what an answer of the broker takes on a machine under load.
const hurried = 500 * time.Millisecond

func (f *fleet) dispatcherWith(b *bus.Bus, o dispatch.Options) *running {
	f.t.Helper()
	log := &lockedBuffer{}
	o.Bus, o.Log, o.Listen, o.MakeInstances = b, zerolog.New(log), "127.0.0.1:0", true
	d, err := dispatch.Start(within(f.t, 20*time.Second), o)
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
	s, problems := file.Parse("test.yaml", []byte(text))
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
	return r.Instance(instance).Edit(within(t, 20*time.Second), source, func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
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
	m, err := r.Instance(instance).Catalog(within(t, 5*time.Second), 0)
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

// ended waits until a job has ended as it is to. Who was not asked hears of the
// instance in a moment.
func (r *running) ended(t *testing.T, instance, id string, how action.JobState) (j jobs.Job) {
	t.Helper()
	require.Eventually(t, func() bool { _, err := r.Instance(instance).Catalog(within(t, 20*time.Second), 0); return err == nil }, time.Minute, time.Millisecond)
	require.NoError(t, r.Instance(instance).WatchJob(within(t, 2*time.Minute), id, func(now jobs.Job) (bool, error) { j = now; return !j.HasEnded(), nil }))
	require.Equal(t, how, j.State, "%+v", j)
	return j
}

package node_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/attempts"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/logins"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/wire"
	"github.com/callout-hq/callout/pkg/work"
)

// guarded is a server that asks everybody who he is, with a login for each role.
type guarded struct {
	*embed.Server
	dir     string
	refused atomic.Int32 // what the fleet was not allowed
	ring    seal.Ring    // opens what is sealed; the dispatcher seals for the older one
}

// Write hears of the fleet's log.
func (g *guarded) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("does not allow")) {
		g.refused.Add(1)
	}
	return len(line), nil
}

func startGuarded(t testing.TB, form logins.Form, instances ...string) *guarded {
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
func (g *guarded) connect(t testing.TB, of access.Grant) *bus.Bus {
	t.Helper()
	return g.connectLogged(t, of, zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel))
}

func (g *guarded) connectLogged(t testing.TB, of access.Grant, log zerolog.Logger) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Options{URL: g.URL(), Login: g.login(of), InboxPrefix: of.Inbox, AckWait: time.Second, Log: log})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// startFleet starts a dispatcher and a worker, each with its login.
func (g *guarded) startFleet(t testing.TB, instances ...string) *dispatch.Dispatcher {
	t.Helper()
	log := zerolog.New(io.MultiWriter(g, zerolog.NewTestWriter(t))).Level(zerolog.WarnLevel)
	g.ring = seal.Ring{sealKey(t), sealKey(t)}
	older := g.ring[1].Public()
	d, err := dispatch.Start(t.Context(), dispatch.Options{Bus: g.connectLogged(t, access.Dispatcher(), log), Listen: "127.0.0.1:0", Log: zerolog.Nop(), SealTo: &older,
		Prepare: func(ctx context.Context, d *dispatch.Dispatcher) error { return d.Instance(instances[0]).Ensure(ctx) },
		Mount:   func(*dispatch.Dispatcher) map[string]http.Handler { return nil }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Stop(context.Background())) })
	invoker := invoke.New(invoke.Options{AllowLocal: true, Log: zerolog.Nop()})
	t.Cleanup(invoker.Close)
	w, err := work.Start(t.Context(), work.Options{Bus: g.connectLogged(t, access.Worker(instances...), log), Invoker: invoker, Log: log, OpenWith: g.ring})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Stop(context.Background())) })
	return d
}

// TestNATSRoles runs a fleet of which each process may do no more than its role, with
// cores of two instances, in both forms of a server's configuration: calls, trials,
// events that are tried again, dead letters and what becomes of them, stops and pauses
// work. Then each role is refused what it may not.
func TestNATSRoles(t *testing.T) {
	t.Parallel()
	for _, form := range logins.Forms {
		t.Run(string(form), func(t *testing.T) {
			t.Parallel()
			names := []string{"north", "south"}
			g := startGuarded(t, form, names...)
			d := g.startFleet(t, names...)
			for _, name := range names {
				g.works(t, d, name)
				g.keeps(t, name)
			}
			require.Zero(t, g.refused.Load(), "the fleet was refused something")
			g.refuses(t, names)
		})
	}
}

// rolesConfig has every way in which a delivery ends.
const rolesConfig = `
instance: NAME
targets:
  hook: {type: webhook, url: HOOKS/hook}
  again: {type: webhook, url: HOOKS/again, retry: {initial: 5ms, max: 5ms}}
  dead: {type: webhook, url: HOOKS/dead, retry: {initial: 5ms, max: 5ms, attempts: 2}}
  stops: {type: webhook, url: HOOKS/stops, retry: {initial: 5ms, max: 5ms, attempts: 1}}
  gone: {type: webhook, url: HOOKS/gone}
  later: {type: async, url: HOOKS/later, retry: {initial: 5ms, max: 5ms}}
requests: {/s.S/A: {targets: [{target: hook}, {target: later}]}}
events:
  user.added: {targets: [{target: again}]}
  user.dead: {targets: [{target: dead}]}
  user.stops: {on_exhausted: stop, targets: [{target: stops}]}
  user.gone: {targets: [{target: gone}]}
`

// works does in an instance all that takes a right of the worker's, or a core's.
func (g *guarded) works(t *testing.T, d *dispatch.Dispatcher, name string) {
	t.Helper()
	hooks := playTargets(t)
	hooks.answerHere("again", failing(2, http.StatusServiceUnavailable))
	hooks.answerHere("dead", failing(2, http.StatusServiceUnavailable))
	hooks.answerHere("stops", failing(1, http.StatusServiceUnavailable))
	hooks.answerHere("gone", failing(1, http.StatusGone))
	hooks.answerHere("later", failing(1, http.StatusServiceUnavailable))
	snapshot, problems := file.Parse("c.yaml", []byte(strings.NewReplacer("NAME", name, "HOOKS", hooks.URL).Replace(rolesConfig)))
	require.NotNil(t, snapshot, "%v", problems)
	i := d.Instance(name)
	_, err := i.Apply(within(t, 30*time.Second), snapshot)
	require.NoError(t, err)
	client, err := callout.Connect(within(t, 10*time.Second), callout.Options{URL: g.URL(), Login: g.login(access.Core(name)), Instance: name, Log: zerolog.Nop()})
	require.NoError(t, err)
	defer client.Close()
	require.Eventually(t, func() bool { // the core may have heard of the instance before the worker has
		r, err := client.Request(t.Context(), callout.Call{Method: "/s.S/A", OrgID: "acme", Request: []byte(`{}`)})
		return err == nil && r.Outcome == action.Continue && len(r.Steps) == 2
	}, time.Minute, 5*time.Millisecond)
	hooks.await(t, "later", 2)
	tried, err := i.Try(within(t, 10*time.Second), calls.Trial{Stored: true, Phase: action.Request, Name: "/s.S/A", Body: []byte(`{"fullMethod":"/s.S/A","request":{}}`),
		Target: catalog.WithDefaults(action.Target{Name: "hook", Kind: action.Webhook, URL: hooks.URL + "/hook"})})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, tried.Status)
	for _, what := range []string{"added", "dead", "stops", "gone"} {
		_, err := client.Publish(within(t, 10*time.Second), action.Event{AggregateID: "u", ResourceOwner: "acme", Type: "user." + what, Payload: []byte(`{}`)})
		require.NoError(t, err)
	}
	hooks.await(t, "again", 3)
	g.redrive(t, i, hooks)
	state := func(target string) (s action.Subscription) {
		all, err := i.Subscriptions(within(t, 10*time.Second))
		require.NoError(t, err)
		n := slices.IndexFunc(all, func(s action.Subscription) bool { return s.Target == target })
		require.GreaterOrEqual(t, n, 0)
		return all[n]
	}
	require.Eventually(t, func() bool {
		return state("stops").State == action.SubscriptionStopped && state("gone").State == action.SubscriptionPaused
	},
		time.Minute, 10*time.Millisecond)
	require.NoError(t, i.ResumeSubscription(within(t, 10*time.Second), state("stops").Name, 0))
	_, err = i.ResumeTarget(within(t, 10*time.Second), "", "gone")
	require.NoError(t, err)
	hooks.await(t, "stops", 2)
	hooks.await(t, "gone", 2)
	require.Eventually(t, func() bool { // the log of attempts is written too
		page, err := i.Deliveries(within(t, 10*time.Second), attempts.Filter{Target: "again"}, 10, nil)
		return err == nil && len(page.Deliveries) == 1
	}, time.Minute, 10*time.Millisecond)
	g.shows(t, name)
}

// shows waits until the worker has moved the consumer of a shard, where lines are packed,
// behind the last event, and has made it again when it was gone.
func (g *guarded) shows(t *testing.T, name string) {
	t.Helper()
	if shards.Unasked == 0 {
		return
	}
	b := g.connectLogged(t, access.Dispatcher(), zerolog.Nop())
	i := b.Instance(name)
	for n := range 2 {
		require.Eventually(t, func() bool {
			for number := range shards.Unasked {
				c, err := b.JetStream().Consumer(within(t, time.Minute), i.Events, "shard-"+strconv.Itoa(number+1))
				if err == nil && c.CachedInfo().AckFloor.Stream > 1 && c.CachedInfo().NumPending == 0 {
					return n == 1 || b.JetStream().DeleteConsumer(within(t, time.Minute), i.Events, c.CachedInfo().Name) == nil
				}
			}
			return false
		}, time.Minute, 20*time.Millisecond)
	}
}

// keeps does as a worker what it does with dead letters when a dispatcher has died
// over them: it puts one in the place of another, and takes it out.
func (g *guarded) keeps(t *testing.T, name string) {
	t.Helper()
	all := letters.Of(g.connect(t, access.Worker(name)).Instance(name))
	letter := action.DeadLetter{DeliveryID: "dlv_x", Instance: name, Target: "dead", Phase: action.OnEvent, Body: []byte(`{}`)}
	require.NoError(t, all.Keep(within(t, 10*time.Second), letter, 0))
	kept, err := all.Get(within(t, 10*time.Second), letter.DeliveryID)
	require.NoError(t, err)
	require.NoError(t, all.ForgetOf(within(t, 10*time.Second), kept.Place, letter.DeliveryID))
	_, err = all.Get(within(t, 10*time.Second), letter.DeliveryID)
	require.Equal(t, action.CodeNotFound, action.CodeOf(err))
	sealed, err := g.connect(t, access.Worker(name)).Instance(name).ResealSecrets(within(t, 10*time.Second), g.ring)
	require.NoError(t, err)
	require.Equal(t, 6, sealed, "a key of each target")
}

// redrive sends a dead letter again; when it is delivered, the worker takes it away.
func (g *guarded) redrive(t *testing.T, i *dispatch.Instance, hooks *targets) {
	t.Helper()
	var kept []letters.Letter
	look := func() int {
		kept = nil
		require.NoError(t, i.DeadLettersFrom(within(t, 10*time.Second), 1, func(l letters.Letter) bool { kept = append(kept, l); return true }))
		return len(kept)
	}
	require.Eventually(t, func() bool { return look() == 1 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, letterJob(within(t, 30*time.Second), i, action.JobRedrive, kept[0].DeliveryID))
	hooks.await(t, "dead", 3)
	require.Eventually(t, func() bool { return look() == 0 }, time.Minute, 10*time.Millisecond)
}

// failing answers so many times with a status, and then with 200.
func failing(n int32, code int) http.HandlerFunc {
	var left atomic.Int32
	left.Store(n)
	return func(w http.ResponseWriter, _ *http.Request) {
		if left.Add(-1) >= 0 {
			w.WriteHeader(code)
		}
	}
}

// refuses has each role try what it may do and what it may not.
func (g *guarded) refuses(t *testing.T, names []string) {
	t.Helper()
	all := access.Grants(names...)
	stands := g.streams(t, names)
	require.Eventually(t, func() bool { // what the fleet still had to write is written
		before := stands
		stands = g.streams(t, names)
		return reflect.DeepEqual(before, stands)
	}, time.Minute, 2*time.Second)
	defer func() { require.Equal(t, stands, g.streams(t, names), "trying changes nothing") }()
	for _, grant := range all {
		tried, err := logins.Try(t.Context(), bus.Options{URL: g.URL(), Login: g.login(grant)}, grant, all)
		require.NoError(t, err)
		refused := 0
		for _, one := range tried {
			require.Equal(t, one.May, one.Let, "%+v", one)
			if !one.May {
				refused++
			}
		}
		if grant.Role != access.RoleDispatcher {
			require.Greater(t, refused, 60, grant.Name())
		}
	}
	plain, err := bus.Connect(t.Context(), bus.Options{URL: g.URL(), Log: zerolog.Nop()})
	require.ErrorContains(t, err, "refuses this login", plain)
}

// streams tells how the streams stand that nobody writes to while nothing happens.
func (g *guarded) streams(t *testing.T, names []string) map[string][]uint64 {
	t.Helper()
	look, err := g.connect(t, access.Dispatcher()).Look(within(t, 10*time.Second))
	require.NoError(t, err)
	stand := map[string][]uint64{}
	for _, bucket := range []string{bus.BucketCatalog, bus.BucketConditions, bus.BucketSecrets, bus.BucketDeclared} {
		stand[bus.BucketStream(bucket)] = nil
	}
	for _, name := range names {
		streams := wire.StreamsOf(name)
		stand[streams.Events], stand[streams.Dead], stand[streams.Async] = nil, nil, nil // attempts are recorded a moment later
	}
	for name := range stand {
		s, there := look.Streams[name]
		require.True(t, there, name)
		stand[name] = []uint64{s.FirstSeq, s.LastSeq, s.Messages}
	}
	return stand
}

package work

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/invoke"
)

func TestMain(m *testing.M) {
	// The embedded server keeps a few workers for the whole process.
	bustest.Limit()
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.init.0.func1"))
}

// TestStartKnowsEverythingBeforeItTakesACall: the first call after Start finds
// its catalog, its key and its target's pause, in both instances.
func TestStartKnowsEverythingBeforeItTakesACall(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}, rests: {type: webhook, url: HOOKS/rests}}\nfunctions: {f: {targets: [{target: hook}, {target: rests}]}}")
	g.both(func(in at) {
		require.NoError(t, in.bus.PauseTarget(within(t, 5*time.Second), "", "rests", "for a while"))
	})
	g.end()
	for range 5 {
		secrets := g.asked(bus.BucketSecrets)
		w := g.worker()
		asked := secrets()
		g.both(func(in at) {
			require.NotNil(t, w.keys.known(in.id, "hook"))
			r, err := in.call("f", `{}`)
			require.NoError(t, err)
			require.Equal(t, action.StepOK, r.Steps[0].Outcome)
			require.Equal(t, action.CodePaused, r.Warnings[0].Code)
		})
		require.Equal(t, asked, secrets(), "no key had to be asked for")
		require.NoError(t, w.Stop(within(t, 5*time.Second)))
	}
	g.both(func(in at) { in.got("rests", 0) })
}

// TestNoLineIsTakenFromBeforeAllIsRead: the pause of its target, and what was
// decided of it, may be read long behind a line.
func TestNoLineIsTakenFromBeforeAllIsRead(t *testing.T) {
	t.Parallel()
	g := newGroundOf(t, shards.None) // its consumer tells that it is taken from
	g.apply(hookOnAdded)
	g.end()
	g.publish("user.added", 1)
	ctx := within(t, 20*time.Second)
	require.NoError(t, bus.Together(3000, func(n int) error {
		return g.bus.Bucket(bus.BucketLines).Put(ctx, fmt.Sprintf("north.record.other-%d", n), []byte(`{}`))
	}))
	g.both(func(in at) { require.NoError(t, in.bus.PauseTarget(ctx, "", "hook", "for a while")) })
	w := g.worker()
	g.both(func(in at) {
		require.True(t, w.state.isPaused(in.id, "", &action.Target{Name: "hook"}))
		g.eventually(func() bool {
			c, err := g.js.Consumer(within(t, time.Minute), in.bus.Events, l0(in).Name)
			return err == nil && c.CachedInfo().Delivered.Consumer > 0
		}, "nobody takes from it")
	})
	require.NoError(t, w.Stop(within(t, 5*time.Second)))
	g.both(func(in at) { in.got("hook", 0) })
}

// TestStartWithoutADispatcherSaysSo and leaves nothing behind.
func TestStartWithoutADispatcherSaysSo(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.end()
	for _, bucket := range []string{bus.BucketCatalog, bus.BucketSecrets, bus.BucketLines} {
		t.Run(bucket, func(t *testing.T) {
			require.NoError(t, g.js.DeleteKeyValue(within(t, 5*time.Second), bucket))
			i := invoke.New(invoke.Options{AllowLocal: true})
			defer i.Close()
			_, err := Start(within(t, 300*time.Millisecond), Options{Bus: g.connect(g.server.URL()), Invoker: i})
			require.Equal(t, action.CodeUnavailable, action.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, "has a dispatcher been started")
			require.NoError(t, g.bus.EnsureInstallation(within(t, 5*time.Second)))
		})
	}
}

// blocking answers requests to a target of both instances when it is let go.
func (g *ground) blocking(target string) (entered <-chan string, letGo func()) {
	in, out := make(chan string, 64), make(chan struct{})
	g.both(func(at at) {
		g.hooks.answer(at.id+"/"+target, func(_ http.ResponseWriter, r *http.Request) {
			in <- at.id
			select {
			case <-out:
			case <-r.Context().Done():
			}
		})
	})
	letGo = sync.OnceFunc(func() { close(out) })
	g.Cleanup(letGo)
	return in, letGo
}

const everyKind = `
targets: {hook: {type: webhook, url: HOOKS/hook, timeout: 20s}, later: {type: async, url: HOOKS/hook, timeout: 20s}, call: {type: webhook, url: HOOKS/call, timeout: 20s}}
events: {user.added: {targets: [{target: hook}]}, user.later: {targets: [{target: later}]}}
functions: {f: {targets: [{target: call}]}}`

// TestStopTakesNothingMoreAndWaits: what is in hand of either instance is
// finished, what waits behind it is not begun, and stopping twice is fine.
func TestStopTakesNothingMoreAndWaits(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(everyKind)
	g.end()
	entered, letGo := g.blocking("hook")
	called, answer := g.blocking("call")
	w := g.worker(func(o *Options) { o.Slots = 1 })
	for n := range 3 {
		g.publish("user.added", n+1)
		g.publish("user.later", n+1)
	}
	answered := make(chan error, 2)
	g.both(func(in at) { go func() { _, err := in.call("f", `{}`); answered <- err }() })
	for range instances { // an event, an event without an order and a call of each
		<-entered
		<-entered
		<-called
	}
	stopped := make(chan error, 2)
	for range 2 {
		go func() { stopped <- w.Stop(within(g, 20*time.Second)) }()
	}
	g.eventually(func() bool { // it takes no calls any more, and before that nothing of lines
		_, err := g.at("north").call("nothing", `{}`)
		return action.CodeOf(err) == action.CodeUnavailable
	}, "it takes calls for ever")
	select {
	case err := <-stopped:
		t.Fatal("stopped with all in hand: ", err)
	default:
	}
	letGo() // the calls are still in hand, and no line goes on meanwhile
	g.both(func(in at) {
		in.settled(in.line("user.added/hook"), 2)
		in.settled(in.line("user.later/later"), 2)
	})
	answer()
	require.NoError(t, <-stopped)
	require.NoError(t, <-stopped)
	require.NoError(t, <-answered)
	require.NoError(t, <-answered)
	g.both(func(in at) {
		in.got("hook", 2)
		in.got("call", 1)
		require.EqualValues(t, 2, in.settled(in.line("user.added/hook"), 2))
		require.EqualValues(t, 2, in.settled(in.line("user.later/later"), 2))
	})
	require.NoError(t, w.Stop(context.Background()), "a third time")
}

// settled waits until a line's backlog is n, and gives it.
func (in at) settled(l lineOf, n uint64) uint64 {
	in.Helper()
	in.eventually(func() bool { return in.lag(l) <= n }, "%s has more than %d before it", l.Name, n)
	return in.lag(l)
}

// TestStopAbortsWhenItsTimeIsOver: what was in hand is handed back uncharged, and
// another worker takes it at once.
func TestStopAbortsWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(everyKind)
	g.end()
	entered, letGo := g.blocking("hook")
	w := g.worker()
	g.publish("user.added", 1)
	<-entered
	<-entered
	began := time.Now()
	_ = w.Stop(within(t, 100*time.Millisecond)) // what could not be finished is no error of lines
	require.Less(t, time.Since(began), 5*time.Second)
	letGo()
	g.worker()
	g.both(func(in at) {
		for _, a := range in.got("hook", 2) {
			require.Equal(t, "1", a.header.Get("Callout-Attempt"))
		}
		in.drained(in.line("user.added/hook"))
		require.Empty(t, in.record(in.line("user.added/hook")).State)
	})
}

// TestAWorkerThatWasAwayDropsWhatWent: lines, pauses and keys that are gone
// without a trace by the time its watch begins again, as after more than an hour.
func TestAWorkerThatWasAwayDropsWhatWent(t *testing.T) {
	t.Parallel()
	g := newGroundOf(t, shards.None) // its consumer tells whether it is asked for events
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}}\nevents: {user.added: {targets: [{target: hook}]}}\nfunctions: {f: {targets: [{target: hook}]}}")
	g.both(func(in at) {
		require.NoError(t, in.bus.PauseTarget(within(t, 5*time.Second), "", "hook", "for a while"))
	})
	g.end()
	wire := newCut(t, strings.TrimPrefix(g.server.URL(), "nats://"))
	w := g.workerOn(g.connect(wire.url()))
	var of []lineOf
	g.both(func(in at) {
		of = append(of, in.line("user.added/hook"))
		require.True(t, w.state.isPaused(in.id, "", &action.Target{Name: "hook"}))
		_, known := w.state.known(in.line("user.added/hook"))
		require.True(t, known)
	})
	wire.set(true)
	g.wipe(bus.BucketLines, "north.paused.>")
	g.wipe(bus.BucketLines, "north.line."+of[0].Name)
	g.wipe(bus.BucketSecrets, "north.=.hook")
	wire.set(false)
	g.eventually(func() bool { return !w.state.isPaused("north", "", &action.Target{Name: "hook"}) }, "it is paused for ever")
	g.eventually(func() bool { _, known := w.state.known(of[0]); return !known }, "it takes from a line that is gone")
	g.eventually(func() bool { return w.keys.known("north", "hook") == nil }, "it keeps a key that is gone")
	g.eventually(func() bool {
		c, err := g.js.Consumer(within(t, 5*time.Second), g.at("north").bus.Events, of[0].Name)
		return err == nil && c.CachedInfo().NumWaiting == 0
	}, "it still asks for events of a line that is gone")
	require.True(t, w.state.isPaused("south", "", &action.Target{Name: "hook"}))
	require.NotNil(t, w.keys.known("south", "hook"))
	_, known := w.state.known(of[1])
	require.True(t, known)
	g.both(func(in at) { in.publish("user.added", 1) })
	r, err := g.at("north").call("f", `{}`)
	require.NoError(t, err)
	require.Equal(t, action.StepOK, r.Steps[0].Outcome)
	require.EqualValues(t, 1, g.at("north").lag(of[0]), "nobody takes it")
	g.both(func(in at) { require.LessOrEqual(t, len(g.hooks.got(in.id+"/hook")), 1) })
}

// known is the line that a worker takes from, by what it has watched.
func (s *fleetState) known(l lineOf) (catalogKey any, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.lines {
		if k == l.Key() {
			return k, true
		}
	}
	return nil, false
}

// TestALineOfOneInstanceEndsAlone: it is removed in the north, and the one of the
// same name goes on in the south.
func TestALineOfOneInstanceEndsAlone(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	w := g.worker()
	north, south := g.at("north"), g.at("south")
	require.Equal(t, north.line("user.added/hook").Name, south.line("user.added/hook").Name)
	gone := north.line("user.added/hook")
	north.apply("targets: {}")
	g.eventually(func() bool { _, known := w.state.known(gone); return !known }, "the line stays")
	south.publish("user.added", 1)
	south.got("hook", 1)
	north.got("hook", 0)
}

// TestManyCallsAtOnce: those of both instances share the worker's hands.
func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}}\nfunctions: {f: {targets: [{target: hook}]}}")
	var most, now atomic.Int64
	g.both(func(in at) {
		g.hooks.answer(in.id+"/hook", func(http.ResponseWriter, *http.Request) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
		})
	})
	g.worker(func(o *Options) { o.Calls = 4 })
	var all sync.WaitGroup
	for n := range 12 {
		all.Go(func() {
			r, err := g.at(instances[n%2]).call("f", `{}`)
			if err != nil || r.Outcome != action.Continue {
				t.Error(r.Outcome, err)
			}
		})
	}
	all.Wait()
	g.both(func(in at) { in.got("hook", 6) })
	require.LessOrEqual(t, most.Load(), int64(6))
}

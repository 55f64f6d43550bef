package work

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/sign"
)

// A target that a fault keeps from being called, beside one that is well. MAXAGE
// is how long the first may be held up.
const faulty = `
targets: {hook: {type: webhook, url: HOOKS/hook, retry: {max_age: MAXAGE}}, well: {type: webhook, url: HOOKS/well}}
events: {user.added: {targets: [{target: hook}]}, user.well: {targets: [{target: well}]}}`

func withAge(maxAge string) string { return strings.ReplaceAll(faulty, "MAXAGE", maxAge) }

// faults are ways in which we fail to send an event that has been stored, in the
// instance north alone. Each gives what mends it.
var faults = map[string]func(g *ground, w *Worker) (mend func()){
	"its revision cannot be read": func(g *ground, w *Worker) func() {
		north := g.at("north")
		kv, key := north.bucket(bus.BucketCatalog), "north.rev.1"
		was, err := kv.Get(within(g, 5*time.Second), key)
		require.NoError(g, err)
		_, err = kv.Put(within(g, 5*time.Second), key, []byte("garbage"))
		require.NoError(g, err)
		return func() { _, err := kv.Put(within(g, 5*time.Second), key, was.Value()); require.NoError(g, err) }
	},
	"the book of lines cannot be read": func(g *ground, w *Worker) func() {
		north := g.at("north")
		kv, key := north.bucket(bus.BucketLines), "north.line."+north.line("user.added/hook").Name
		was, err := kv.Get(within(g, 5*time.Second), key)
		require.NoError(g, err)
		_, err = kv.Put(within(g, 5*time.Second), key, []byte("garbage"))
		require.NoError(g, err)
		return func() { _, err := kv.Put(within(g, 5*time.Second), key, was.Value()); require.NoError(g, err) }
	},
}

// TestAFaultOfOursIsSeenAndPasses: what is held up shows why and is charged
// nothing, others flow meanwhile, and it goes on when the fault is mended.
func TestAFaultOfOursIsSeenAndPasses(t *testing.T) {
	t.Parallel()
	for name, fail := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t)
			g.apply(withAge("1h"))
			first := g.line0("user.added/hook")
			late := name == "the book of lines cannot be read" // which is asked once an edit has come
			if !late {
				g.publish("user.added", 1) // of revision 1
			}
			g.apply(withAge("2h"))
			if late {
				g.publish("user.added", 1)
			}
			l := g.at("north").line("user.added/hook")
			require.Equal(t, first, l.Name)
			g.end()
			before := within(t, 5*time.Second)
			require.NoError(t, g.at("north").lines().Stop(before, l))
			w := g.worker()
			mend := fail(g, w)
			require.NoError(t, g.at("north").lines().Resume(before, l))
			r := g.at("north").held(l)
			require.Zero(t, r.Attempts)
			require.Equal(t, action.LineRetrying, r.State)
			require.True(t, r.LastCode != "" && r.NextTry.After(r.LastFailed), "%+v", r)
			g.publish("user.well", 2)
			g.both(func(in at) { in.got("well", 1) })
			g.at("south").got("hook", 1)
			mend()
			require.Equal(t, "1", g.at("north").got("hook", 1)[0].header.Get("Callout-Attempt"))
			g.at("north").drained(l)
			g.both(func(in at) { in.dead(0) })
			require.Zero(t, g.at("north").record(l).Held, "what held it is past")
		})
	}
}

func (g *ground) line0(name string) string { return g.at("north").line(name).Name }

// TestAFaultOfOursEndsInTheDeadLetters after max_age of its target as it is
// configured now, with the reason internal.
func TestAFaultOfOursEndsInTheDeadLetters(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(withAge("1h"))
	g.publish("user.added", 1)
	g.apply(withAge("1s"))
	l := g.at("north").line("user.added/hook")
	g.end()
	w := g.worker(func(o *Options) {
		faults["its revision cannot be read"](g, nil)
	})
	letter := g.at("north").dead(1)[0]
	require.Equal(t, []any{action.CodeInternal, 0, "hook", "user.added", action.OnEvent, "user.added"},
		[]any{letter.Reason, letter.Attempts, letter.Target, letter.EventType, letter.Phase, letter.Match})
	require.Contains(t, letter.LastError, "cannot be read")
	require.NotEmpty(t, letter.Body)
	g.at("north").drained(l)
	g.at("south").got("hook", 1)
	g.at("south").dead(0)
	require.Zero(t, w.Panics())
}

// TestAHeldDeliveryCanBeSkipped in a line with an order, and in one without.
func TestAHeldDeliveryCanBeSkipped(t *testing.T) {
	for _, id := range instances {
		t.Setenv("HOOK_KEY_"+strings.ToUpper(id), sign.NewKey())
	}
	g := newGround(t)
	// South comes first, so that its keys are the oldest of the bucket: were north's,
	// the bucket would look emptied once they are gone, and be mended.
	for _, id := range []string{"south", "north"} {
		g.at(id).apply(strings.ReplaceAll(`
targets: {hook: {type: webhook, url: HOOKS/hook, signing_key: {env: KEY}}, later: {type: async, url: HOOKS/later, signing_key: {env: KEY}}}
events: {user.added: {targets: [{target: hook}]}, user.later: {targets: [{target: later}]}}`, "KEY", "HOOK_KEY_"+strings.ToUpper(id)))
	}
	north := g.at("north")
	for _, target := range []string{"hook", "later"} {
		require.NoError(t, north.bucket(bus.BucketSecrets).Purge(within(t, 5*time.Second), "north.=."+target))
	}
	g.worker()
	g.publish("user.added", 1)
	g.publish("user.added", 2)
	g.publish("user.later", 1)
	g.at("south").got("hook", 2)
	g.at("south").got("later", 1)

	hook, later := north.line("user.added/hook"), north.line("user.later/later")
	require.Equal(t, action.CodeInternal, north.held(hook).LastCode)
	require.Equal(t, action.CodeInternal, north.eachHeld(later, 1)[0].LastCode)
	north.skip("user.added/hook")
	north.skip("user.later/later")
	for _, l := range north.dead(2) {
		require.Equal(t, []any{action.CodeSkipped, 0}, []any{l.Reason, l.Attempts})
	}
	north.drained(later)
	g.eventually(func() bool { r := north.record(hook); return r.Held > 0 && r.Sequence > 0 && north.lag(hook) == 1 }, "the next one is not held")
	require.NoError(t, north.bus.PutSecrets(within(t, 5*time.Second), []bus.NewSecret{{Target: "hook", Key: sign.NewKey()}}))
	require.Equal(t, 2, north.got("hook", 1)[0].n(t))
	g.at("south").dead(0)
}

// TestWhatNobodyCanReadCanBeSkipped: the revision that an event was stored under
// is broken, and no dispatcher remembers it.
func TestWhatNobodyCanReadCanBeSkipped(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(withAge("1h"))
	g.publish("user.added", 1)
	g.apply(withAge("2h"))
	g.end()
	faults["its revision cannot be read"](g, nil)
	g.begin()
	g.worker()
	north := g.at("north")
	l := north.line("user.added/hook")
	require.Equal(t, action.CodeUnreadable, north.held(l).LastCode)
	north.skip("user.added/hook")
	letter := north.dead(1)[0]
	require.Equal(t, []any{action.CodeSkipped, 0}, []any{letter.Reason, letter.Attempts})
	north.drained(l)
	north.publish("user.added", 2)
	require.Equal(t, 2, north.got("hook", 1)[0].n(t))
	g.at("south").got("hook", 1)
	g.at("south").dead(0)
}

// skip asks again while a worker may just have begun what is to be skipped.
func (in at) skip(line string) {
	in.Helper()
	in.eventually(func() bool {
		err := in.dispatcher.Instance(in.id).Skip(within(in, 10*time.Second), line, dispatch.AllLanes)
		if action.CodeOf(err) == action.CodeConflict {
			return false
		}
		require.NoError(in, err)
		return true
	}, "an attempt at the first event of %s never ends", line)
}

// eachHeld waits for the records of held deliveries of a line without an order.
func (in at) eachHeld(l lineOf, n int) []action.LineRecord {
	in.Helper()
	var held []action.LineRecord
	in.eventually(func() bool {
		held = nil
		records, err := in.lines().Records(within(in, 5*time.Second), l)
		for _, r := range records {
			if r.Held > 0 {
				held = append(held, r)
			}
		}
		return err == nil && len(held) >= n
	}, "%d held deliveries of %s are missing", n, l.Name)
	return held
}

// TestAPanicIsTheFaultOfOneDelivery: three in a row and it is a dead letter. The
// process lives, other lines flow, and so does the other instance.
func TestAPanicIsTheFaultOfOneDelivery(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(withAge("1h"))
	log := &logged{}
	first := g.worker(func(o *Options) { o.Log = zerolog.New(log) })
	second := g.worker()
	for _, w := range []*Worker{first, second} {
		w.breakTurn(t, "north", "user.added")
	}
	g.both(func(in at) { in.publish("user.added", 1); in.publish("user.well", 2) })
	g.both(func(in at) { in.got("well", 1) })
	north := g.at("north")
	l := north.line("user.added/hook")
	r := north.held(l)
	require.Equal(t, []any{action.CodeInternal, 0}, []any{r.LastCode, r.Attempts})
	require.Positive(t, r.Panics)
	letter := north.dead(1)[0]
	require.Equal(t, []any{action.CodeInternal, 0, "hook"}, []any{letter.Reason, letter.Attempts, letter.Target})
	north.drained(l)
	require.EqualValues(t, 3, first.Panics()+second.Panics())
	g.at("south").got("hook", 1)
	north.got("hook", 0)
	g.at("south").dead(0)
	if first.Panics() > 0 {
		require.Contains(t, log.String(), `"stack":`)
	}
	north.publish("user.well", 3)
	north.got("well", 2)
}

// breakTurn makes a worker panic over an event type: there is no target where
// there should be one.
func (w *Worker) breakTurn(t testing.TB, instance, eventType string) {
	t.Helper()
	m, err := w.catalogs.Of(instance).AtLeast(within(t, 5*time.Second), 0)
	require.NoError(t, err)
	m.Event(eventType, "acme")[0].Turns[0].Target = nil
	_, err = w.catalogs.Of(instance).AtLeast(within(t, 5*time.Second), 0) // who asks from here on sees it
	require.NoError(t, err)
}

// TestAPanicOfTheInvokerHasAnEnd too, and one that passes is not counted on.
func TestAPanicOfTheInvokerHasAnEnd(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(withAge("1h"))
	var panics atomic.Int64
	panics.Store(2)
	g.worker(func(o *Options) {
		o.Invoker = invoke.New(invoke.Options{AllowLocal: true, Now: func() time.Time {
			if panics.Add(-1) >= 0 {
				panic("no clock")
			}
			return time.Now()
		}})
	})
	north := g.at("north")
	north.publish("user.added", 1)
	require.Equal(t, "1", north.got("hook", 1)[0].header.Get("Callout-Attempt"), "two panics are no attempts")
	north.drained(north.line("user.added/hook"))
	panics.Store(3)
	north.publish("user.added", 2)
	require.Equal(t, action.CodeInternal, north.dead(1)[0].Reason)
	north.got("hook", 1)
}

// TestAPanicInHoldingLeavesTheDeliveryWithTheServer: the last resort.
func TestAPanicInHoldingLeavesTheDeliveryWithTheServer(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.end()
	north := g.at("north")
	north.publish("user.added", 1)
	broken := &Worker{bus: nil, state: newFleetState(), log: zerolog.Nop()}
	l := north.line("user.added/hook")
	d := north.delivery(north.publish("user.added", 2), l)
	require.NotPanics(t, func() { broken.deliver(t.Context(), d) })
	require.NotZero(t, broken.Panics())
}

// TestTheBusIsAwayForAWhile: nothing is charged, nothing is lost, nothing comes
// twice.
func TestTheBusIsAwayForAWhile(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(withAge("1h"))
	wire := newCut(t, strings.TrimPrefix(g.server.URL(), "nats://"))
	g.workerOn(g.connect(wire.url()))
	g.publish("user.well", 1)
	g.both(func(in at) { in.got("well", 1) })
	wire.set(true)
	g.publish("user.added", 2)
	wire.set(false)
	g.both(func(in at) {
		require.Equal(t, "1", in.got("hook", 1)[0].header.Get("Callout-Attempt"))
		in.drained(in.line("user.added/hook"))
		in.dead(0)
	})
}

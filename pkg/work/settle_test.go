package work

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestNothingIsAcknowledgedWithoutItsLetter: the stream of dead letters is
// deleted while deliveries are about to go there. The record says so first, its
// target is not asked again, and the letter comes when there is a place for it.
func TestNothingIsAcknowledgedWithoutItsLetter(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.end()
	north := g.at("north")
	g.both(func(in at) {
		g.hooks.answer(in.id+"/hook", func(w http.ResponseWriter, _ *http.Request) {
			if in.id == "north" { // between the answer and the letter
				_ = g.js.DeleteStream(within(t, 5*time.Second), in.bus.Dead) // it may be gone already
			}
			w.WriteHeader(400)
		})
	})
	g.worker()
	g.publish("user.added", 1)
	l := north.line("user.added/hook")
	g.eventually(func() bool { return north.record(l).State == action.LineGivenUp }, "the record does not say what becomes of it")
	require.EqualValues(t, 1, north.lag(l))
	g.at("south").dead(1)
	g.at("south").drained(l0(g.at("south")))
	// It is looked at again, and again nothing is acknowledged.
	again := g.heard(wire.DeadOf(north.id))
	g.eventually(func() bool { return again() > 1 }, "nobody looks at it again")
	require.EqualValues(t, 1, north.lag(l))
	require.NoError(t, north.bus.EnsureStreams(within(t, 5*time.Second)))
	letter := north.dead(1)[0]
	require.Equal(t, []any{action.CodeStatus, 400, 1}, []any{letter.Reason, letter.LastStatus, letter.Attempts})
	north.drained(l)
	north.got("hook", 1)
}

func l0(in at) lineOf { return in.line("user.added/hook") }

// heard counts what is published under subjects from now on, stored or not.
func (g *ground) heard(subject string) (count func() int64) {
	g.Helper()
	var n atomic.Int64
	sub, err := g.nc.Subscribe(subject, func(*nats.Msg) { n.Add(1) })
	require.NoError(g, err)
	g.Cleanup(func() { _ = sub.Unsubscribe() }) // only fails when the connection is gone
	require.NoError(g, g.nc.Flush())
	return n.Load
}

// TestNothingIsDecidedWithoutItsRecord: the book takes nothing. So no letter is
// made and nothing is acknowledged, whatever the target answers.
func TestNothingIsDecidedWithoutItsRecord(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.end()
	g.answer("hook", 400)
	g.worker()
	let := g.refuse(bus.BucketLines)
	g.publish("user.added", 1)
	g.both(func(in at) {
		g.eventually(func() bool { return len(g.hooks.got(in.id+"/hook")) > 0 }, "it is not sent")
		l := l0(in)
		again := g.heard(wire.BucketSubject(bus.BucketLines, l.RecordKey()))
		g.eventually(func() bool { return again() > 1 }, "nobody looks at it again")
		in.dead(0)
		require.EqualValues(t, 1, in.lag(l))
	})
	let()
	g.both(func(in at) { in.dead(1); in.drained(l0(in)) })
}

// refuse lets a bucket take no value any more, until it is let to again.
func (g *ground) refuse(bucket string) (let func()) {
	g.Helper()
	s, err := g.js.Stream(within(g, 5*time.Second), "KV_"+bucket)
	require.NoError(g, err)
	was := s.CachedInfo().Config
	update := func(cfg jetstream.StreamConfig) {
		_, err := g.js.UpdateStream(within(g, 5*time.Second), cfg)
		require.NoError(g, err)
	}
	tight := was
	tight.MaxMsgSize = 1
	update(tight)
	return func() { update(was) }
}

// TestAnExhaustedDeliveryStopsItsLine when its execution says so, in its own
// instance.
func TestAnExhaustedDeliveryStopsItsLine(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(`
targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 1ms, max: 1ms, attempts: 2}}, later: {type: async, url: HOOKS/later, retry: {initial: 1ms, max: 1ms, attempts: 2}}}
events: {user.added: {on_exhausted: stop, targets: [{target: hook}]}, user.later: {on_exhausted: stop, targets: [{target: later}]}}`)
	g.hooks.answer("north/hook", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	g.hooks.answer("north/later", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	g.worker()
	g.publish("user.added", 1)
	g.publish("user.later", 1)
	north, south := g.at("north"), g.at("south")
	for name, target := range map[string]string{"user.added/hook": "hook", "user.later/later": "later"} {
		l := north.line(name)
		g.eventually(func() bool {
			s, err := north.lines().Standing(within(t, 5*time.Second), l)
			return err == nil && s.Paused && s.Record.State == action.LineStopped && s.Record.Reason == action.CodeExhausted
		}, "%s does not stop", name)
		north.got(target, 2)
		south.got(target, 1)
		require.EqualValues(t, 1, north.lag(l), "it is kept")
	}
	north.dead(0)
}

// TestA410PausesItsTarget in its own instance, uncharged.
func TestA410PausesItsTarget(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	var gone atomic.Bool
	gone.Store(true)
	g.hooks.answer("north/hook", func(w http.ResponseWriter, _ *http.Request) {
		if gone.Load() {
			w.WriteHeader(410)
		}
	})
	w := g.worker()
	g.publish("user.added", 1)
	north := g.at("north")
	g.eventually(func() bool { return w.state.isPaused("north", "", &action.Target{Name: "hook"}) }, "it is not paused")
	require.False(t, w.state.isPaused("south", "", &action.Target{Name: "hook"}))
	g.at("south").got("hook", 1)
	require.Zero(t, north.record(l0(north)).Attempts)
	gone.Store(false)
	_, err := g.dispatcher.Instance("north").ResumeTarget(within(t, 10*time.Second), "", "hook")
	require.NoError(t, err)
	require.Equal(t, "1", north.got("hook", 2)[1].header.Get("Callout-Attempt"))
	north.drained(l0(north))
}

// TestALetterSaysWhatItIsAbout and no more than it may.
func TestALetterSaysWhatItIsAbout(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("orgs: {acme: {targets: {hook: {type: webhook, url: HOOKS/hook}}, events: {'user.*': {targets: [{target: hook}]}}}}")
	g.answer("hook", 403)
	g.worker()
	places := map[string]uint64{}
	g.both(func(in at) { places[in.id] = in.publish("user.added", 1) })
	g.both(func(in at) {
		a, l := in.got("hook", 1)[0], in.dead(1)[0]
		require.Equal(t, []any{in.id, "acme", "acme", "hook", "user.*", "user.added", places[in.id], 1, 403, a.body, a.header.Get("Idempotency-Key")},
			[]any{l.Instance, l.Org, l.Owner, l.Target, l.Match, l.EventType, l.Sequence, l.Attempts, l.LastStatus, string(l.Body), l.DeliveryID})
		require.NotContains(t, l.LastError, "127.0.0.1")
	})
	text := describe(action.LineRecord{LastCode: action.CodeExpired}, nil)
	require.Equal(t, action.CodeExpired.Message(), text)
	long := action.NewError(action.CodeStatus, action.StageInvoke, string(make([]byte, 2*maxDescription)))
	require.Len(t, describe(action.LineRecord{}, long), maxDescription)
}

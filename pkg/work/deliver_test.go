package work

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/outcome"
)

// TestAFailingDeliveryHoldsItsLineAlone: its numbers count up, those behind it
// wait, and the line of the same name in the other instance flows.
func TestAFailingDeliveryHoldsItsLineAlone(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook, retry: {initial: 50ms, max: 50ms}}}\nevents: {user.added: {targets: [{target: hook}]}}")
	var fails atomic.Int64
	g.hooks.answer("north/hook", func(w http.ResponseWriter, _ *http.Request) {
		if fails.Add(1) <= 3 {
			w.WriteHeader(503)
		}
	})
	g.worker()
	g.worker()
	for n := range 3 {
		g.publish("user.added", n+1)
	}
	var seen []string
	for _, a := range g.at("north").got("hook", 6) {
		seen = append(seen, a.header.Get("Callout-Attempt"))
		require.Equal(t, a.n(t) == 1, len(seen) <= 4)
	}
	require.Equal(t, []string{"1", "2", "3", "4", "1", "1"}, seen)
	for n, a := range g.at("south").got("hook", 3) {
		require.Equal(t, []any{n + 1, "1"}, []any{a.n(t), a.header.Get("Callout-Attempt")})
	}
	g.both(func(in at) {
		in.drained(l0(in))
		in.dead(0)
	})
}

// TestADeliveryWaitsForItsPausedTarget and is no older for it.
func TestADeliveryWaitsForItsPausedTarget(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	const config = "targets: {hook: {type: webhook, url: HOOKS/hook, paused: PAUSED, retry: {max_age: 1s}}}\nevents: {user.added: {targets: [{target: hook}]}}"
	g.at("north").apply(strings.Replace(config, "PAUSED", "true", 1))
	g.at("south").apply(strings.Replace(config, "PAUSED", "false", 1))
	w := g.worker()
	g.publish("user.added", 1)
	g.at("south").got("hook", 1)
	g.eventually(func() bool { return !w.state.resumedAt("north", "", "hook").IsZero() }, "nobody notes that it is paused up to now")
	require.True(t, w.state.resumedAt("south", "", "hook").IsZero())
	north := g.at("north")
	north.got("hook", 0)
	require.EqualValues(t, 1, north.lag(l0(north)))
	north.apply(strings.Replace(config, "PAUSED", "false", 1))
	north.got("hook", 1)
	north.dead(0)
}

// TestAPausedTargetThatLeft: nobody could resume it.
func TestAPausedTargetThatLeft(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.publish("user.added", 1)
	north := g.at("north")
	require.NoError(t, north.bus.PauseTarget(within(t, 5*time.Second), "", "hook", "for a while"))
	g.apply("targets: {}")
	g.worker()
	g.at("south").got("hook", 1)
	require.Equal(t, action.CodeNoTarget, north.dead(1)[0].Reason)
	north.got("hook", 0)
}

// TestWhatWasDecidedIsCarriedOut by whoever takes the delivery next: another
// worker died before it could.
func TestWhatWasDecidedIsCarriedOut(t *testing.T) {
	t.Parallel()
	for state, verdict := range map[action.LineState]outcome.Verdict{action.LineGivenUp: outcome.Dead, action.LineStopped: outcome.Stop} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			require.Equal(t, verdict, verdictOf(state))
			g := newGround(t)
			g.apply(hookOnAdded)
			g.end()
			g.both(func(in at) {
				l := l0(in)
				sequence := in.publish("user.added", 1)
				if in.id == "north" {
					require.NoError(t, in.lines().PutLineRecord(within(t, 5*time.Second), l, action.LineRecord{Sequence: sequence,
						DeliveryID: l.DeliveryID(sequence, in.delivery(sequence, l).StoredAt), State: state, Reason: action.CodeExhausted, Attempts: 7}))
				}
			})
			g.worker()
			g.at("south").got("hook", 1)
			north := g.at("north")
			if verdict == outcome.Dead {
				letter := north.dead(1)[0]
				require.Equal(t, []any{action.CodeExhausted, 7}, []any{letter.Reason, letter.Attempts})
			} else {
				g.eventually(func() bool {
					s, err := north.lines().Standing(within(t, 5*time.Second), l0(north))
					return err == nil && s.Paused
				}, "its line does not stand")
				north.dead(0)
			}
			north.got("hook", 0)
		})
	}
}

// TestALineThatStoodForTooLong without an order: what was there by then is
// buried, what comes later is not.
func TestALineThatStoodForTooLong(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {later: {type: async, url: HOOKS/later}}\nevents: {user.added: {targets: [{target: later}]}}")
	g.end()
	north := g.at("north")
	l := north.line("user.added/later")
	require.NoError(t, north.lines().Stop(within(t, 5*time.Second), l))
	sequence := north.publish("user.added", 1)
	require.NoError(t, north.lines().PutLineRecord(within(t, 5*time.Second), l, action.LineRecord{Sequence: sequence, State: action.LineGivenUp, Reason: action.CodeStopped}))
	g.at("south").publish("user.added", 1)
	north.publish("user.added", 2)
	g.worker()
	require.NoError(t, north.lines().Resume(within(t, 5*time.Second), l))
	require.Equal(t, 2, north.got("later", 1)[0].n(t))
	letter := north.dead(1)[0]
	require.Equal(t, []any{action.CodeStopped, sequence, 0}, []any{letter.Reason, letter.Sequence, letter.Attempts})
	g.at("south").got("later", 1)
	g.at("south").dead(0)
}

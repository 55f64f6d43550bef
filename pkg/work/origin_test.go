package work

import (
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// saysItIs holds a request against the event that it brings.
func (in at) saysItIs(a arrival, id, org string, sequence uint64) {
	in.Helper()
	require.Equal(in, []string{in.id, org, id, "user.added"}, []string{
		a.header.Get("Callout-Instance"), a.header.Get("Callout-Org"), a.header.Get("Callout-Event-Id"), a.header.Get("Callout-Event-Type"),
	})
	m, ok, err := in.lines().NextOf(within(in, 5*time.Second), l0(in), sequence)
	require.NoError(in, err)
	require.True(in, ok)
	require.Equal(in, m.StoredAt.UTC().Format("2006-01-02T15:04:05.000Z07:00"), a.header.Get("Callout-Event-Time"))
}

// TestWhichEventItIs: a delivery says which event it brings, in words that a
// header holds. A plain NATS publisher may say the id, and it is left out
// where there is none.
func TestWhichEventItIs(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.worker()
	g.both(func(in at) {
		_, err := in.bus.Publish(within(t, 5*time.Second), bus.NewEvent{ID: "ev 1 ü", Org: "Zürich & Co", AggregateID: "u1", Type: "user.added",
			Body: []byte(`{"aggregateID":"u1","event_type":"user.added","resourceOwner":"Zürich & Co"}`)})
		require.NoError(t, err)
		in.saysItIs(in.got("hook", 1)[0], "ev%201%20%C3%BC", "Z%C3%BCrich%20&%20Co", 1)
		subject, body := "callout.event."+in.id+".=.u1.user.added", `{"aggregateID":"u1","event_type":"user.added"}`
		for n, id := range []string{"its%3Aown", "", "no\tid"} {
			msg := nats.NewMsg(subject)
			msg.Data = []byte(body)
			if id != "" {
				msg.Header.Set("Callout-Event-Id", id)
			}
			_, err := g.js.PublishMsg(within(t, 5*time.Second), msg)
			require.NoError(t, err)
			a := in.got("hook", n+2)[n+1]
			require.NotContains(t, a.header, "Callout-Org")
			if want := []string{"its:own"}; n == 0 {
				require.Equal(t, want, a.header["Callout-Event-Id"])
			} else {
				require.NotContains(t, a.header, "Callout-Event-Id")
			}
		}
	})
}

// TestARedriveSaysSo, and is still of the event, or the call, that it came from.
func TestARedriveSaysSo(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}, later: {type: async, url: HOOKS/later}}\n" +
		"events: {user.added: {targets: [{target: hook}]}}\nfunctions: {f: {targets: [{target: later}]}}")
	g.answer("hook", 400)
	g.answer("later", 400)
	g.worker()
	g.publish("user.added", 1)
	g.both(func(in at) {
		_, err := in.call("f", `{"orgID":"acme inc"}`)
		require.NoError(t, err)
		for _, letter := range in.dead(2) {
			if letter.Phase == action.OnEvent {
				require.Equal(t, []string{"user.added-1", "acme", "u1"}, []string{letter.EventID, letter.EventOrg, letter.Aggregate})
			} else {
				require.Equal(t, []string{"", "acme inc", ""}, []string{letter.EventID, letter.EventOrg, letter.Aggregate})
			}
		}
	})
	g.answer("hook", 200)
	g.answer("later", 400) // it dies again
	g.both(func(in at) {
		for _, letter := range in.dead(2) {
			require.NoError(t, in.redrive(letter.DeliveryID))
		}
		events, calls := in.got("hook", 2), in.got("later", 2)
		require.NotContains(t, events[0].header, "Callout-Redrive")
		require.Equal(t, "true", events[1].header.Get("Callout-Redrive"))
		for _, name := range []string{"Callout-Event-Id", "Callout-Event-Type", "Callout-Event-Time", "Callout-Org", "Callout-Instance", "Callout-Sequence"} {
			require.NotEmpty(t, events[0].header.Get(name), name)
			require.Equal(t, events[0].header.Get(name), events[1].header.Get(name), name)
		}
		for n, a := range calls {
			require.Equal(t, []string{"acme%20inc", in.id}, []string{a.header.Get("Callout-Org"), a.header.Get("Callout-Instance")})
			require.Equal(t, n == 1, a.header.Get("Callout-Redrive") == "true")
			require.NotContains(t, a.header, "Callout-Event-Type")
			require.NotContains(t, a.header, "Callout-Event-Time")
		}
		letter := in.dead(1)[0]
		require.Equal(t, "acme inc", letter.EventOrg, "it stays the letter it was")
	})
}

// TestACallSaysWhose it is: which instance, and of which organization.
func TestACallSaysWhose(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply("targets: {hook: {type: webhook, url: HOOKS/hook}}\nfunctions: {f: {targets: [{target: hook}]}}")
	g.worker()
	g.both(func(in at) {
		_, err := in.call("f", `{"orgID":"acme"}`)
		require.NoError(t, err)
		_, err = in.call("f", `{}`)
		require.NoError(t, err)
		all := in.got("hook", 2)
		require.Equal(t, []string{"acme"}, all[0].header.Values(wire.HeaderOrg))
		for _, a := range all {
			require.Equal(t, []string{in.id}, a.header.Values(wire.HeaderInstance))
			require.NotContains(t, a.header, http.CanonicalHeaderKey(wire.HeaderRedrive))
		}
		require.NotContains(t, all[1].header, http.CanonicalHeaderKey(wire.HeaderOrg))
	})
}

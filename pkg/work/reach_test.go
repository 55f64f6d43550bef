package work

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/invoke"
)

const reachConfig = `
targets:
  own: {type: webhook, url: HOOKS/own, egress: {allow: [127.0.0.1]}}
  none: {type: webhook, url: HOOKS/none, retry: {attempts: 1}}
events: {user.added: {targets: [{target: own}, {target: none}]}}
requests: {/t.S/own: {targets: [{target: own}]}}
orgs:
  acme:
    targets: {theirs: {type: webhook, url: HOOKS/theirs, interrupt_on_error: true, retry: {attempts: 1}}}
    events: {user.gone: {targets: [{target: theirs}]}}
    requests: {/t.S/theirs: {targets: [{target: theirs}]}}
`

// TestWhatATargetMayReach: what a target of the instance asks for counts as far as
// the worker's flag goes. A catalog that was stored with an organization's target
// which asks is read, and that counts nowhere: not for calls, events or trials.
func TestWhatATargetMayReach(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	g.worker(func(o *Options) { o.Invoker = invoke.New(invoke.Options{AllowEgress: loopback, Log: zerolog.Nop()}) })
	g.both(func(in at) {
		s := in.parsed(reachConfig)
		theirs := s.Scopes["acme"].Targets["theirs"]
		theirs.Egress = loopback
		_, err := in.dispatcher.Instance(in.id).Apply(within(in, 20*time.Second), s.WithTarget("acme", theirs))
		require.NoError(t, err, "as an earlier version has stored it")
	})
	g.publish("user.added", 1)
	g.publish("user.gone", 2)
	g.both(func(in at) {
		in.got("own", 1)
		for _, letter := range in.dead(2) {
			require.Contains(t, letter.LastError, "blocked", letter.Target)
		}
		called, err := in.method("own", `{}`)
		require.NoError(t, err)
		require.Equal(t, action.Continue, called.Outcome)
		called, err = in.method("theirs", `{}`)
		require.NoError(t, err)
		require.Equal(t, action.CodeBlockedAddress, called.Error.Code)
		require.NotContains(t, called.Error.Message, "127.0.0.1")

		stored := in.trialOf(action.Webhook)
		stored.Target.Name, stored.Target.Egress = "own", loopback
		tried, err := in.try(stored)
		require.NoError(t, err)
		require.Equal(t, action.StepOK, tried.Outcome)
		stored.Target.Name, stored.Owner = "theirs", "acme"
		tried, err = in.try(stored)
		require.NoError(t, err)
		require.Equal(t, action.CodeBlockedAddress, tried.Code)
	})
}

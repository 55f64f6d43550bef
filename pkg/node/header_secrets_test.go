package node_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/manage"
	"github.com/callout-hq/callout/pkg/wire"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// scopedConfig has a target of the instance and one of an organization, which name a
// secret of one name.
const scopedConfig = `
instance: NAME
targets:
  hook: {type: webhook, url: HOOKS/hook, retry: {initial: 5ms, max: 20ms}, headers: {X-Shared: {secret: partner}, X-Plain: seen}}
  call: {type: call, url: HOOKS/call, headers: {x-shared: {secret: partner}}}
requests: {/s.S/A: {targets: [{target: call}]}}
events:
  user.added: {targets: [{target: hook}]}
orgs:
  acme:
    targets: {own: {type: webhook, url: HOOKS/own, headers: {X-Shared: {secret: partner}}}}
    events: {user.own: {targets: [{target: own}]}}
`

func (v *vault) applyScoped(d *dispatch.Dispatcher) {
	v.Helper()
	for _, id := range twoInstances {
		_, err := api(d).CreateInstance(within(v.T, 20*time.Second), connect.NewRequest(&calloutv1.CreateInstanceRequest{Instance: id}))
		require.NoError(v, err)
		config := &calloutv1.ApplyRequest{Instance: id, Configuration: strings.NewReplacer("NAME", id, "HOOKS", v.hooks[id].URL).Replace(scopedConfig)}
		require.False(v, v.setSecret(d, id, "", "partner", "instance's of "+id).GetReplaced())
		_, err = api(d).Apply(within(v.T, 20*time.Second), connect.NewRequest(config))
		require.Equal(v, connect.CodeInvalidArgument, connect.CodeOf(err))
		require.ErrorContains(v, err, `the organization has no secret "partner": set it first, by callout secret set --org acme`)
		v.setSecret(d, id, "acme", "partner", "acme's of "+id)
		_, err = api(d).Apply(within(v.T, 20*time.Second), connect.NewRequest(config))
		require.NoError(v, err)
		v.cores[id], err = callout.Connect(within(v.T, 10*time.Second), callout.Options{URL: v.server.URL(), Instance: id, Log: zerolog.Nop()})
		require.NoError(v, err)
		v.Cleanup(v.cores[id].Close)
	}
}

// shared is what the last request to a target had in its header.
func (v *vault) shared(id, target string, count int) string {
	v.Helper()
	return v.hooks[id].await(v.T, target, count)[count-1].header.Get("X-Shared")
}

// TestSecretsOfHeaders: each scope has its own, a new one counts without a revision, one
// that is used is not deleted, and with the instance they go.
func TestSecretsOfHeaders(t *testing.T) {
	t.Parallel()
	v, key := newVault(t), sealKey(t)
	d, _ := v.dispatcher(&key)
	v.applyScoped(d)
	v.worker(key)
	for _, id := range twoInstances {
		v.publish(id, "user.added", 1)
		v.publish(id, "user.own", 2)
		require.Equal(t, "instance's of "+id, v.shared(id, "hook", 1))
		require.Equal(t, "seen", v.hooks[id].await(t, "hook", 1)[0].header.Get("X-Plain"))
		require.Equal(t, "acme's of "+id, v.shared(id, "own", 1))
		_, err := v.cores[id].Request(within(t, 20*time.Second), callout.Call{Method: "/s.S/A", OrgID: "acme", Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, "instance's of "+id, v.shared(id, "call", 1))

		before, err := api(d).GetRevision(within(t, 10*time.Second), connect.NewRequest(&calloutv1.GetRevisionRequest{Instance: id}))
		require.NoError(t, err)
		set := v.setSecret(d, id, "acme", "partner", "acme's new of "+id)
		require.True(t, set.GetReplaced())
		require.Equal(t, []string{"own"}, set.GetSecret().GetUsedBy())
		sequence := uint64(2)
		require.Eventually(t, func() bool {
			sequence++
			v.publish(id, "user.own", sequence)
			return v.shared(id, "own", int(sequence)-1) == "acme's new of "+id
		}, time.Minute, time.Millisecond)
		after, err := api(d).GetRevision(within(t, 10*time.Second), connect.NewRequest(&calloutv1.GetRevisionRequest{Instance: id}))
		require.NoError(t, err)
		require.Equal(t, before.Msg.GetRevision(), after.Msg.GetRevision())
		count := len(v.hooks[id].got("hook"))
		v.publish(id, "user.added", 500)
		require.Equal(t, "instance's of "+id, v.shared(id, "hook", count+1), "the instance's is another")

		_, err = api(d).DeleteSecret(within(t, 10*time.Second), connect.NewRequest(&calloutv1.DeleteSecretRequest{Instance: id, Name: "partner"}))
		require.ErrorContains(t, err, `the secret "partner" is used by the targets call, hook: take it out of their definitions first`)
		_, err = api(d).DeleteSecret(within(t, 10*time.Second), connect.NewRequest(&calloutv1.DeleteSecretRequest{Instance: id, Org: "other", Name: "partner"}))
		require.Equal(t, connect.CodeNotFound, connect.CodeOf(err))
	}
	gone, stays := twoInstances[0], twoInstances[1]
	_, err := api(d).DeleteInstance(within(t, time.Minute), connect.NewRequest(&calloutv1.DeleteInstanceRequest{Instance: gone, Confirm: gone}))
	require.NoError(t, err)
	left, err := v.bus.Instance(gone).NamedSecrets(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Empty(t, left)
	left, err = v.bus.Instance(stays).NamedSecrets(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Len(t, left, 2)
	count := len(v.hooks[stays].got("hook"))
	v.publish(stays, "user.added", 501)
	require.Equal(t, "instance's of "+stays, v.shared(stays, "hook", count+1))
}

// TestASecretThatIsMissing holds up what is to be sent, says which it is, and counts no
// attempt; set again, it goes on.
func TestASecretThatIsMissing(t *testing.T) {
	t.Parallel()
	v, key := newVault(t), sealKey(t)
	d, _ := v.dispatcher(&key)
	v.applyScoped(d)
	v.worker(key)
	for _, id := range twoInstances {
		deleted, err := v.bus.Instance(id).DeleteNamedSecret(within(t, 10*time.Second), "", "partner")
		require.NoError(t, err)
		require.True(t, deleted)
		require.Eventually(t, func() bool {
			r, err := v.cores[id].Request(within(t, 20*time.Second), callout.Call{Method: "/s.S/A", OrgID: "acme", Request: []byte(`{}`)})
			if err != nil || len(r.Steps) != 1 || r.Steps[0].Outcome != action.StepFailed {
				return false
			}
			require.Equal(t, []action.Warning{{Code: action.CodeInternal, Status: 500, Message: action.CodeInternal.Message(), Target: "call"}}, r.Warnings,
				"a core is told nothing of what is the operator's")
			return true
		}, time.Minute, 5*time.Millisecond)
		require.Eventually(t, func() bool {
			all, err := api(d).ListDeliveries(within(t, 20*time.Second), connect.NewRequest(&calloutv1.ListDeliveriesRequest{Instance: id, Filter: &calloutv1.DeliveryFilter{Target: "call"}}))
			return err == nil && len(all.Msg.GetDeliveries()) > 0 &&
				strings.Contains(all.Msg.GetDeliveries()[0].GetLast().GetError(), "the secret partner is not set: callout secret set partner")
		}, time.Minute, 5*time.Millisecond, "the record of the attempt tells who reads it")
		before := len(v.hooks[id].all())
		v.publish(id, "user.added", 1)
		require.Eventually(t, func() bool { return v.state(d, id, "hook").LastError == action.CodeInternal }, time.Minute, 5*time.Millisecond)
		require.Len(t, v.hooks[id].all(), before, "nothing goes out without its header")
		v.setSecret(d, id, "", "partner", "set again")
		a := v.hooks[id].await(t, "hook", 1)[0]
		require.Equal(t, "set again", a.header.Get("X-Shared"))
		require.Equal(t, "1", a.header.Get(wire.HeaderAttempt), "no attempt was counted")
	}
	v.says("the secret partner is not set: callout secret set partner")
}

// TestHeadersThatAreRead: what stands in a file is read anew when the configuration is
// applied, goes along with the name, and is refused where it cannot be a header.
func TestHeadersThatAreRead(t *testing.T) {
	t.Parallel()
	v, key := newVault(t), sealKey(t)
	d, _ := v.dispatcher(&key)
	keys := v.apply(d)
	v.worker(key)
	for n, id := range twoInstances {
		config := strings.NewReplacer("NAME", id, "HOOKS", v.hooks[id].URL).Replace(sealedConfig)
		apply := func() error {
			_, err := api(d).Apply(within(t, 20*time.Second), connect.NewRequest(&calloutv1.ApplyRequest{Instance: id, Configuration: config}))
			return err
		}
		v.publish(id, "user.added", 1)
		v.hooks[id].await(t, "hook", 1)
		v.sent(id, headerValue, partnerValue(id))
		_, revision := v.stored(id, "hook")
		require.NoError(t, apply())
		_, again := v.stored(id, "hook")
		if n == 0 { // of the other it was already read with the first one's next value
			require.Equal(t, revision, again, "nothing is written where nothing is new")
		}
		v.keyFile("hook.header", "another of "+id)
		require.NoError(t, apply())
		sequence := uint64(1)
		require.Eventually(t, func() bool {
			sequence++
			v.publish(id, "user.added", sequence)
			last := v.hooks[id].await(t, "hook", int(sequence))[sequence-1]
			require.True(t, signedBy(t, last, keys[id]["hook"]), "its key stays")
			return last.header.Get("Authorization") == "another of "+id
		}, time.Minute, time.Millisecond)
		for _, bad := range []string{"seven b", "two\nlines", strings.Repeat("x", 4097), "sealed:1:x", ""} {
			v.keyFile("hook.header", bad)
			err := apply()
			require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), "%.20q: %v", bad, err)
			require.ErrorContains(t, err, "the value of the header Authorization cannot be used")
		}
		v.keyFile("hook.header", "another of "+id)
		require.NoError(t, apply())
	}
}

// TestHeadersOverTheAPI: what is not offered is refused by its field, as is a draft that
// would be sent what is kept for another.
func TestHeadersOverTheAPI(t *testing.T) {
	t.Parallel()
	v, key := newVault(t), sealKey(t)
	d, _ := v.dispatcher(&key)
	v.apply(d)
	v.worker(key)
	ctx := within(t, time.Minute)
	for _, id := range twoInstances {
		target := func(from *calloutv1.SecretSource) *calloutv1.Target {
			return &calloutv1.Target{Name: "new", Type: "webhook", Url: v.hooks[id].URL + "/new", HeaderSources: map[string]*calloutv1.SecretSource{"X-Key": from}}
		}
		for want, from := range map[string]*calloutv1.SecretSource{
			"target.header_sources.X-Key.env: it was started without --header-env":                                           {Env: "HOME"},
			"target.header_sources.X-Key.file: over the API a file is named relative to --headers-dir":                       {File: "/etc/passwd"},
			"target.header_sources.X-Key: where the value comes from is one of":                                              {},
			`target.header_sources.X-Key.secret: the instance has no secret "partnr": set it first; did you mean "partner"?`: {Secret: "partnr"},
		} {
			_, err := api(d).CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: id, Target: target(from)}))
			require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err))
			field, message, _ := strings.Cut(want, ": ")
			for _, part := range strings.SplitAfter(message, "; ") {
				require.ErrorContains(t, err, strings.TrimSuffix(strings.TrimSuffix(part, "; "), " set it first"))
			}
			require.Equal(t, field, manage.Detail(err).GetField())
		}
		both := target(&calloutv1.SecretSource{Secret: "partner"})
		both.Headers = map[string]string{"x-key": "plain"}
		_, err := api(d).CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: id, Target: both}))
		require.ErrorContains(t, err, "stands here already")

		made, err := api(d).CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: id, Target: target(&calloutv1.SecretSource{Secret: "partner"})}))
		require.NoError(t, err)
		require.Regexp(t, "^whsec_", made.Msg.GetSigningKey())
		require.Equal(t, "partner", made.Msg.GetTarget().GetHeaderSources()["X-Key"].GetSecret())
		_, err = api(d).UpdateTarget(ctx, connect.NewRequest(&calloutv1.UpdateTargetRequest{Instance: id, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"header_sources"}},
			Target: &calloutv1.Target{Name: "new", HeaderSources: map[string]*calloutv1.SecretSource{"X-Key": {File: "hook.header"}}}}))
		require.NoError(t, err)
		tried, err := api(d).TestTarget(ctx, connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id, Name: "new"}))
		require.NoError(t, err)
		require.EqualValues(t, http.StatusOK, tried.Msg.GetStatus())
		require.Equal(t, headerValue, v.hooks[id].await(t, "new", 1)[0].header.Get("X-Key"))

		draft := target(&calloutv1.SecretSource{File: "hook.header"})
		_, err = api(d).TestTarget(ctx, connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id, Target: draft}))
		require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), "%v", err)
		draft = target(&calloutv1.SecretSource{Secret: "partner"})
		_, err = api(d).TestTarget(ctx, connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id, Target: draft}))
		require.NoError(t, err)
		require.Equal(t, partnerValue(id), v.hooks[id].await(t, "new", 2)[1].header.Get("X-Key"))

		for _, bad := range []string{"", "two\nlines", strings.Repeat("x", 4097), "sealed:1:x", "nul\x00"} {
			_, err := api(d).SetSecret(ctx, connect.NewRequest(&calloutv1.SetSecretRequest{Instance: id, Name: "partner", Value: bad}))
			require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), "%.20q: %v", bad, err)
		}
		_, err = api(d).SetSecret(ctx, connect.NewRequest(&calloutv1.SetSecretRequest{Instance: id + "-none", Name: "partner", Value: "x"}))
		require.Equal(t, connect.CodeNotFound, connect.CodeOf(err), "%v", err)
	}
	all, err := v.bus.Instance(twoInstances[0]).NamedSecrets(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, []string{"", "partner"}, []string{all[0].Owner, all[0].Name})
	require.NotEqual(t, bus.NamedSecret{}, all[0])
}

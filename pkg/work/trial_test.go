package work

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/sign"
)

func (in at) try(t calls.Trial) (calls.Tried, error) {
	in.Helper()
	return calls.Of(in.bus).Try(within(in, 10*time.Second), t)
}

// trialOf tries a target of the instance that is stored.
func (in at) trialOf(kind action.Kind) calls.Trial {
	return calls.Trial{Stored: true, Phase: action.Request, Name: "/t.S/m", Body: []byte(`{"fullMethod":"/t.S/m","request":{"n":1}}`),
		Target: catalog.WithDefaults(action.Target{Name: "hook", Kind: kind, URL: in.hooks.URL + "/" + in.id + "/hook", Headers: map[string]string{"X-Own": "secret of ours"}})}
}

// TestATrialShowsTheExchange signed with the key of the target in its instance,
// and shows no secret.
func TestATrialShowsTheExchange(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.both(func(in at) {
		require.NoError(t, in.bus.PauseTarget(within(t, 5*time.Second), "", "hook", "it is tried all the same"))
	})
	g.worker()
	g.both(func(in at) {
		g.hooks.answer(in.id+"/hook", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "of="+in.id)
			w.Header().Set("X-Plain", in.id)
			_, _ = w.Write([]byte(`{"n":2}`))
		})
		tried, err := in.try(in.trialOf(action.CallOut))
		require.NoError(t, err)
		require.Equal(t, []any{action.StepChanged, 200, `{"n":2}`, `{"n":2}`}, []any{tried.Outcome, tried.Status, string(tried.Object), string(tried.ResponseBody)})
		key, _, err := in.bus.Secret(within(t, 5*time.Second), "", "hook")
		require.NoError(t, err)
		a := in.got("hook", 1)[0]
		signedWith(t, a, key)
		require.Equal(t, []string{"true", "secret of ours"}, []string{a.header.Get("Callout-Test"), a.header.Get("X-Own")})
		shown := map[string]string{}
		for _, h := range append(tried.RequestHeaders, tried.ResponseHeaders...) {
			shown[h.Name] = h.Value
		}
		for name, want := range map[string]string{"X-Own": action.Masked, http.CanonicalHeaderKey(sign.HeaderZitadel): action.Masked,
			http.CanonicalHeaderKey(sign.HeaderSignature): action.Masked, "Set-Cookie": action.Masked, "X-Plain": in.id, "Callout-Test": "true"} {
			require.Equal(t, want, shown[name], name)
		}
	})
}

// TestWhatATrialTells of targets that fail.
func TestWhatATrialTells(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.worker()
	for name, c := range map[string]struct {
		status  int
		body    string
		kind    action.Kind
		outcome action.StepOutcome
		code    action.Code
	}{
		"a webhook that fails":      {500, "", action.Webhook, action.StepFailed, action.CodeStatus},
		"a call that rejects":       {200, `{"forwardedStatusCode":403}`, action.CallOut, action.StepRejected, action.CodeRejected},
		"an answer that is no JSON": {200, "<html>", action.CallOut, action.StepFailed, action.CodeAnswerMalformed},
		"a webhook with any answer": {200, "<html>", action.Webhook, action.StepOK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g.says("hook", c.status, c.body)
			g.both(func(in at) {
				tried, err := in.try(in.trialOf(c.kind))
				require.NoError(t, err)
				require.Equal(t, []any{c.outcome, c.code}, []any{tried.Outcome, tried.Code})
				require.Nil(t, tried.Object)
			})
		})
	}
}

// TestATrialOfATargetThatIsNotStored is signed with a key of its own; one whose
// body is no call is refused, and one that panics is an error of that one.
func TestATrialOfATargetThatIsNotStored(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	w := g.worker()
	g.both(func(in at) {
		trial := in.trialOf(action.Webhook)
		trial.Stored, trial.Target.Name = false, "draft"
		tried, err := in.try(trial)
		require.NoError(t, err)
		require.Equal(t, action.StepOK, tried.Outcome)
		require.NotEmpty(t, in.got("hook", 1)[0].header.Get(sign.HeaderZitadel))
		_, there, err := in.bus.Secret(within(t, 5*time.Second), "", "draft")
		require.NoError(t, err)
		require.False(t, there, "nothing is kept of it")
		trial.Body = []byte("no json")
		_, err = in.try(trial)
		require.Equal(t, action.CodeMalformed, action.CodeOf(err), "%v", err)
	})
	// A worker without its invoker has a fault of ours in its very heart.
	broken := &Worker{bus: g.bus, keys: w.keys, state: newFleetState()}
	trial := g.at("north").trialOf(action.Webhook)
	trial.Instance = "north"
	_, err := broken.try(within(t, 5*time.Second), trial)
	require.Equal(t, action.CodeInternal, action.CodeOf(err), "%v", err)
	require.EqualValues(t, 1, broken.Panics())
}

// TestWhichHeadersHoldCredentials whatever their case.
func TestWhichHeadersHoldCredentials(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"Authorization": true, "proxy-authorization": true, "Cookie": true, "X-Auth-Token": true,
		"Client-Secret": true, "X-API-Key": true, "Content-Type": false, "X-Request-Id": false} {
		require.Equal(t, want, action.NamesSecret(name), name)
		require.Equal(t, want, sentSecret(&action.Target{})(name), name)
	}
	require.True(t, sentSecret(&action.Target{Headers: map[string]string{"x-mine": "1"}})("X-Mine"))
	lines := headerLines(http.Header{"B": {"1", "2"}, "Cookie": {"3"}}, action.NamesSecret)
	require.Equal(t, []calls.HeaderLine{{Name: "B", Value: "1"}, {Name: "B", Value: "2"}, {Name: "Cookie", Value: action.Masked}}, lines)
	with := action.NewError(action.CodeConnect, action.StageInvoke, "").WithCause(http.ErrServerClosed)
	require.True(t, strings.HasSuffix(operators(with), ": "+http.ErrServerClosed.Error()), "an operator is told why")
	require.Equal(t, action.CodeConnect.Message(), operators(action.NewError(action.CodeConnect, action.StageInvoke, "")))
}

// TestATrialOfAnEventLooksStored: its target reads the headers that it will read of
// those that are.
func TestATrialOfAnEventLooksStored(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.worker()
	g.both(func(in at) {
		trial := in.trialOf(action.Webhook)
		trial.Phase, trial.Name = action.OnEvent, "user.added"
		trial.Body = []byte(`{"aggregateID":"u1","event_type":"user.added","resourceOwner":"acme"}`)
		_, err := in.try(trial)
		require.NoError(t, err)
		h := in.got("hook", 1)[0].header
		require.Equal(t, []string{"true", in.id, "acme", "user.added", "sample", "1"}, []string{h.Get("Callout-Test"), h.Get("Callout-Instance"), h.Get("Callout-Org"),
			h.Get("Callout-Event-Type"), h.Get("Callout-Event-Id"), h.Get("Callout-Sequence")})
		stored, err := time.Parse(time.RFC3339, h.Get("Callout-Event-Time"))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), stored, time.Minute)
	})
}

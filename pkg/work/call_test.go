package work

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/wire"
)

// request makes a call of the instance.
func (in at) request(c calls.CallRequest) (action.Result, error) {
	in.Helper()
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	answer, err := calls.Of(in.bus).Call(within(in, 10*time.Second), c)
	return answer.Result, err
}

// call calls a function of the instance.
func (in at) call(name, body string) (action.Result, error) {
	in.Helper()
	return in.request(calls.CallRequest{Phase: action.Function, Name: name, Body: []byte(body)})
}

// says answers a target of both instances with a body.
func (g *ground) says(target string, status int, body string) {
	g.both(func(in at) {
		g.hooks.answer(in.id+"/"+target, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, strings.ReplaceAll(body, "INSTANCE", in.id))
		})
	})
}

const chainConfig = `
targets:
  first: {type: call, url: HOOKS/first}
  second: {type: call, url: HOOKS/second}
  last: {type: webhook, url: HOOKS/last}
  guard: {type: call, url: HOOKS/guard, interrupt_on_error: true}
  later: {type: async, url: HOOKS/later}
requests:
  /t.S/chain: {targets: [{target: first}, {target: second}, {target: last}]}
  /t.S/guarded: {targets: [{target: guard}, {target: last}]}
  /t.S/later: {targets: [{target: later}, {target: last}]}
`

func (in at) method(name, object string) (action.Result, error) {
	in.Helper()
	body := `{"fullMethod":"/t.S/` + name + `","orgID":"acme","request":` + object + `}`
	return in.request(calls.CallRequest{Phase: action.Request, Name: "/t.S/" + name, Body: []byte(body)})
}

// TestAChainHandsTheObjectOn: each target sees what the one before made of it, of
// its own instance.
func TestAChainHandsTheObjectOn(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	g.worker()
	g.says("first", 200, `{"first":"INSTANCE"}`)
	g.says("second", 200, `{"second":true}`)
	g.both(func(in at) {
		r, err := in.method("chain", `{"n":1}`)
		require.NoError(t, err)
		require.Equal(t, action.Continue, r.Outcome)
		require.JSONEq(t, `{"n":1,"first":"`+in.id+`","second":true}`, string(r.Object))
		require.Contains(t, in.got("second", 1)[0].body, `"first":"`+in.id+`"`)
		require.Contains(t, in.got("last", 1)[0].body, `"second":true`)
		require.Equal(t, []action.StepOutcome{action.StepChanged, action.StepChanged, action.StepOK},
			[]action.StepOutcome{r.Steps[0].Outcome, r.Steps[1].Outcome, r.Steps[2].Outcome})
		require.EqualValues(t, 1, r.Revision)
	})
}

// TestWhatATargetDoesToACall: what it answers, and what becomes of the call.
func TestWhatATargetDoesToACall(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	g.worker()
	for _, c := range []struct {
		name, method, target string
		status               int
		body                 string
		outcome              action.Outcome
		code                 action.Code
		after                int // requests to the last target
	}{
		{"a failure warns", "chain", "first", 500, ``, action.Continue, action.CodeStatus, 1},
		{"an answer that is no JSON warns", "chain", "first", 200, `<html>`, action.Continue, action.CodeAnswerMalformed, 1},
		{"a failure interrupts", "guarded", "guard", 500, ``, action.Failed, action.CodeStatus, 0},
		{"a refusal rejects", "guarded", "guard", 200, `{"forwardedStatusCode":403,"forwardedErrorMessage":"no"}`, action.Rejected, action.CodeRejected, 0},
		{"an answer lets it go on", "guarded", "guard", 200, `{}`, action.Continue, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.says(c.target, c.status, c.body)
			g.both(func(in at) {
				before := len(g.hooks.got(in.id + "/last"))
				r, err := in.method(c.method, `{"n":1}`)
				require.NoError(t, err)
				require.Equal(t, c.outcome, r.Outcome)
				require.Nil(t, r.Object)
				require.Len(t, g.hooks.got(in.id+"/last"), before+c.after)
				code := action.CodeOf(nil)
				switch {
				case r.Error != nil:
					code = r.Error.Code
					require.Equal(t, c.target, r.Error.Target)
				case len(r.Warnings) > 0:
					code = r.Warnings[0].Code
				}
				require.Equal(t, c.code, code)
				raw, err := json.Marshal([]any{r.Error, r.Warnings})
				require.NoError(t, err)
				require.NotContains(t, string(raw), "127.0.0.1", "nobody is told where a target is")
			})
		})
	}
}

// TestAnAsyncTurnIsStoredFirst, with the object as it is at that turn, and
// delivered by the fleet.
func TestAnAsyncTurnIsStoredFirst(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	g.end()
	w := g.worker()
	g.both(func(in at) { require.NoError(t, in.lines().Stop(within(t, 5*time.Second), in.line("later"))) })
	g.both(func(in at) {
		r, err := in.method("later", `{"n":1}`)
		require.NoError(t, err)
		require.Equal(t, action.StepStored, r.Steps[0].Outcome)
		g.eventually(func() bool { return in.lag(in.line("later")) == 1 }, "it is not stored")
		in.got("later", 0)
	})
	require.NoError(t, w.Stop(within(t, 5*time.Second)))
	g.worker()
	g.both(func(in at) {
		require.NoError(t, in.lines().Resume(within(t, 5*time.Second), in.line("later")))
		require.Contains(t, in.got("later", 1)[0].body, `"request":{"n":1}`)
		in.drained(in.line("later"))
	})
}

// TestAnAsyncTurnThatCannotBeStored is a failure of its step, and no success.
func TestAnAsyncTurnThatCannotBeStored(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	g.end()
	g.worker()
	require.NoError(t, g.js.DeleteStream(within(t, 5*time.Second), g.at("north").bus.Async))
	r, err := g.at("north").method("later", `{}`)
	require.NoError(t, err)
	require.Equal(t, []any{action.StepFailed, action.CodeMissing}, []any{r.Steps[0].Outcome, r.Warnings[0].Code})
	r, err = g.at("south").method("later", `{}`)
	require.NoError(t, err)
	require.Equal(t, action.StepStored, r.Steps[0].Outcome)
}

// TestCallsThatAreRefused: no outcome is made up.
func TestCallsThatAreRefused(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	g.worker()
	g.both(func(in at) {
		_, err := in.call("f", `no json`)
		require.Equal(t, action.CodeMalformed, action.CodeOf(err), "%v", err)
		_, err = in.request(calls.CallRequest{Phase: action.Request, Name: "/t.S/chain", Body: []byte(`{"fullMethod":"/t.S/other"}`)})
		require.Equal(t, action.CodeMismatch, action.CodeOf(err), "%v", err)
		r, err := in.request(calls.CallRequest{Phase: action.Function, Name: "f", Body: []byte(`{}`), MinRevision: 99, Timeout: time.Second})
		if err == nil { // else its time was over before the answer had come back
			require.Equal(t, []any{action.Failed, action.CodeDeadline}, []any{r.Outcome, r.Error.Code})
		} else {
			require.Equal(t, action.CodeDeadline, action.CodeOf(err), "%v", err)
		}
		r, err = in.call("nothing", `{}`)
		require.NoError(t, err)
		require.Equal(t, []any{action.Continue, 0}, []any{r.Outcome, len(r.Steps)})
	})
	_, err := g.at("nowhere").call("f", `{}`)
	require.Equal(t, action.CodeUnknownInstance, action.CodeOf(err), "%v", err)
}

// TestTheTimeOfACallIsOver while a target is asked: the rest is not begun.
func TestTheTimeOfACallIsOver(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	g.worker()
	entered, _ := g.blocking("first")
	north := g.at("north")
	var r action.Result
	g.eventually(func() (answered bool) { // on a machine that stands still, the caller's own time may end first
		var err error
		r, err = north.request(calls.CallRequest{Phase: action.Request, Name: "/t.S/chain", Timeout: 3 * time.Second,
			Body: []byte(`{"fullMethod":"/t.S/chain","request":{}}`)})
		if action.CodeOf(err) == action.CodeDeadline {
			return false
		}
		require.NoError(t, err)
		require.Equal(t, "north", <-entered)
		return true
	}, "the worker never answers in the caller's time")
	require.Equal(t, []any{action.Failed, action.CodeTimeout, "first"}, []any{r.Outcome, r.Error.Code, r.Error.Target})
	north.got("second", 0)
	north.got("last", 0)
}

// TestAnAnswerThatIsTooLarge to be an object is a warning: the object stays as it
// was.
func TestAnAnswerThatIsTooLarge(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(strings.Replace(chainConfig, "HOOKS/first}", "HOOKS/first, mapping: replace, max_answer: 4194304}", 1))
	g.worker()
	g.says("first", 200, `{"pad":"`+strings.Repeat("x", 3<<20)+`"}`)
	g.both(func(in at) {
		r, err := in.method("chain", `{"n":1}`)
		require.NoError(t, err)
		require.Equal(t, []any{action.Continue, action.CodeTooLarge}, []any{r.Outcome, r.Warnings[0].Code})
		require.Nil(t, r.Object)
	})
}

// TestABodyThatBecomesTooLarge for the bus, by an object that is none, is a warning.
func TestABodyThatBecomesTooLarge(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	w := g.worker()
	g.says("first", 200, `{"more":"`+strings.Repeat("x", 300<<10)+`"}`)
	body := `{"fullMethod":"/t.S/chain","request":{"n":1},"headers":{"Pad":["` + strings.Repeat("x", w.bus.MaxBody()-200<<10) + `"]}}`
	g.both(func(in at) {
		r, err := in.request(calls.CallRequest{Phase: action.Request, Name: "/t.S/chain", Timeout: time.Minute, Body: []byte(body)})
		require.NoError(t, err)
		require.Equal(t, []any{action.Continue, action.CodeTooLarge, "first"}, []any{r.Outcome, r.Warnings[0].Code, r.Warnings[0].Target})
		require.Nil(t, r.Object)
	})
}

// TestAPanicEndsOneCall as an internal error, with the worker alive.
func TestAPanicEndsOneCall(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	w := g.worker()
	m, err := w.catalogs.Of("north").AtLeast(within(t, 5*time.Second), 0)
	require.NoError(t, err)
	m.Call(action.Request, "/t.S/chain", "acme").Turns[1].Target = nil
	_, err = g.at("north").method("chain", `{}`)
	require.Equal(t, action.CodeInternal, action.CodeOf(err), "%v", err)
	require.EqualValues(t, 1, w.Panics())
	g.both(func(in at) {
		r, err := in.method("guarded", `{}`)
		require.NoError(t, err)
		require.Equal(t, action.Continue, r.Outcome)
	})
	r, err := g.at("south").method("chain", `{}`)
	require.NoError(t, err)
	require.Equal(t, action.Continue, r.Outcome)
}

// TestACallNobodyWaitsFor is not run.
func TestACallNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(chainConfig)
	g.worker()
	g.both(func(in at) {
		subject, err := wire.CallSubject(in.id, action.Request, "/t.S/chain")
		require.NoError(t, err)
		require.NoError(t, g.nc.PublishMsg(&nats.Msg{Subject: subject, Data: []byte(`{"fullMethod":"/t.S/chain","request":{}}`)}))
		require.NoError(t, g.nc.Flush())
		_, err = in.method("guarded", `{}`)
		require.NoError(t, err)
		in.got("first", 0)
	})
}

package callout

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// mixed has a service for each mixture of targets that interrupt and do not.
// on_unavailable says something else where it can, for it must not matter.
const mixed = `
targets:
  soft: {type: call, url: HOOK}
  soft2: {type: call, url: HOOK, mapping: replace}
  hard: {type: call, url: HOOK, interrupt_on_error: true}
  look: {type: webhook, url: HOOK, interrupt_on_error: true}
requests:
  t.Soft: {on_unavailable: fail, targets: [{target: soft}]}
  t.Hard: {on_unavailable: continue, targets: [{target: hard}]}
  t.Both: {targets: [{target: soft}, {target: hard}]}
  t.Looked: {targets: [{target: look}, {target: soft}]}
  t.Twice: {targets: [{target: soft}, {target: soft2}]}
responses:
  t.Soft: {targets: [{target: soft}]}
  t.Hard: {targets: [{target: hard}]}
  t.HardResponse: {targets: [{target: hard}]}
  t.SoftResponse: {targets: [{target: soft}]}
`

func mixedClient(t *testing.T, answer string) (*Client, func() []string) {
	t.Helper()
	url, bodies := newTarget(t, answer)
	n, _ := startNode(t, url, mixed, nil)
	client := connect(t, Options{URL: n.NATSURL(), MaxObject: 1000, Headers: []string{"X-Team"}, Exempt: []string{"/t.Exempt"}})
	<-client.Loaded()
	return client, bodies
}

// TestAnObjectThatTheCoreCannotUse is refused by the core's accept. Who changed
// it decides, not who was asked beside.
func TestAnObjectThatTheCoreCannotUse(t *testing.T) {
	t.Parallel()
	client, _ := mixedClient(t, `{"b":2}`)
	ours := action.NewError(action.CodeAnswerMalformed, action.StageApply, "it does not fit")
	other := errors.New("b is not known")
	for _, row := range []struct {
		service string
		fails   bool
		target  string // that is named
	}{
		{service: "Soft", target: "soft"},
		{service: "Hard", fails: true, target: "hard"},
		{service: "Both", target: "soft"}, // the second changed nothing any more
		{service: "Looked", target: "soft"},
		{service: "Twice"},
	} {
		for _, refuse := range []error{nil, ours, other} {
			var offered string
			changed, warnings, err := client.Intercept(within(t, 5*time.Second), action.Request, Call{Method: "/t." + row.service + "/M", Request: []byte(`{"a":1}`)},
				func(object json.RawMessage) error { offered = string(object); return refuse })
			require.Contains(t, offered, `"b":2`, row.service)
			switch {
			case refuse == nil:
				require.NoError(t, err)
				require.Equal(t, offered, string(changed))
				require.Empty(t, warnings)
			case row.fails:
				require.Nil(t, changed)
				require.Empty(t, warnings)
				if errors.Is(refuse, other) {
					require.Equal(t, other, err, "the core's own error is its own")
				} else {
					require.Equal(t, ours.WithTarget(row.target), err)
				}
			default:
				require.NoError(t, err, row.service)
				require.Nil(t, changed, "the object stays as it was")
				want := action.Warning{Code: action.CodeAnswerMalformed, Status: 502, Message: "it does not fit", Target: row.target}
				if errors.Is(refuse, other) {
					want = action.Warning{Code: action.CodeBadField, Status: 400, Message: "b is not known", Target: row.target}
				}
				require.Equal(t, []action.Warning{want}, warnings)
			}
		}
	}
}

// TestWhoChangedTheObject looks at steps as workers report them, also those of
// before the member.
func TestWhoChangedTheObject(t *testing.T) {
	t.Parallel()
	changed := func(name string, interrupt bool) action.Step {
		return action.Step{Target: name, Outcome: action.StepChanged, Interrupt: interrupt}
	}
	for _, row := range []struct {
		name       string
		steps      []action.Step
		target     string
		interrupts bool
	}{
		{"nobody says so", nil, "", false},
		{"an older worker", []action.Step{{Target: "a", Outcome: action.StepChanged}}, "a", false},
		{"another looked", []action.Step{changed("a", false), {Target: "b", Outcome: action.StepOK, Interrupt: true}}, "a", false},
		{"one of two interrupts", []action.Step{changed("a", true), changed("b", false)}, "", true},
		{"three, the first again", []action.Step{changed("a", false), changed("b", false), changed("a", false)}, "", false},
		{"one twice", []action.Step{changed("a", false), changed("a", true)}, "a", true},
	} {
		target, interrupts := changers(row.steps)
		require.Equal(t, []any{row.target, row.interrupts}, []any{target, interrupts}, row.name)
	}
}

// TestWarningsHaveCodesOfOurs, whatever the core's validation says.
func TestWarningsHaveCodesOfOurs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err  error
		want action.Warning
	}{
		{errors.New("no"), action.Warning{Code: action.CodeBadField, Status: 400, Message: "no", Target: "t"}},
		{&action.Error{Status: 418, Message: "no teapots"}, action.Warning{Code: action.CodeBadField, Status: 400, Message: "no teapots", Target: "t"}},
		{&action.Error{Code: "mine", Status: 418, Message: "no teapots"}, action.Warning{Code: action.CodeBadField, Status: 400, Message: "no teapots", Target: "t"}},
		{action.NewError(action.CodeTooLarge, action.StageBus, "").WithTarget("u"), action.Warning{Code: action.CodeTooLarge, Status: 413, Message: "the body is too large", Target: "u"}},
		{action.NewError(action.CodeInternal, action.StageApply, "").WithCause(errors.New("10.0.0.7")), action.Warning{Code: action.CodeInternal, Status: 500, Message: "an internal error", Target: "t"}},
	} {
		require.Equal(t, row.want, warning(row.err, "t"))
	}
}

// TestACallThatCannotBeMade is one that no target can be shown, for a reason of
// its own.
func TestACallThatCannotBeMade(t *testing.T) {
	t.Parallel()
	client, bodies := mixedClient(t, ``)
	for name, row := range map[string]struct {
		spoil func(*Call)
		code  action.Code
		field string
	}{
		"too large":             {func(c *Call) { c.Request = []byte(`{"a":"` + strings.Repeat("x", 1000) + `"}`) }, action.CodeTooLarge, "request"},
		"too deep":              {func(c *Call) { c.Request = []byte(strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100)) }, action.CodeTooDeep, ""},
		"no JSON":               {func(c *Call) { c.Request = []byte(`{"a":`) }, action.CodeMalformed, ""},
		"no object":             {func(c *Call) { c.Request = []byte(`[]`) }, action.CodeBadField, "request"},
		"nothing":               {func(c *Call) { c.Request = nil }, action.CodeBadField, "request"},
		"an id that is none":    {func(c *Call) { c.UserID = "a\nb" }, action.CodeBadField, "UserID"},
		"headers too large":     {func(c *Call) { c.Headers = map[string][]string{"X-Team": {strings.Repeat("x", action.MaxHeaderBytes)}} }, action.CodeTooLarge, "headers"},
		"too large for the bus": {func(c *Call) { c.Request = []byte(`{"a":"` + strings.Repeat("x", 4<<20) + `"}`) }, action.CodeTooLarge, "request"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, service := range []string{"Soft", "Twice", "Hard", "Both", "Looked"} {
				call := Call{Method: "/t." + service + "/M", Request: []byte(`{}`)}
				row.spoil(&call)
				changed, warnings, err := client.Intercept(within(t, 5*time.Second), action.Request, call, nil)
				require.Nil(t, changed)
				if service != "Soft" && service != "Twice" {
					var e *action.Error
					require.ErrorAs(t, err, &e, service)
					require.Equal(t, []any{row.code, row.field}, []any{e.Code, e.Field}, service)
					continue
				}
				require.NoError(t, err, service)
				require.Len(t, warnings, 1)
				require.Equal(t, row.code, warnings[0].Code)
			}
		})
	}
	require.Empty(t, bodies())
	_, _, err := client.Intercept(within(t, 5*time.Second), action.Request, Call{Method: "no method", Request: []byte(`{}`)}, nil)
	require.Equal(t, action.CodeBadField, action.CodeOf(err), "nobody would notice that it is never intercepted")
}

// TestAResponseThatCannotBeShown has a bound of its own.
func TestAResponseThatCannotBeShown(t *testing.T) {
	t.Parallel()
	client, _ := mixedClient(t, ``)
	large := []byte(`{"a":"` + strings.Repeat("x", 1000) + `"}`)
	for service, fails := range map[string]bool{"Soft": false, "Hard": true} {
		_, warnings, err := client.Intercept(within(t, 5*time.Second), action.Response, Call{Method: "/t." + service + "/M", Request: []byte(`{}`), Response: large}, nil)
		require.Equal(t, fails, action.CodeOf(err) == action.CodeTooLarge, service)
		require.Equal(t, !fails, len(warnings) == 1)
	}
}

func TestUnshown(t *testing.T) {
	t.Parallel()
	client, _ := mixedClient(t, ``)
	why := action.NewError(action.CodeTooLarge, action.StageDecode, "").WithField("request")
	for _, row := range []struct {
		method string
		phase  action.Phase
		warns  bool
		fails  bool
	}{
		{method: "/t.Soft/M", phase: action.Request, warns: true},
		{method: "/t.Soft/M", phase: action.Response, warns: true},
		{method: "/t.Hard/M", phase: action.Request, fails: true},
		{method: "/t.Hard/M", phase: action.Response, fails: true},
		{method: "/t.Looked/M", phase: action.Request, fails: true},
		{method: "/t.Looked/M", phase: action.Response},
		{method: "/t.HardResponse/M", phase: action.Request, fails: true}, // it would be shown the request too
		{method: "/t.SoftResponse/M", phase: action.Request, warns: true},
		{method: "/t.Other/M", phase: action.Request},
		{method: "/t.Exempt/M", phase: action.Request},
		{method: "no method", phase: action.Request, fails: true},
	} {
		warnings, err := client.Unshown(row.phase, row.method, "", why)
		require.Equal(t, row.fails, err != nil, row.method)
		require.Equal(t, row.warns, len(warnings) == 1, row.method)
		if row.fails {
			require.Equal(t, why, err)
		}
	}
	for onUnknown, fails := range map[action.OnUnavailable]bool{"": true, action.UnavailableFail: true, action.UnavailableContinue: false} {
		away := connect(t, Options{URL: "nats://" + freeAddress(t), OnUnknown: onUnknown})
		warnings, err := away.Unshown(action.Request, "/t.Soft/M", "", why)
		require.Equal(t, fails, err != nil, "nothing is known yet")
		require.Equal(t, !fails, len(warnings) == 1)
	}
}

// TestAWorkerThatCannotTakeTheCall is as good as none: on_unavailable decides.
// Who went away, or whose time is over, is told so in any case.
func TestAWorkerThatCannotTakeTheCall(t *testing.T) {
	t.Parallel()
	client, _ := mixedClient(t, ``)
	for code, opens := range map[action.Code]bool{action.CodeInternal: true, action.CodeUnknownInstance: true, action.CodeUnreadable: true,
		action.CodeCancelled: false, action.CodeDeadline: false} {
		why := action.NewError(code, action.StageCatalog, "")
		_, err := client.notCalled(action.Request, Call{Method: "/t.Soft/M"}, why)
		require.Equal(t, why, err, "on_unavailable: fail")
		warnings, err := client.notCalled(action.Request, Call{Method: "/t.Hard/M"}, why)
		require.Equal(t, opens, err == nil, "%s, on_unavailable: continue", code)
		require.Equal(t, opens, len(warnings) == 1)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, warnings, err := client.Intercept(gone, action.Request, Call{Method: "/t.Twice/M", Request: []byte(`{}`)}, nil)
	require.Equal(t, action.CodeCancelled, action.CodeOf(err))
	require.Empty(t, warnings)
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	rejected := action.NewError(action.CodeRejected, action.StageAnswer, "no")
	require.Nil(t, Refusal(action.Result{Outcome: action.Continue, Error: rejected}))
	require.Equal(t, rejected, Refusal(action.Result{Outcome: action.Rejected, Error: rejected}))
	require.Equal(t, action.CodeInternal, Refusal(action.Result{Outcome: action.Failed}).Code, "never a success by silence")
}

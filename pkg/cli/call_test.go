package cli_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

const addUser = `{"fullMethod":"/acme.user.v1.UserService/AddUser","instanceID":"default","userID":"7","request":{"user":{"name":"Ada","age":36}},"headers":{"X-Id":["1"]}}`

// callCases are calls that may be made in any way: the same body in, the same
// JSON out.
var callCases = []struct {
	name, path, subject, body string
	want                      reply
}{
	{
		"request through all three kinds", "request", "request.acme.user.v1.UserService.AddUser", addUser,
		reply{Outcome: "continue", Request: json.RawMessage(`{"user":{"name":"Ada L.","age":36}}`), Steps: []step{
			{Target: "gate", Kind: "webhook", Status: 200, Outcome: "ok"},
			{Target: "rename", Kind: "call", Status: 200, Outcome: "changed", Interrupt: true},
			{Target: "hook", Kind: "async", Outcome: "stored"},
		}},
	},
	{
		"request for which nothing is configured", "request", "request.acme.user.v1.UserService.Other",
		`{"fullMethod":"/acme.user.v1.UserService/Other","request":{}}`,
		reply{Outcome: "continue"},
	},
	{
		"request that is rejected after a warning", "request", "request.acme.user.v1.UserService.Refused",
		`{"fullMethod":"/acme.user.v1.UserService/Refused","request":{}}`,
		reply{
			Outcome:  "rejected",
			Error:    &refusal{Code: "rejected", Stage: "answer", Status: 403, Message: "not on a Sunday", Target: "refuse"},
			Warnings: []refusal{{Code: "status", Status: 502, Message: "the target answered with an error", Target: "flaky"}},
			Steps: []step{
				{Target: "flaky", Kind: "webhook", Status: 500, Outcome: "failed"},
				{Target: "refuse", Kind: "call", Status: 200, Outcome: "rejected"},
			},
		},
	},
	{
		"request whose target fails", "request", "request.acme.user.v1.UserService.Broken",
		`{"fullMethod":"/acme.user.v1.UserService/Broken","request":{}}`,
		reply{
			Outcome: "failed",
			Error:   &refusal{Code: "status", Stage: "answer", Status: 502, Message: "the target answered with an error", Target: "broken"},
			Steps:   []step{{Target: "broken", Kind: "call", Status: 500, Outcome: "failed"}},
		},
	},
	{
		"response", "response", "response.acme.user.v1.UserService.AddUser",
		`{"fullMethod":"/acme.user.v1.UserService/AddUser","request":{"a":1},"response":{"id":"9007199254740993","n":9007199254740993}}`,
		reply{
			Outcome: "continue", Response: json.RawMessage(`{"id":"9007199254740993","n":9007199254740993,"seen":true}`),
			Steps: []step{{Target: "stamp", Kind: "call", Status: 200, Outcome: "changed"}},
		},
	},
	{
		"function", "functions/create_id_token", "function.create_id_token", `{"user":{"id":"7"}}`,
		reply{
			Outcome: "continue", Response: json.RawMessage(`{"append_claims":[{"key":"team","value":"blue"}],"append_log_claims":["roles"]}`),
			Steps: []step{{Target: "claims", Kind: "call", Status: 200, Outcome: "changed"}, {Target: "roles", Kind: "call", Status: 200, Outcome: "changed"}},
		},
	},
}

// sameReply holds an answer against what was expected, whatever time it took.
func sameReply(t *testing.T, want reply, body string) {
	t.Helper()
	got := read[reply](t, body)
	for i := range got.Steps {
		require.NotNil(t, got.Steps[i].Duration, "a step without its duration")
		got.Steps[i].Duration = nil
	}
	require.Contains(t, body, `"warnings":[`)
	require.Contains(t, body, `"steps":[`)
	want.Revision = 1
	if len(got.Steps) == 0 {
		got.Steps = nil
	}
	if len(got.Warnings) == 0 {
		got.Warnings = nil
	}
	require.Equal(t, want, got)
}

func TestCallOverHTTP(t *testing.T) {
	t.Parallel()
	tg := newPlatform(t)
	p := dev(t, tg, configuration(t, fill(tg, platform)), "--data", "")
	for _, tt := range callCases {
		t.Run(tt.name, func(t *testing.T) {
			got := post(t, p.ready["http"]+"/v1/instances/default/calls/"+tt.path, tt.body)
			require.Equal(t, 200, got.status, got.body)
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			sameReply(t, tt.want, got.body)
		})
	}
	t.Run("the other spelling of functions", func(t *testing.T) {
		got := post(t, p.ready["http"]+"/v1/instances/default/calls/function/create_id_token", `{}`)
		require.Contains(t, got.body, `"append_log_claims"`)
	})
	t.Run("what the targets got", func(t *testing.T) {
		all := tg.await(t, bound, "the async delivery", func(all []arrival) bool { return len(only(all, "/hook")) == 1 })
		require.Equal(t, addUser, only(all, "/gate")[0].body, "the first target gets the bytes of the core")
		changed := `{"fullMethod":"/acme.user.v1.UserService/AddUser","instanceID":"default","userID":"7","request":{"user":{"name":"Ada L.","age":36}},"headers":{"X-Id":["1"]}}`
		require.JSONEq(t, changed, only(all, "/hook")[0].body, "the last one what the others left")
		require.Equal(t, `{"function":"function/create_id_token","user":{"id":"7"}}`, only(all, "/claims")[0].body)
		require.JSONEq(t, `{"function":"function/create_id_token","user":{"id":"7"},"response":{"append_claims":[{"key":"team","value":"blue"}]}}`, only(all, "/roles")[0].body)
	})
}

// TestTheCommandThatCalls asks as a core does, with a sample or a body, and tells
// what came of it.
func TestTheCommandThatCalls(t *testing.T) {
	t.Parallel()
	_, callout := running(t, newPlatform(t), platform)
	method := "/acme.user.v1.UserService/"

	got := callout("call", "request", method+"AddUser")
	require.Equal(t, 0, got.code, got.err)
	require.Regexp(t, `^continue, by revision \d+\ncalled    gate: ok, status 200, after \S+s\ncalled    rename: changed, status 200, after \S+s\ncalled    hook: stored, after \S+s\nchanged   \{`, got.out)
	got = callout("call", "request", method+"Other", "--org", "acme")
	require.Equal(t, 0, got.code, got.err)
	require.Regexp(t, `^continue, by revision \d+\ncalled    nothing\n$`, got.out)
	got = callout("call", "request", method+"Refused")
	require.Equal(t, 1, got.code)
	require.Regexp(t, `^rejected, by revision \d+: not on a Sunday \[rejected\], target refuse\n`, got.out)
	require.Contains(t, got.out, "\nwarning   flaky: the target answered with an error [status]\n")
	got = callout("call", "function", "create_id_token", "-o", "json")
	require.Equal(t, 0, got.code, got.err)
	sameReply(t, callCases[5].want, got.out)

	file := filepath.Join(t.TempDir(), "body.json")
	require.NoError(t, os.WriteFile(file, []byte(addUser), 0o600))
	require.Contains(t, callout("call", "request", method+"AddUser", "--body", file).out, `changed   {"user":{"name":"Ada L.","age":36}}`)
	for want, args := range map[string][]string{
		`the body is of the method "/acme.user.v1.UserService/AddUser", and not of`: {"request", method + "Other", "--body", file},
		"--org is of the sample":                         {"request", method + "AddUser", "--body", file, "--org", "acme"},
		"an event is no call: callout events publish":    {"event", "user.added"},
		"request, response, function or event are known": {"wish", "user.added"},
		`"AddUser": `: {"request", "AddUser"},
	} {
		got := callout(append([]string{"call"}, args...)...)
		require.Equal(t, 2, got.code, got.err)
		require.Contains(t, got.err, want)
	}
	got = callout("call", "request", method+"AddUser", "--instance", "nowhere")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "[unknown_instance]")
}

// A caller's deadline ends the call by then, with an outcome.
func TestCallDeadline(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	tg.answer = func(_ http.ResponseWriter, a arrival) {
		select {
		case <-a.done:
		case <-tg.closing:
		}
	}
	p := dev(t, tg, configuration(t, fill(tg, platform)), "--data", "")
	began := time.Now()
	got := send(t, http.MethodPost, p.ready["http"]+"/v1/instances/default/calls/request", addUser, map[string]string{"Callout-Timeout": "300ms"})
	require.Less(t, time.Since(began), 3*time.Second)
	require.Equal(t, 200, got.status)
	answer := read[reply](t, got.body)
	require.Equal(t, "failed", answer.Outcome)
	require.Contains(t, []string{"deadline", "timeout"}, answer.Error.Code)
}

// A revision that never comes ends the call as a deadline does, with an
// outcome, whoever notices first.
func TestCallForARevisionThatNeverComes(t *testing.T) {
	t.Parallel()
	tg := newPlatform(t)
	p := dev(t, tg, configuration(t, fill(tg, platform)), "--data", "")
	for range 20 {
		got := send(t, http.MethodPost, p.ready["http"]+"/v1/instances/default/calls/request", addUser,
			map[string]string{"Callout-Timeout": "20ms", "Callout-Min-Revision": "99"})
		require.Equal(t, 200, got.status, got.body)
		answer := read[reply](t, got.body)
		require.Equal(t, "failed", answer.Outcome, got.body)
		require.Equal(t, "deadline", answer.Error.Code)
	}
	nc, err := nats.Connect(p.ready["nats"])
	require.NoError(t, err)
	defer nc.Close()
	m := nats.NewMsg("callout.call.default.request.acme.user.v1.UserService.AddUser")
	m.Data = []byte(addUser)
	m.Header.Set("Callout-Timeout", "200ms")
	m.Header.Set("Callout-Min-Revision", "99")
	got, err := nc.RequestMsg(m, bound)
	require.NoError(t, err)
	require.Empty(t, got.Header.Get("Callout-Status"), "%s", got.Data)
	answer := read[reply](t, string(got.Data))
	require.Equal(t, []any{"failed", "deadline"}, []any{answer.Outcome, answer.Error.Code})
	require.Empty(t, tg.seen())
}

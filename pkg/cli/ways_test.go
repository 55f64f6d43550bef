package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/wire"
)

// waysConfig has, besides the platform, targets that answer what the object
// tells them to.
const waysConfig = platform + `
orgs:
  acme:
    targets:
      say:  {type: call, url: "URL/say", timeout: 10s, KEY}
      insist: {type: call, url: "URL/say", timeout: 10s, interrupt_on_error: true, KEY}
      notice: {type: webhook, url: "URL/say", timeout: 10s, interrupt_on_error: true, KEY}
      huge: {type: call, url: "URL/huge", timeout: 10s, interrupt_on_error: true, KEY}
      hang: {type: call, url: "URL/hang", timeout: 100ms, interrupt_on_error: true, KEY}
      after: {type: webhook, url: "URL/after", KEY}
    requests:
      /acme.Say/It: {targets: [{target: say}, {target: after}]}
      /acme.Say/Insist: {targets: [{target: insist}, {target: after}]}
      /acme.Say/Notice: {targets: [{target: notice}, {target: after}]}
      /acme.Say/Huge: {targets: [{target: huge}, {target: after}]}
      /acme.Say/Hang: {targets: [{target: hang}, {target: after}]}
`

// newWays is the target of waysConfig.
func newWays(t *testing.T) *target {
	tg := newPlatform(t)
	others := tg.answer
	tg.answer = func(w http.ResponseWriter, a arrival) {
		switch a.path {
		case "/say":
			var body struct {
				Request struct{ Say, Type string } `json:"request"`
			}
			if err := json.Unmarshal([]byte(a.body), &body); err != nil {
				t.Errorf("what reached the target is no JSON: %v", err)
			}
			w.Header()["Content-Type"] = nil
			if body.Request.Type != "" {
				w.Header().Set("Content-Type", body.Request.Type)
			}
			_, _ = w.Write([]byte(body.Request.Say)) // the caller may have gone
		case "/huge":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"x":"` + strings.Repeat("x", 1<<20-8) + `"}`))
		case "/hang":
			select {
			case <-a.done:
			case <-tg.closing:
			}
		default:
			others(w, a)
		}
	}
	return tg
}

// said is a call of a target that answers with a text under a content type.
func said(method, answer, contentType string) (body string) {
	object, _ := json.Marshal(map[string]string{"say": answer, "type": contentType}) // strings cannot fail
	return fmt.Sprintf(`{"fullMethod":"/acme.Say/%s","orgID":"acme","request":%s}`, method, object)
}

// wayCase is a call, and in short what comes of it.
type wayCase struct {
	name, instance, path, subject, body string
	header                              map[string]string
	status                              int    // over HTTP; over NATS in a header, unless it is 200
	outcome                             string // of a call that is not refused
	code                                string // of the error, or of the first warning
	field                               string
}

func request(name, method, answer, contentType, outcome, code string) wayCase {
	return wayCase{name: name, path: "request", subject: "request.acme.Say." + method, body: said(method, answer, contentType),
		status: 200, outcome: outcome, code: code}
}

// wayCases are the calls of callCases, every sort of answer, and calls that are
// refused.
func wayCases() []wayCase {
	var all []wayCase
	for _, c := range callCases {
		made := wayCase{name: c.name, path: c.path, subject: c.subject, body: c.body, status: 200, outcome: c.want.Outcome}
		if c.want.Error != nil {
			made.code = c.want.Error.Code
		}
		all = append(all, made)
	}
	const text = "application/json"
	for _, a := range []struct{ name, answer, contentType, code string }{
		{"null", `null`, text, "answer_malformed"}, {"[]", `[]`, text, "answer_malformed"}, {"7", `7`, text, "answer_malformed"},
		{"a duplicate key", `{"a":1,"a":2}`, text, "answer_malformed"}, {"text/html", `{"a":1}`, "text/html", ""}, {"a byte order mark", "\xef\xbb\xbf{\"a\":1}", text, ""},
		{"no Content-Type", `{"a":1}`, "", ""}, {"{}", `{}`, text, ""}, {"nothing", ``, text, ""},
		{"a patch", `[{"op":"add","path":"/a","value":18446744073709551617.0}]`, "application/json-patch+json", ""},
		{"a patch that does not fit", `[{"op":"remove","path":"/a"}]`, "application/json-patch+json", "answer_malformed"},
		{"forwardedStatusCode 0", `{"forwardedStatusCode":0,"a":1}`, text, ""},
		{"forwarded 418", `{"forwardedStatusCode":418,"forwardedErrorMessage":"a teapot"}`, text, "rejected"},
		{"forwarded 599", `{"forwardedStatusCode":599}`, text, "rejected"},
	} {
		insisted := map[string]string{"": "continue", "rejected": "rejected", "answer_malformed": "failed"}[a.code]
		noticed, code := "continue", ""
		if a.code == "rejected" {
			noticed, code = "rejected", a.code
		}
		all = append(all,
			request(a.name+", a warning", "It", a.answer, a.contentType, "continue", a.code),
			request(a.name+", interrupting", "Insist", a.answer, a.contentType, insisted, a.code),
			request(a.name+", of a webhook", "Notice", a.answer, a.contentType, noticed, code))
	}
	all = append(all,
		request("an answer that makes the object too large", "Huge", "", "", "failed", "too_large"),
		request("no answer in time", "Hang", "", "", "failed", "timeout"))
	return append(all, refusedCases()...)
}

func refusedCases() []wayCase {
	method := func(name, object, code, field string, status int) wayCase {
		return wayCase{name: name, path: "request", subject: "request.a.S.M", status: status, code: code, field: field,
			body: `{"fullMethod":"/a.S/M","request":` + object + `}`}
	}
	long := strings.Repeat("x", 1<<20)
	twice := method("a member twice", `{}`, "malformed", "", 400)
	twice.body = `{"fullMethod":"/a.S/M","fullMethod":"/a.S/M","request":{}}`
	empty := method("an empty body", ``, "malformed", "", 400)
	empty.body = ""
	list := method("a body that is a list", ``, "malformed", "", 400)
	list.body = "[]"
	none := method("no object", ``, "bad_field", "request", 400)
	none.body = `{"fullMethod":"/a.S/M"}`
	nameless := method("no method", ``, "bad_field", "fullMethod", 400)
	nameless.body = `{"request":{}}`
	misnamed := method("a method that is none", ``, "bad_field", "fullMethod", 400)
	misnamed.body = `{"fullMethod":"a.S/M","request":{}}`
	stranger := method("an unknown instance", `{}`, "unknown_instance", "", 404)
	stranger.instance = "stranger"
	other := method("another instance", `{}`, "mismatch", "instanceID", 400)
	other.body = `{"fullMethod":"/a.S/M","instanceID":"other","request":{}}`
	past := func(name, header, code string, status int) wayCase {
		c := method(name, `{}`, code, "Callout-Timeout", status)
		c.header = map[string]string{"Callout-Timeout": header}
		return c
	}
	return []wayCase{
		twice, empty, list, none, nameless, misnamed, stranger, other,
		method("JSON that is cut short", `{"a":`, "malformed", "", 400),
		method("text behind the JSON", `{}}`, "malformed", "", 400),
		method("a member twice in the object", `{"a":{"b":1,"b":2}}`, "malformed", "", 400),
		method("bad UTF-8", "{\"a\":\"\xff\"}", "malformed", "", 400),
		method("nested too deep", strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100), "too_deep", "", 400),
		method("an object that is null", `null`, "bad_field", "request", 400),
		method("an object that is a list", `[]`, "bad_field", "request", 400),
		method("an object that is a number", `7`, "bad_field", "request", 400),
		method("an object too large", `{"a":"`+long+`"}`, "too_large", "request", 413),
		past("a deadline that is over", "-1s", "deadline", 504), past("no time at all", "0", "deadline", 504),
		past("more time than there is", "11m", "bad_field", 400), past("a deadline that is no time", "soon", "bad_field", 400),
		{name: "another function", path: "functions/f", subject: "function.f", body: `{"function":"function/g"}`, status: 400, code: "mismatch", field: "function"},
		{name: "a function's response that is a list", path: "functions/f", subject: "function.f", body: `{"response":[]}`, status: 400, code: "bad_field", field: "response"},
	}
}

// way is one way of making a call. ok is false when it cannot be made that way.
type way struct {
	name string
	call func(*testing.T, wayCase) (status int, body string, ok bool)
}

func overHTTP(p *process) func(*testing.T, wayCase) (int, string, bool) {
	return func(t *testing.T, c wayCase) (int, string, bool) {
		t.Helper()
		got := send(t, http.MethodPost, p.ready["http"]+"/v1/instances/"+instanceOf(c)+"/calls/"+c.path, c.body, c.header)
		return got.status, strings.TrimSuffix(got.body, "\n"), true
	}
}

func overNATS(nc *nats.Conn) func(*testing.T, wayCase) (int, string, bool) {
	return func(t *testing.T, c wayCase) (int, string, bool) {
		t.Helper()
		m := nats.NewMsg("callout.call." + instanceOf(c) + "." + c.subject)
		m.Data = []byte(c.body)
		for name, value := range c.header {
			m.Header.Set(name, value)
		}
		got, err := nc.RequestMsg(m, bound)
		require.NoError(t, err)
		status := 200
		if text := got.Header.Get("Callout-Status"); text != "" {
			status, err = strconv.Atoi(text)
			require.NoError(t, err)
		}
		return status, string(got.Data), true
	}
}

// withGo makes a call with the client for Go, which has no way of saying most
// of what is refused.
func withGo(client *callout.Client) func(*testing.T, wayCase) (int, string, bool) {
	return func(t *testing.T, c wayCase) (int, string, bool) {
		t.Helper()
		if c.status != 200 {
			return 0, "", false
		}
		phase, _, _ := strings.Cut(c.subject, ".")
		var body struct {
			FullMethod, UserID, OrgID string
			Request, Response         json.RawMessage
			Headers                   map[string][]string
		}
		require.NoError(t, json.Unmarshal([]byte(c.body), &body))
		call := callout.Call{Method: body.FullMethod, UserID: body.UserID, OrgID: body.OrgID, Headers: body.Headers, Request: body.Request, Response: body.Response}
		var result action.Result
		var err error
		switch action.Phase(phase) {
		case action.Request:
			result, err = client.Request(t.Context(), call)
		case action.Response:
			result, err = client.Response(t.Context(), call)
		default:
			result, err = client.Function(t.Context(), strings.TrimPrefix(c.path, "functions/"), []byte(c.body))
		}
		require.NoError(t, err)
		return 200, string(wire.EncodeReply(action.Phase(phase), result)), true
	}
}

func instanceOf(c wayCase) string {
	if c.instance != "" {
		return c.instance
	}
	return "default"
}

var durations = regexp.MustCompile(`"duration_ms":[0-9.e+-]+`)

// TestEveryWayAnswersTheSame makes each call in one process and against a
// dispatcher and a worker, each over HTTP, by plain NATS requests and with the
// client for Go. Answers are equal to the byte, but for the time they took.
func TestEveryWayAnswersTheSame(t *testing.T) {
	t.Parallel()
	tg := newWays(t)
	one := dev(t, tg, configuration(t, fill(tg, waysConfig)), "--data", "")
	f := newFleet(t, tg, waysConfig, 1)
	goTo := func(p *process) func(*testing.T, wayCase) (int, string, bool) {
		client, err := callout.Connect(t.Context(), callout.Options{URL: p.ready["nats"], Headers: []string{"X-Id"}})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		return withGo(client)
	}
	ways := []way{
		{"one process, HTTP", overHTTP(one)}, {"one process, NATS", overNATS(plain(t, one))}, {"one process, Go", goTo(one)},
		{"processes, HTTP", overHTTP(f.dispatcher)}, {"processes, NATS", overNATS(plain(t, f.dispatcher))}, {"processes, Go", goTo(f.dispatcher)},
	}
	for _, c := range wayCases() {
		t.Run(c.name, func(t *testing.T) {
			var first string
			for i, w := range ways {
				status, body, ok := w.call(t, c)
				if !ok {
					continue
				}
				require.Equal(t, c.status, status, "%s: %s", w.name, body)
				body = durations.ReplaceAllString(body, `"duration_ms":0`)
				if i == 0 {
					first = body
					c.check(t, body)
				}
				require.Equal(t, first, body, w.name)
			}
		})
	}
	for _, bound := range []string{ // the log says which bound was passed, whichever way the call came
		"(too_large), field request: 1048584 bytes, 1048576 are allowed", "(too_deep): more than 100 levels",
		"the object has become too large (too_large): ", "(deadline), field Callout-Timeout",
		"Callout-Timeout is at most 10m0s (bad_field)", "a member name stands twice in one JSON object (malformed)",
		"(unknown_instance)", "(mismatch), field instanceID",
	} {
		require.Contains(t, one.log.String(), bound)
	}
	for _, c := range callCases { // once in full
		sameReply(t, c.want, post(t, f.dispatcher.ready["http"]+"/v1/instances/default/calls/"+c.path, c.body).body)
	}
}

// check holds an answer against what a case says of it.
func (c wayCase) check(t *testing.T, body string) {
	t.Helper()
	if c.status != 200 {
		got := refused(t, body)
		require.Equal(t, []string{c.code, c.field}, []string{got.Code, got.Field})
		return
	}
	got := read[reply](t, body)
	require.Equal(t, c.outcome, got.Outcome, body)
	switch {
	case got.Error != nil:
		require.Equal(t, c.code, got.Error.Code)
	case c.code != "":
		require.NotEmpty(t, got.Warnings, body)
		require.Equal(t, c.code, got.Warnings[0].Code)
	default:
		require.Empty(t, got.Warnings, body)
	}
}

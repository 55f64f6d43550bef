package callouthttp_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/callouthttp"
)

func TestTargetsChangeRequestAndResponse(t *testing.T) {
	a := newAPI(t, nil)
	a.hooks.answer("/in", `{"name":"Ada"}`)
	a.hooks.answer("/out", `{"greeting":"welcome"}`)
	response, body := a.post(t, createUser, `{"name":"ada","n":9007199254740993}`)
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.Equal(t, `{"id":"u1","greeting":"welcome"}`, body)
	require.Equal(t, int64(len(body)), response.ContentLength)
	require.Equal(t, "session=1", response.Header.Get("Set-Cookie"))
	require.Equal(t, []string{`{"name":"Ada","n":9007199254740993}`}, a.bodies)
	const facts = `{"fullMethod":"` + createUser + `","instanceID":"default","orgID":"acme","projectID":"p1","userID":"admin",`
	const headers = `"headers":{"X-Team":["red"]}`
	require.Equal(t, []string{facts + `"request":{"name":"ada","n":9007199254740993},` + headers + `}`}, a.hooks.got("/in"))
	require.Equal(t, []string{facts + `"request":{"name":"Ada","n":9007199254740993},` + headers + `,"response":{"id":"u1"}}`}, a.hooks.got("/out"))
}

// TestEndOfARequest has one row for each way a request ends before, in, and
// behind the handler.
func TestEndOfARequest(t *testing.T) {
	answerJSON := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set("Set-Cookie", "session=1")
			_, _ = io.WriteString(w, text)
		}
	}
	a := newAPI(t, nil)
	for _, row := range []struct {
		name, send, in, out string
		handle              http.HandlerFunc
		handled             string // what the handler got; "-" = it was not called
		status              int
		body                string
		code                action.Code // of {"error":…} instead of a body
		seen                bool        // the response's target was called
	}{
		{name: "no body", handled: ``, status: 201, body: `{"id":"u1"}`, seen: true},
		{name: "no body, but a target's", in: `{"a":1}`, handled: `{"a":1}`, status: 201, body: `{"id":"u1"}`, seen: true},
		{name: "an array", send: `[]`, handled: "-", status: 400, code: action.CodeMalformed},
		{name: "no JSON", send: `{"a":`, handled: "-", status: 400, code: action.CodeMalformed},
		{name: "twice the same name", send: `{"a":1,"a":2}`, handled: "-", status: 400, code: action.CodeMalformed},
		{name: "too deep", send: strings.Repeat(`{"a":`, 101) + `1` + strings.Repeat(`}`, 101), handled: "-", status: 400, code: action.CodeTooDeep},
		{name: "as large as may be", send: `{"a":"` + strings.Repeat("x", 992) + `"}`, handled: `{"a":"` + strings.Repeat("x", 992) + `"}`, status: 201, body: `{"id":"u1"}`, seen: true},
		{name: "too large", send: `{"a":"` + strings.Repeat("x", 993) + `"}`, handled: "-", status: 413, code: action.CodeTooLarge},
		{name: "rejected", send: `{}`, in: `{"forwardedStatusCode":418,"forwardedErrorMessage":"short and stout"}`, handled: "-", status: 418, code: action.CodeRejected},
		{name: "failed", send: `{}`, in: `[]`, handled: "-", status: 502, code: action.CodeAnswerMalformed},
		{name: "response rejected", send: `{}`, out: `{"forwardedStatusCode":409}`, handled: `{}`, status: 409, code: action.CodeRejected, seen: true},
		{name: "response failed", send: `{}`, out: `null`, handled: `{}`, status: 502, code: action.CodeAnswerMalformed, seen: true},
		{name: "response too large", send: `{}`, handle: answerJSON(`{"a":"` + strings.Repeat("x", 993) + `"}`), handled: `{}`, status: 500, code: action.CodeTooLarge},
		{name: "response no JSON", send: `{}`, handle: answerJSON(`{"a":`), handled: `{}`, status: 500, code: action.CodeMalformed},
		{name: "response no object", send: `{}`, handle: answerJSON(`[1]`), handled: `{}`, status: 200, body: `[1]`},
		{name: "an error of the handler", send: `{}`, handled: `{}`, status: 404, body: "no such user\n",
			handle: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no such user", http.StatusNotFound) }},
		{name: "nothing written", send: `{}`, handled: `{}`, status: 200, handle: func(http.ResponseWriter, *http.Request) {}},
	} {
		t.Run(row.name, func(t *testing.T) {
			a.hooks.answer("/in", row.in)
			a.hooks.answer("/out", row.out)
			a.handle, a.bodies = row.handle, nil
			seen := len(a.hooks.got("/out"))
			response, body := a.post(t, createUser, row.send)
			require.Equal(t, row.status, response.StatusCode, body)
			if row.handled == "-" {
				require.Empty(t, a.bodies)
			} else {
				require.Equal(t, []string{row.handled}, a.bodies)
			}
			require.Equal(t, row.seen, len(a.hooks.got("/out")) > seen)
			if row.code == "" {
				require.Equal(t, row.body, body)
				return
			}
			var refusal struct{ Error *action.Error }
			require.NoError(t, json.Unmarshal([]byte(body), &refusal), body)
			require.Equal(t, row.code, refusal.Error.Code)
			require.Empty(t, response.Header.Get("Set-Cookie"), "nothing of a refused response goes out")
			require.NotContains(t, body, "127.0.0.1")
		})
	}
}

// TestNothingConfiguredTouchesNothing: the handler gets the very request and
// writer of the server.
func TestNothingConfiguredTouchesNothing(t *testing.T) {
	hooks := newTargets(t)
	client := newClient(t, callout.Options{URL: startNode(t, hooks).NATSURL()})
	r, w := httptest.NewRequest(http.MethodPost, getUser, strings.NewReader("not JSON")), httptest.NewRecorder()
	handler := http.HandlerFunc(func(gotW http.ResponseWriter, gotR *http.Request) {
		require.Same(t, r, gotR)
		require.Same(t, w, gotW)
	})
	method := getUser
	with := callouthttp.New(callouthttp.Options{Client: client, Method: func(*http.Request) string { return method }})(handler)
	with.ServeHTTP(w, r)
	method = "" // not intercepted
	with.ServeHTTP(w, r)
}

// TestTheRequestStaysAsItIs: the handler's is another.
func TestTheRequestStaysAsItIs(t *testing.T) {
	hooks := newTargets(t)
	hooks.answer("/in", `{"a":2,"b":"longer"}`)
	client := newClient(t, callout.Options{URL: startNode(t, hooks).NATSURL()})
	called := false
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called = true
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, `{"a":2,"b":"longer"}`, string(body))
		require.Equal(t, int64(len(body)), r.ContentLength)
		require.Equal(t, "20", r.Header.Get("Content-Length"))
		r.Header.Set("X-Handler", "was here")
	})
	r := httptest.NewRequest(http.MethodPost, createUser, strings.NewReader(`{"a":1}`))
	r.Header.Set("Content-Length", "7")
	callouthttp.New(callouthttp.Options{Client: client, Method: func(r *http.Request) string { return r.URL.Path }})(handler).ServeHTTP(httptest.NewRecorder(), r)
	require.True(t, called)
	require.Equal(t, int64(7), r.ContentLength)
	require.Equal(t, http.Header{"Content-Length": {"7"}}, r.Header)
}

// TestFlushedResponsesPass reads a stream's first part before the handler goes
// on.
func TestFlushedResponsesPass(t *testing.T) {
	a := newAPI(t, nil)
	first, second := make(chan struct{}), make(chan struct{})
	a.handle = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"n":1}`)
		close(first)
		require.NoError(t, http.NewResponseController(w).Flush())
		<-second
		_, _ = io.WriteString(w, `{"n":2}`)
	}
	r, err := http.NewRequestWithContext(within(t, 5*time.Second), http.MethodPost, a.URL+watchUsers, http.NoBody)
	require.NoError(t, err)
	response, err := a.Client().Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	<-first
	part := make([]byte, 7)
	_, err = io.ReadFull(response.Body, part)
	require.NoError(t, err)
	require.Equal(t, `{"n":1}`, string(part))
	close(second)
	rest, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, `{"n":2}`, string(rest))
	require.Empty(t, a.hooks.got("/out"))
}

func TestValidationOfWhatTargetsChanged(t *testing.T) {
	var refuse error
	a := newAPI(t, func(o *callouthttp.Options) {
		o.Validate = func(method string, phase action.Phase, object json.RawMessage) error {
			require.Equal(t, createUser, method)
			if string(object) == `{"bad":true}` || phase == action.Response {
				return refuse
			}
			return nil
		}
	})
	for _, row := range []struct {
		name, in, out, message string
		refuse                 error
		status, handled        int
	}{
		{"request", `{"bad":true}`, ``, "the changed request is not valid: bad is not known", errors.New("bad is not known"), 400, 0},
		{"request, an error with a status", `{"bad":true}`, ``, "no teapots", &action.Error{Status: 418, Message: "no teapots"}, 418, 0},
		{"response", ``, `{"bad":true}`, "the changed response is not valid", errors.New("row 7 of table users"), 500, 1},
		{"unchanged is not asked", ``, ``, "", errors.New("never"), 201, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			refuse, a.bodies = row.refuse, nil
			a.hooks.answer("/in", row.in)
			a.hooks.answer("/out", row.out)
			response, body := a.post(t, createUser, `{}`)
			require.Equal(t, row.status, response.StatusCode)
			require.Len(t, a.bodies, row.handled)
			if row.message != "" {
				require.Contains(t, body, `"message":"`+row.message+`"`)
			}
		})
	}
}

func TestWithoutNATS(t *testing.T) {
	dead := httptest.NewServer(nil)
	url := strings.Replace(dead.URL, "http", "nats", 1)
	dead.Close()
	var warned []callouthttp.Warned
	for onUnknown, status := range map[action.OnUnavailable]int{"": 503, action.UnavailableFail: 503, action.UnavailableContinue: 201} {
		warned = nil
		a := newAPI(t, func(o *callouthttp.Options) {
			o.Client = newClient(t, callout.Options{URL: url, OnUnknown: onUnknown})
			o.OnWarnings = func(_ context.Context, w callouthttp.Warned) { warned = append(warned, w) }
			o.WriteError = func(w http.ResponseWriter, _ *http.Request, e *action.Error) { w.WriteHeader(e.Status) }
		})
		began := time.Now()
		response, _ := a.post(t, createUser, `{}`)
		require.Less(t, time.Since(began), time.Second)
		require.Equal(t, status, response.StatusCode)
		require.Equal(t, status == 201, len(warned) == 2)
		response, _ = a.post(t, "/health", `x`)
		require.Equal(t, 201, response.StatusCode)
	}
}

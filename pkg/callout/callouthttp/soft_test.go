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
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/callout/callouthttp"
)

// softConfig is config with targets that do not interrupt, and two methods of
// which the one phase is not configured.
const softConfig = `
targets:
  in: {type: call, url: HOOKS/in}
  out: {type: call, url: HOOKS/out}
  guard: {type: webhook, url: HOOKS/guard, interrupt_on_error: true}
requests:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: in}]}
  /acme.user.v1.UserService/OnlyRequest: {targets: [{target: in}]}
responses:
  /acme.user.v1.UserService/CreateUser: {targets: [{target: out}]}
  /acme.user.v1.UserService/GuardedResponse: {targets: [{target: guard}]}
`

const (
	onlyRequest     = "/acme.user.v1.UserService/OnlyRequest"
	guardedResponse = "/acme.user.v1.UserService/GuardedResponse"
)

// told is what OnWarnings heard, as phase and code.
type told []string

func (w *told) hear(_ context.Context, heard callouthttp.Warned) {
	for _, warning := range heard.Warnings {
		*w = append(*w, string(heard.Phase)+" "+string(warning.Code))
	}
}

func writes(kind string, parts ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Set-Cookie", "session=1")
		for _, p := range parts {
			_, _ = io.WriteString(w, p)
		}
	}
}

// TestWithoutInterruptNothingStopsARequest has the rows at which a target that
// interrupts would end it: each is a warning, and every byte is as it was.
func TestWithoutInterruptNothingStopsARequest(t *testing.T) {
	var warned told
	a := newAPIOf(t, softConfig, func(o *callouthttp.Options) {
		o.OnWarnings = warned.hear
		o.Validate = func(_ string, _ action.Phase, object json.RawMessage) error {
			if strings.Contains(string(object), "bad") {
				return errors.New("bad is not known")
			}
			return nil
		}
	})
	large := `{"a":"` + strings.Repeat("x", 5000) + `"}`
	const made = `{"id":"u1"}`
	for _, row := range []struct {
		name, path, send, in, out string
		handle                    http.HandlerFunc
		body                      string
		warned                    told
	}{
		{name: "a request too large", send: large, body: made, warned: told{"request too_large"}},
		{name: "a request too large, without a response's", path: onlyRequest, send: large, body: made, warned: told{"request too_large"}},
		{name: "a request that is no object", send: `[1]`, body: made, warned: told{"request malformed"}},
		{name: "a request that is no JSON", send: `a=1&b=2`, body: made, warned: told{"request malformed"}},
		{name: "a request of two values", send: `{} {}`, body: made, warned: told{"request malformed"}},
		{name: "a request with a name twice", send: `{"a":1,"a":2}`, body: made, warned: told{"request malformed"}},
		{name: "a request too deep", send: strings.Repeat(`{"a":`, 101) + `1` + strings.Repeat(`}`, 101), body: made, warned: told{"request too_deep"}},
		{name: "a request too deep for the body around it", send: strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100), body: made,
			warned: told{"request too_deep", "response too_deep"}},
		{name: "a changed request that is not valid", send: `{}`, in: `{"bad":1}`, body: made, warned: told{"request bad_field"}},
		{name: "a changed response that is not valid", send: `{}`, out: `{"bad":1}`, body: made, warned: told{"response internal"}},
		{name: "an answer that is none", send: `{}`, in: `[]`, out: `null`, body: made, warned: told{"request answer_malformed", "response answer_malformed"}},
		{name: "a response too large", send: `{}`, handle: writes("application/json", large), body: large, warned: told{"response too_large"}},
		{name: "a response too large, in parts", send: `{}`, handle: writes("application/json", large[:900], large[900:2000], large[2000:]), body: large, warned: told{"response too_large"}},
		{name: "a response that breaks off", send: `{}`, handle: writes("application/json", `{"a":`), body: `{"a":`, warned: told{"response malformed"}},
		{name: "a response with a name twice", send: `{}`, handle: writes("application/json", `{"a":1,"a":2}`), body: `{"a":1,"a":2}`, warned: told{"response malformed"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			a.hooks.answer("/in", row.in)
			a.hooks.answer("/out", row.out)
			a.handle, a.bodies, warned = row.handle, nil, nil
			if row.path == "" {
				row.path = createUser
			}
			response, body := a.post(t, row.path, row.send)
			require.Less(t, response.StatusCode, 300, body)
			require.Equal(t, row.body, body)
			require.Equal(t, "session=1", response.Header.Get("Set-Cookie"), "the handler's")
			require.Equal(t, []string{row.send}, a.bodies, "the handler gets what was sent")
			require.Equal(t, row.warned, warned)
		})
	}
}

// TestAResponsesGuardIsAskedBeforeTheWork: what it could not be shown later
// does not begin.
func TestAResponsesGuardIsAskedBeforeTheWork(t *testing.T) {
	a := newAPIOf(t, softConfig, nil)
	response, body := a.post(t, guardedResponse, `{"a":"`+strings.Repeat("x", 5000)+`"}`)
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode, body)
	require.Empty(t, a.bodies)
	response, _ = a.post(t, guardedResponse, `{}`)
	require.Equal(t, http.StatusCreated, response.StatusCode)
	require.Len(t, a.hooks.got("/guard"), 1)
}

// TestSeveralValuesPass: they are no object, and whoever interrupts is not asked
// about them.
func TestSeveralValuesPass(t *testing.T) {
	a := newAPI(t, nil) // its targets interrupt
	a.hooks.answer("/out", `{"greeting":"welcome"}`)
	for _, text := range []string{`{"a":1}{"a":2}`, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", `{} null`, ` {"a":1} [2]`} {
		a.handle = writes("application/json", text)
		response, body := a.post(t, createUser, `{}`)
		require.Equal(t, http.StatusOK, response.StatusCode, text)
		require.Equal(t, text, body)
		require.Equal(t, "session=1", response.Header.Get("Set-Cookie"))
	}
	require.Empty(t, a.hooks.got("/out"))
	for _, text := range []string{`{"a":1}{`, `{"a":1}x`, `{"a":1} {"b":1,"b":2}`} {
		a.handle = writes("application/json", text)
		response, _ := a.post(t, createUser, `{}`)
		require.Equal(t, http.StatusInternalServerError, response.StatusCode, "%s is no JSON to its end", text)
	}
}

// TestALargeResponseAfterAFlush goes on as it began.
func TestALargeResponseAfterAFlush(t *testing.T) {
	a := newAPI(t, nil)
	large := strings.Repeat("x", 5000)
	a.handle = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"a":"`)
		w.(http.Flusher).Flush()
		_, err := io.WriteString(w, large+`"}`)
		require.NoError(t, err)
	}
	_, body := a.post(t, createUser, `{}`)
	require.Equal(t, `{"a":"`+large+`"}`, body)
}

// TestTheHandlerIsToldOfARefusedResponse: each of its writes fails, and nothing
// of it goes out, not even by a flush.
func TestTheHandlerIsToldOfARefusedResponse(t *testing.T) {
	a := newAPI(t, nil)
	a.handle = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for range 2 {
			n, err := io.WriteString(w, strings.Repeat("x", 1001))
			require.Equal(t, action.CodeTooLarge, action.CodeOf(err))
			require.Zero(t, n)
		}
		require.NoError(t, http.NewResponseController(w).Flush())
	}
	response, body := a.post(t, createUser, `{}`)
	require.Equal(t, http.StatusInternalServerError, response.StatusCode)
	require.NotContains(t, body, "xxx")
}

// TestABodyThatBreaksOff must not pass for a whole one.
func TestABodyThatBreaksOff(t *testing.T) {
	hooks := newTargets(t)
	client := newClient(t, callout.Options{URL: startNodeOf(t, hooks, softConfig).NATSURL()})
	torn := errors.New("connection reset")
	var got string
	var ended error
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		got, ended = string(body), err
	})
	with := callouthttp.New(callouthttp.Options{Client: client, MaxObject: 100, Method: func(r *http.Request) string { return r.URL.Path }})(handler)
	bodies := map[string]func() (io.Reader, error){
		"torn": func() (io.Reader, error) {
			return io.MultiReader(strings.NewReader(`{"a":`), iotest.ErrReader(torn), strings.NewReader(`1}`)), torn
		},
		"bounded by the core": func() (io.Reader, error) {
			return http.MaxBytesReader(nil, io.NopCloser(strings.NewReader(`{"a":123456}`)), 5), &http.MaxBytesError{Limit: 5}
		},
	}
	for name, body := range bodies {
		reader, want := body()
		w := httptest.NewRecorder()
		with.ServeHTTP(w, httptest.NewRequest(http.MethodPost, createUser, reader))
		require.Equal(t, http.StatusOK, w.Code, name)
		require.Equal(t, `{"a":`, got, name)
		require.Equal(t, want, ended, name)
	}
}

// TestTheHandlersContextHasTheTrace, whatever is configured for the request, so
// that its events carry it too.
func TestTheHandlersContextHasTheTrace(t *testing.T) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	hooks := newTargets(t)
	client := newClient(t, callout.Options{URL: startNodeOf(t, hooks, softConfig).NATSURL()})
	seen := "not called"
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = callout.TraceparentOf(r.Context()) })
	with := callouthttp.New(callouthttp.Options{Client: client, Method: func(r *http.Request) string { return r.URL.Path }})(handler)
	for _, path := range []string{createUser, onlyRequest, getUser} {
		for _, sent := range []string{trace, "", "junk"} {
			r := httptest.NewRequest(http.MethodPost, path, http.NoBody)
			if sent != "" {
				r.Header.Set("Traceparent", sent)
			}
			with.ServeHTTP(httptest.NewRecorder(), r)
			require.Equal(t, sent == trace, seen == trace, path)
			require.Equal(t, sent != trace, seen == "", path)
		}
	}
	require.Equal(t, []string{trace, "", ""}, hooks.traces("/in")[:3], "targets get it too")
}

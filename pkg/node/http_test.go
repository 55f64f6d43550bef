package node_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

const manners = `
targets:
  no: {type: call, url: HOOKS/no}
  insist: {type: webhook, url: HOOKS/no, interrupt_on_error: true}
requests:
  /acme.S/Warn: {targets: [{target: no}]}
  /acme.S/End: {targets: [{target: insist}]}
`

// bare sends a request as a tool would that knows nothing of Callout.
func bare(t *testing.T, method, url, contentType string, body io.Reader) (*http.Response, *action.Error) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, 5*time.Second), method, url, body)
	require.NoError(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Error *action.Error `json:"error"`
	}
	if method != http.MethodHead {
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	}
	return resp, answer.Error
}

// TestAnotherMethod is refused with those that the path takes.
func TestAnotherMethod(t *testing.T) {
	t.Parallel()
	n := run(t, newTargets(t), manners, nil)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/v1/instances/default/events", 405, "POST"},
		{"PUT", "/v1/instances/default/calls/request", 405, "POST"},
		{"DELETE", "/v1/instances/default/calls/response", 405, "POST"},
		{"GET", "/v1/instances/default/calls/functions/f", 405, "POST"},
		{"HEAD", "/v1/instances/other/calls/function/f", 405, "POST"},
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"DELETE", "/readyz", 405, "GET, HEAD"},
		{"HEAD", "/healthz", 200, ""},
		{"GET", "/v1/instances/default/event", 404, ""},
		{"POST", "/v1/instances/default/calls", 404, ""},
		{"GET", "/", 404, ""},
	} {
		resp, refusal := bare(t, c.method, n.HTTPURL()+c.path, "", nil)
		require.Equal(t, []any{c.status, c.allow}, []any{resp.StatusCode, resp.Header.Get("Allow")}, "%s %s", c.method, c.path)
		switch {
		case c.method == http.MethodHead:
		case c.status == 405:
			require.Equal(t, []any{action.CodeForbidden, 405}, []any{refusal.Code, refusal.Status})
			require.Contains(t, refusal.Message, c.allow)
		default:
			require.Equal(t, action.CodeNotFound, refusal.Code)
		}
	}
}

// TestABodyNeedsAType: without one a page of somebody else could send it.
func TestABodyNeedsAType(t *testing.T) {
	t.Parallel()
	n := run(t, newTargets(t), manners, nil)
	const call = `{"fullMethod":"/acme.S/None","request":{}}`
	for _, path := range []string{"/v1/instances/default/calls/request", "/callout.v1.ActionService/GetRevision", "/nothing"} {
		resp, refusal := bare(t, "POST", n.HTTPURL()+path, "", strings.NewReader(call))
		require.Equal(t, 415, resp.StatusCode)
		require.Equal(t, []any{action.CodeForbidden, "Content-Type"}, []any{refusal.Code, refusal.Field})
		resp, _ = bare(t, "POST", n.HTTPURL()+path, "", io.MultiReader(strings.NewReader(call))) // in chunks
		require.Equal(t, 415, resp.StatusCode)
	}
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json2", ";", "application/grpc"} {
		resp, _ := bare(t, "POST", n.HTTPURL()+"/v1/instances/default/calls/request", contentType, strings.NewReader(call))
		require.Equal(t, 415, resp.StatusCode, contentType)
	}
	for _, contentType := range []string{"application/json", "Application/JSON; charset=utf-8"} {
		resp, refusal := bare(t, "POST", n.HTTPURL()+"/v1/instances/default/calls/request", contentType, strings.NewReader(call))
		require.Equal(t, 200, resp.StatusCode)
		require.Nil(t, refusal)
	}
	resp, refusal := bare(t, "POST", n.HTTPURL()+"/v1/instances/default/events", "", nil)
	require.Equal(t, 400, resp.StatusCode, "no body has no type")
	require.Equal(t, action.CodeMalformed, refusal.Code)
}

// TestAForwardedMessagePassesWhole up to its bound. One beyond is not hidden.
func TestAForwardedMessagePassesWhole(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	n := run(t, hooks, manners, nil)
	say := func(message string) {
		body, err := json.Marshal(map[string]any{"forwardedStatusCode": 451, "forwardedErrorMessage": message})
		require.NoError(t, err)
		hooks.answer("no", status(200, string(body)))
	}
	ask := func(method string) string {
		resp, err := http.Post(n.HTTPURL()+"/v1/instances/default/calls/request", "application/json",
			strings.NewReader(`{"fullMethod":"/acme.S/`+method+`","request":{}}`))
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(raw)
	}
	longest := strings.Repeat("ü", 4<<10)
	say(longest)
	require.Contains(t, ask("End"), `"outcome":"rejected","error":{"code":"rejected","stage":"answer","status":451,"message":"`+longest+`","target":"insist"}`)
	require.Contains(t, ask("Warn"), `"warnings":[{"code":"rejected","status":451,"message":"`+longest+`","target":"no"}]`)
	say(longest + "!")
	const told = "the target rejected the call; its message has 8193 bytes, over the 8192 that are handed on (too_large)"
	require.Contains(t, ask("End"), `"error":{"code":"rejected","stage":"answer","status":451,"message":"`+told+`","target":"insist","field":"forwardedErrorMessage"}`)
	require.Contains(t, ask("Warn"), `"warnings":[{"code":"rejected","status":451,"message":"`+told+`","target":"no"}]`)
}

// TestABodyNamesItsMethodWhicheverWayItCame: the answers over HTTP and NATS are
// the same.
func TestABodyNamesItsMethodWhicheverWayItCame(t *testing.T) {
	t.Parallel()
	n := run(t, newTargets(t), manners, nil)
	nc, err := nats.Connect(n.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	for _, body := range []string{
		`{"request":{}}`, `{}`, `{"fullMethod":"","request":{}}`, `{"fullMethod":7,"request":{}}`, `{"fullMethod":"acme.S/None","request":7}`,
		`{"request":7,"fullMethod":"x"}`, `{"request":7}`, `{"instanceID":"other","request":{}}`, `{"request":{},"orgID":7}`,
		`{"fullMethod":"x","instanceID":"other","request":{}}`, `{"fullmethod":"/acme.S/None","request":{}}`, `{"fullMethod":null,"request":{}}`,
		`{"fullMethod":"/acme.S/None","request":{}}`,
	} {
		resp, err := http.Post(n.HTTPURL()+"/v1/instances/default/calls/request", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		_ = resp.Body.Close()
		m, err := nc.Request("callout.call.default.request.acme.S.None", []byte(body), 5*time.Second)
		require.NoError(t, err)
		require.Equal(t, strings.TrimSuffix(string(raw), "\n"), string(m.Data), body)
		status := m.Header.Get("Callout-Status")
		if status == "" {
			status = "200"
		}
		require.Equal(t, fmt.Sprint(resp.StatusCode), status, body)
	}
	m, err := nc.Request("callout.call.default.request.acme.S.None", []byte(`{"fullMethod":"/acme.S/Other","request":{}}`), 5*time.Second)
	require.NoError(t, err)
	require.Contains(t, string(m.Data), `"code":"mismatch"`)
}

package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	tg := newPlatform(t)
	p := dev(t, tg, configuration(t, fill(tg, platform)), "--data", "")
	const (
		good     = `{"aggregateID":"u1","event_type":"user.added"}`
		events   = "/v1/instances/default/events"
		requests = "/v1/instances/default/calls/request"
	)
	large := strings.Repeat("x", 1<<20)
	for _, tt := range []struct {
		name, path, body string
		header           map[string]string
		status           int
		code, field      string
	}{
		{"not JSON", events, `{"aggregateID":`, nil, 400, "malformed", ""},
		{"a member twice", events, `{"aggregateID":"a","aggregateID":"b","event_type":"user.added"}`, nil, 400, "malformed", ""},
		{"no body", events, ``, nil, 400, "malformed", ""},
		{"nested too deep", events, `{"aggregateID":"a","event_type":"user.added","event_payload":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}`, nil, 400, "too_deep", ""},
		{"no aggregate", events, `{"event_type":"user.added"}`, nil, 400, "bad_field", "aggregateID"},
		{"no event type", events, `{"aggregateID":"u1"}`, nil, 400, "bad_field", "event_type"},
		{"a wildcard as event type", events, `{"aggregateID":"u1","event_type":"user.*"}`, nil, 400, "bad_field", "event_type"},
		{"another instance in the body", events, `{"aggregateID":"u1","instanceID":"other","event_type":"user.added"}`, nil, 400, "mismatch", "instanceID"},
		{"payload too large", events, `{"aggregateID":"u1","event_type":"user.added","event_payload":"` + large + `"}`, nil, 413, "too_large", "event_payload"},
		{"array too large", events, "[" + strings.Repeat(`{"x":"`+large[:1<<19]+`"},`, 20) + "{}]", nil, 413, "too_large", ""},
		{"unknown instance", "/v1/instances/other/events", good, nil, 404, "unknown_instance", ""},
		{"unknown path", "/v1/instances/default/event", good, nil, 404, "not_found", ""},
		{"another type of content", events, good, map[string]string{"Content-Type": "text/plain"}, 415, "forbidden", "Content-Type"},
		{"a form", events, good, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415, "forbidden", "Content-Type"},
		{"another host", events, good, map[string]string{"Host": "evil.example"}, 403, "forbidden", "Host"},
		{"another origin", events, good, map[string]string{"Origin": "https://evil.example"}, 403, "forbidden", "Origin"},
		{"no origin at all", events, good, map[string]string{"Origin": "null"}, 403, "forbidden", "Origin"},
		{"call without a method", requests, `{"request":{}}`, nil, 400, "bad_field", "fullMethod"},
		{"call without an object", requests, `{"fullMethod":"/a.S/M"}`, nil, 400, "bad_field", "request"},
		{"call with another instance", requests, `{"fullMethod":"/a.S/M","instanceID":"other","request":{}}`, nil, 400, "mismatch", "instanceID"},
		{"call of an unknown instance", "/v1/instances/other/calls/request", addUser, nil, 404, "unknown_instance", ""},
		{"object too large", requests, `{"fullMethod":"/a.S/M","request":{"x":"` + large + `"}}`, nil, 413, "too_large", "request"},
		{"body too large", requests, `{"fullMethod":"/a.S/M","request":{},"x":"` + large + large + large + `"}`, nil, 413, "too_large", ""},
		{"deadline that is no time", requests, addUser, map[string]string{"Callout-Timeout": "soon"}, 400, "bad_field", "Callout-Timeout"},
		{"function that names another", "/v1/instances/default/calls/functions/a", `{"function":"function/b"}`, nil, 400, "mismatch", "function"},
		{"function that cannot be", "/v1/instances/default/calls/functions/a%20b", `{}`, nil, 400, "bad_field", "function"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := send(t, http.MethodPost, p.ready["http"]+tt.path, tt.body, tt.header)
			require.Equal(t, tt.status, got.status, got.body)
			require.Equal(t, "application/json", got.header.Get("Content-Type"))
			refusal := refused(t, got.body)
			require.Equal(t, tt.code, refusal.Code)
			require.Equal(t, tt.field, refusal.Field)
			require.NotEmpty(t, refusal.Message)
		})
	}
	for _, method := range []string{"", "/", "a.S/M", "/a.S", "/a.S/", "//M", "/a.S/*", "/*", "*", "/a..S/M", "/a.S/M/N", "/a.S/M ", "/a.S/Größe", "/a.S/M\n", "/a.S/" + strings.Repeat("M", 251)} {
		t.Run("wrong method "+method, func(t *testing.T) {
			quoted, err := json.Marshal(method)
			require.NoError(t, err)
			got := post(t, p.ready["http"]+requests, `{"fullMethod":`+string(quoted)+`,"request":{}}`)
			require.Equal(t, 400, got.status, got.body)
			refusal := refused(t, got.body)
			require.Equal(t, []string{"bad_field", "fullMethod"}, []string{refusal.Code, refusal.Field})
		})
	}
	t.Run("another verb", func(t *testing.T) {
		got := send(t, http.MethodGet, p.ready["http"]+events, "", nil)
		require.Equal(t, []any{405, "POST"}, []any{got.status, got.header.Get("Allow")})
		require.Equal(t, "forbidden", refused(t, got.body).Code)
	})
	t.Run("this machine by its other names", func(t *testing.T) {
		for _, host := range []string{"localhost", "localhost:8080", "[::1]:8080"} {
			got := send(t, http.MethodPost, p.ready["http"]+events, good, map[string]string{"Host": host, "Origin": "http://" + host})
			require.Equal(t, 202, got.status, got.body)
		}
	})
	for _, a := range tg.awaitCount(t, 3) {
		require.Equal(t, good, a.body, "nothing that was refused is delivered")
	}
}

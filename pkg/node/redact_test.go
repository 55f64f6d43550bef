package node_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

const redactConfig = `
targets:
  merges: {type: call, url: HOOKS/merges, redact: [/request/password, "/request/keys/*/secret", /headers]}
  replaces: {type: call, url: HOOKS/replaces, mapping: replace, redact: [/request/password]}
  sets: {type: call, url: HOOKS/sets, redact: [/request/password]}
  trusted: {type: call, url: HOOKS/trusted}
  later: {type: async, url: HOOKS/later, redact: [/request]}
  refuses: {type: call, url: HOOKS/refuses, mask: [/request/password], interrupt_on_error: true}
  event: {type: webhook, url: HOOKS/event, redact: [/event_payload/password, /userID]}
  structured: {type: webhook, url: HOOKS/structured, payload: cloudevents, redact: [/event_payload/password]}
  fails: {type: webhook, url: HOOKS/fails, mask: [/event_payload], retry: {attempts: 1}}
requests:
  /acme.S/Do: {targets: [{target: merges}, {target: replaces}, {target: trusted}, {target: later}]}
  /acme.S/Set: {targets: [{target: sets}, {target: trusted}]}
  /acme.S/Refuse: {targets: [{target: refuses}]}
events:
  "*": {targets: [{target: event}, {target: structured}, {target: fails}]}
`

// logged is what processes log, at every level.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const (
	hunter  = "hunter2-\u00fc" // what nobody but who may see it gets
	within1 = `{"name":"Ada","password":"hunter2-\u00fc","keys":[{"id":1,"secret":"hunter2-\u00fc"}]}`
)

// TestRedacted: what a target must not see is in nothing that is sent to it, its answer
// does not take it away, and logs and what is kept of answers hold nothing of a body that
// is masked.
func TestRedacted(t *testing.T) {
	t.Parallel()
	hooks, log := newTargets(t), &logged{}
	hooks.shownLess = true
	r := run(t, hooks, redactConfig, func(o *node.Options) { o.Log = zerolog.New(log).Level(zerolog.TraceLevel) })
	hooks.answer("merges", status(200, `{"name":"Bob"}`))
	hooks.answer("replaces", status(200, `{"name":"Carl","keys":[]}`))
	hooks.answer("sets", status(200, `{"password":"better"}`))
	echo := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"forwardedErrorMessage":"not `+hunter+`","password":"hunter2-\u00fc"}`)
		}
	}
	hooks.answer("refuses", echo(403))
	hooks.answer("fails", echo(500))
	call := func(method string) (string, error) {
		changed, _, err := r.client.Intercept(within(t, 20*time.Second), action.Request, callout.Call{Method: method, OrgID: "acme", Request: []byte(within1),
			Headers: http.Header{"Authorization": {"Bearer " + hunter}}}, nil)
		return string(changed), err
	}
	seen := func(name string) string {
		all := hooks.await(t, name, 1)
		return all[len(all)-1].body
	}

	changed, err := call("/acme.S/Do")
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"Carl","keys":[],"password":"hunter2-\u00fc"}`, changed, "the password is there, as it was")
	require.JSONEq(t, changed, requestOf(t, seen("trusted")), "who may see it does")
	require.JSONEq(t, `{"name":"Ada","keys":[{"id":1}]}`, requestOf(t, seen("merges")))
	require.NotContains(t, seen("merges"), `"headers"`)
	require.Contains(t, seen("merges"), `"orgID":"acme"`)
	require.JSONEq(t, `{"name":"Bob","keys":[{"id":1,"secret":"hunter2-\u00fc"}]}`, requestOf(t, seen("replaces")))
	require.NotContains(t, seen("later"), `"request"`)

	changed, err = call("/acme.S/Set")
	require.NoError(t, err)
	require.JSONEq(t, `{"name":"Ada","password":"better","keys":[{"id":1,"secret":"hunter2-\u00fc"}]}`, changed)

	_, err = call("/acme.S/Refuse")
	require.ErrorContains(t, err, "not "+hunter, "the caller hears what the target says")

	e := event("u1", "user.added", 1)
	e.UserID, e.Payload = "admin", []byte(within1)
	r.publish(t, e)
	require.NotContains(t, seen("event"), "password")
	require.NotContains(t, seen("event"), "userID")
	require.Contains(t, seen("event"), `"name":"Ada"`)
	require.NotContains(t, seen("structured"), "password")
	require.Contains(t, seen("structured"), `"userID":"admin"`)
	letter := r.deadLetters(t, 1)[0]
	require.Equal(t, "fails", letter.Target)
	require.Contains(t, letter.LastAnswer.Body, `"password":"***"`)
	require.NotContains(t, letter.LastAnswer.Body, "hunter2")
	r.drained(t)
	require.Contains(t, log.String(), `"verdict":"rejected"`, "it is logged")
	require.NotContains(t, log.String(), "hunter2", "no line holds anything of a body")
	require.NotContains(t, log.String(), "Ada")
}

// requestOf is the request in the body of a call.
func requestOf(t *testing.T, body string) string {
	t.Helper()
	var of struct{ Request json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(body), &of), body)
	return strings.TrimSpace(string(of.Request))
}

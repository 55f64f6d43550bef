package node_test

import (
	"fmt"
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
	"github.com/callout-hq/callout/pkg/wire"
)

// differencesConfig has one service for each thing that is known to go wrong
// in ZITADEL's actions.
const differencesConfig = `
targets:
  deleted: {type: webhook, url: HOOKS/deleted}
  users: {type: webhook, url: HOOKS/users}
  call: {type: call, url: HOOKS/it}
  replace: {type: call, url: HOOKS/it, mapping: replace}
  interrupts: {type: call, url: HOOKS/it, interrupt_on_error: true}
  dead: {type: call, url: "http://127.0.0.1:1/secret-path", interrupt_on_error: true}
  handshake: {type: call, url: HTTPS/secret-path, interrupt_on_error: true}
  next: {type: webhook, url: HOOKS/next}
  twice: {type: webhook, url: HOOKS/twice}
  org: {type: webhook, url: HOOKS/org}
requests:
  /z.User/DeleteUser: {targets: [{target: deleted}]}
  z.User: {targets: [{target: users}]}
  /z.Call/It: {targets: [{target: call}, {target: next}]}
  /z.Replace/It: {targets: [{target: replace}, {target: next}]}
  /z.Interrupts/It: {targets: [{target: interrupts}]}
  /z.Dead/It: {targets: [{target: dead}]}
  /z.Handshake/It: {targets: [{target: handshake}]}
  common: {targets: [{target: twice}]}
  outer: {targets: [{include: common}, {target: next}]}
  /z.Includes/It: {targets: [{include: common}, {include: outer}, {target: twice}]}
orgs:
  acme: {requests: {z.User: {targets: [{target: org}]}}}
`

// differences are the points of calls in which ZITADEL's actions are known to
// go wrong, each by its name, and how it goes here.
var differences = []struct {
	name string
	test func(*testing.T, *differing)
}{
	{"prefix matching without segment boundaries", func(t *testing.T, d *differing) {
		for method, want := range map[string]string{
			"/z.User/DeleteUser": "deleted", "/z.User/DeleteUserMetadata": "users", "/z.User/Delete": "users",
			"/z.UserGrant/DeleteUser": "", "/z.Use/DeleteUser": "", "/z.User.v2/DeleteUser": "", "/y.z.User/DeleteUser": "",
		} {
			before := map[string]int{"deleted": len(d.hooks.got("deleted")), "users": len(d.hooks.got("users"))}
			result := d.request(t, method, `{}`)
			require.Equal(t, action.Continue, result.Outcome)
			for name, n := range before {
				require.Equal(t, want == name, len(d.hooks.got(name)) > n, "%s fires %s", method, name)
			}
		}
	}},
	{"includes were withdrawn", func(t *testing.T, d *differing) {
		seen, next := len(d.hooks.got("twice")), len(d.hooks.got("next"))
		result := d.request(t, "/z.Includes/It", `{}`)
		var order []string
		for _, s := range result.Steps {
			order = append(order, s.Target)
		}
		require.Equal(t, []string{"twice", "twice", "next", "twice"}, order, "nested, in their place, twice if listed twice")
		require.Len(t, d.hooks.got("twice")[seen:], 3)
		require.Len(t, d.hooks.got("next")[next:], 1)
	}},
	{"{} erases every field", func(t *testing.T, d *differing) {
		d.hooks.answer("it", asJSON(`{}`))
		for _, method := range []string{"/z.Call/It", "/z.Replace/It"} {
			d.unharmed(t, method)
		}
	}},
	{"an unknown field leaves the message half reset", func(t *testing.T, d *differing) {
		d.hooks.answer("it", asJSON(`{"noSuchField":true}`))
		result := d.request(t, "/z.Call/It", outcomeBefore)
		require.Equal(t, `{"a":1.0,"b":9007199254740993,"noSuchField":true}`, string(result.Object))
	}},
	{"the handler runs on the wreck of a failed answer", func(t *testing.T, d *differing) {
		for _, broken := range []string{`{"a":7,"a":8}`, `{"a":7`, `[7]`, `null`, "{\"a\":\"\xff\"}"} {
			d.hooks.answer("it", asJSON(broken))
			for _, method := range []string{"/z.Call/It", "/z.Replace/It"} {
				require.Equal(t, action.CodeAnswerMalformed, d.unharmed(t, method).Warnings[0].Code)
			}
		}
	}},
	{"only 400, 401, 403, 404, 409 and 429 are forwarded", func(t *testing.T, d *differing) {
		for code := 400; code <= 499; code++ {
			d.hooks.answer("it", asJSON(fmt.Sprintf(`{"forwardedStatusCode":%d,"forwardedErrorMessage":"because %d"}`, code, code)))
			result := d.request(t, "/z.Interrupts/It", `{}`)
			require.Equal(t, action.Rejected, result.Outcome)
			require.Equal(t, []any{code, fmt.Sprintf("because %d", code)}, []any{result.Error.Status, result.Error.Message})
		}
		for _, code := range []int{1, 200, 302, 399, 500, 503, 999, -1} {
			d.hooks.answer("it", asJSON(fmt.Sprintf(`{"forwardedStatusCode":%d,"forwardedErrorMessage":"m"}`, code)))
			require.Equal(t, 400, d.request(t, "/z.Interrupts/It", `{}`).Error.Status, code)
		}
	}},
	{"network errors hand out the target's URL and address", func(t *testing.T, d *differing) {
		d.hooks.answer("it", breakOff)
		for method, code := range map[string]action.Code{"/z.Dead/It": action.CodeConnect, "/z.Handshake/It": action.CodeTLS, "/z.Interrupts/It": action.CodeAnswerBroken} {
			result := d.request(t, method, `{}`)
			require.Equal(t, action.Failed, result.Outcome)
			require.Equal(t, code, result.Error.Code)
			shown := fmt.Sprintf("%+v %+v", result, *result.Error)
			for _, private := range []string{"127.0.0.1", "secret-path", "http", "dial", d.hooks.URL[len("http://"):]} {
				require.NotContains(t, shown, private)
			}
		}
	}},
	{"one slow target delays every tenant", func(t *testing.T, d *differing) {
		release, held := make(chan struct{}), make(chan struct{}, 64)
		d.hooks.answer("it", func(http.ResponseWriter, *http.Request) { held <- struct{}{}; <-release })
		var slow sync.WaitGroup
		defer slow.Wait()
		defer close(release)
		for range 64 {
			slow.Go(func() {
				_, _ = d.client.Request(within(t, 5*time.Second), callout.Call{Method: "/z.Call/It", Request: []byte(`{}`)})
			})
		}
		for range 64 {
			<-held
		}
		for range 20 {
			began := time.Now()
			require.Equal(t, action.Continue, d.request(t, "/z.User/DeleteUser", `{}`).Outcome)
			require.Less(t, time.Since(began), time.Second)
		}
	}},
	{"no organizations", func(t *testing.T, d *differing) {
		for org, want := range map[string]int{"acme": 1, "other": 0, "": 0} {
			seen := len(d.hooks.got("org"))
			_, err := d.client.Request(within(t, 5*time.Second), callout.Call{Method: "/z.User/Get", OrgID: org, Request: []byte(`{}`)})
			require.NoError(t, err)
			require.Len(t, d.hooks.got("org")[seen:], want, "organization %q", org)
		}
	}},
	{"executions do not fire at once after being set", func(t *testing.T, d *differing) {
		for i := range 10 {
			method := fmt.Sprintf("/z.Fresh/M%d", i)
			d.apply(t, d.hooks, strings.Replace(differencesConfig, "requests:", "requests:\n  "+method+": {targets: [{target: next}]}", 1))
			require.Equal(t, 1, d.fires(t, method))
		}
	}},
	{"a name must resolve when it is configured", func(t *testing.T, d *differing) {
		d.apply(t, d.hooks, "targets: {later: {type: call, url: 'https://not-there-yet.invalid/x'}}\nrequests: {/z.Later/It: {targets: [{target: later}]}}")
	}},
}

// differing is a node under differencesConfig.
type differing struct {
	*running
	hooks *targets
}

func (d *differing) request(t *testing.T, method, object string) action.Result {
	t.Helper()
	result, err := d.client.Request(within(t, 5*time.Second), callout.Call{Method: method, Request: []byte(object)})
	require.NoError(t, err)
	return result
}

// unharmed calls a method whose second target is next, and sees to it that the
// object is as it was, for that target and for the caller.
func (d *differing) unharmed(t *testing.T, method string) action.Result {
	t.Helper()
	seen := len(d.hooks.got("next"))
	result := d.request(t, method, outcomeBefore)
	require.Equal(t, action.Continue, result.Outcome)
	require.Nil(t, result.Object)
	got := d.hooks.got("next")[seen:]
	require.Len(t, got, 1)
	require.Contains(t, got[0].body, `"request":`+outcomeBefore)
	return result
}

// fires calls a method over HTTP at once, and tells how many targets were
// called.
func (d *differing) fires(t *testing.T, method string) int {
	t.Helper()
	body := fmt.Sprintf(`{"fullMethod":%q,"request":{}}`, method)
	resp, err := http.Post(d.HTTPURL()+"/v1/instances/default/calls/request", "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	result, err := wire.DecodeReply(raw)
	require.NoError(t, err, "%s", raw)
	return len(result.Steps)
}

func TestWhatGoesWrongElsewhere(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	d := &differing{running: run(t, hooks, differencesConfig, func(o *node.Options) { o.Log = zerolog.Nop() }), hooks: hooks}
	for _, point := range differences {
		t.Run(point.name, func(t *testing.T) { point.test(t, d) })
	}
}

package node_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog/file"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/wire"
)

// chainConfig has one method for every kind and interrupt, each with a second
// target that shows what the next one sees.
const chainConfig = `
targets:
  next: {type: webhook, url: HOOKS/next}
  call: {type: call, url: HOOKS/it, timeout: 300ms}
  call_interrupts: {type: call, url: HOOKS/it, timeout: 300ms, interrupt_on_error: true}
  webhook: {type: webhook, url: HOOKS/it, timeout: 300ms}
  webhook_interrupts: {type: webhook, url: HOOKS/it, timeout: 300ms, interrupt_on_error: true}
  async: {type: async, url: HOOKS/it, timeout: 300ms, interrupt_on_error: true, retry: {initial: 10ms, max: 10ms, attempts: 1}}
requests:
  /t.S/call: {targets: [{target: call}, {target: next}]}
  /t.S/call_interrupts: {targets: [{target: call_interrupts}, {target: next}]}
  /t.S/webhook: {targets: [{target: webhook}, {target: next}]}
  /t.S/webhook_interrupts: {targets: [{target: webhook_interrupts}, {target: next}]}
  /t.S/async: {targets: [{target: async}, {target: next}]}
`

func TestChain(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, chainConfig, nil)
	const before = `{"a":1.0,"b":9007199254740993}`
	hang := func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
	for _, c := range []struct {
		name    string
		method  string
		answer  http.HandlerFunc
		outcome action.Outcome
		object  string      // after the call; empty = unchanged
		code    action.Code // of the error or the warning
		status  int
		next    string // what the next target saw; empty = it was not called
	}{
		{"call: object merges", "call", status(200, `{"a":2}`), action.Continue, `{"a":2,"b":9007199254740993}`, "", 0, `{"a":2,"b":9007199254740993}`},
		{"call: {} changes nothing", "call", status(200, `{}`), action.Continue, "", "", 0, before},
		{"call: empty body changes nothing", "call", status(200, ``), action.Continue, "", "", 0, before},
		{"call: 500 is a warning", "call", status(500, `{"a":2}`), action.Continue, "", action.CodeStatus, 502, before},
		{"call: 500 interrupts", "call_interrupts", status(500, `{"a":2}`), action.Failed, "", action.CodeStatus, 502, ""},
		{"call: hang is a warning", "call", hang, action.Continue, "", action.CodeTimeout, 504, before},
		{"call: hang interrupts", "call_interrupts", hang, action.Failed, "", action.CodeTimeout, 504, ""},
		{"call: forwarded is a warning", "call", status(200, `{"forwardedStatusCode":422,"forwardedErrorMessage":"no","a":9}`), action.Continue, "", action.CodeRejected, 422, before},
		{"call: forwarded interrupts", "call_interrupts", status(200, `{"forwardedStatusCode":422,"forwardedErrorMessage":"no"}`), action.Rejected, "", action.CodeRejected, 422, ""},
		{"call: null", "call_interrupts", status(200, `null`), action.Failed, "", action.CodeAnswerMalformed, 502, ""},
		{"call: duplicate keys", "call_interrupts", status(200, `{"a":1,"a":2}`), action.Failed, "", action.CodeAnswerMalformed, 502, ""},
		{"webhook: body is not read", "webhook", status(200, `{"a":2}`), action.Continue, "", "", 0, before},
		{"webhook: 500 is a warning", "webhook", status(500, ``), action.Continue, "", action.CodeStatus, 502, before},
		{"webhook: 500 interrupts", "webhook_interrupts", status(500, ``), action.Failed, "", action.CodeStatus, 502, ""},
		{"webhook: forwarded interrupts", "webhook_interrupts", status(200, `{"forwardedErrorMessage":"closed today"}`), action.Rejected, "", action.CodeRejected, 400, ""},
		{"webhook: redirect interrupts", "webhook_interrupts", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/next", http.StatusFound) }, action.Failed, "", action.CodeRedirect, 502, ""},
		{"async: its answer does not matter", "async", status(500, ``), action.Continue, "", "", 0, before},
	} {
		t.Run(c.name, func(t *testing.T) {
			hooks.answer("it", c.answer)
			seen := len(hooks.got("next"))
			result, err := r.client.Request(within(t, 5*time.Second), callout.Call{Method: "/t.S/" + c.method, OrgID: "acme", Request: []byte(before)})
			require.NoError(t, err)
			require.Equal(t, c.outcome, result.Outcome, "%+v", result)
			require.Equal(t, c.object, string(result.Object))
			require.Equal(t, uint64(1), result.Revision)
			switch {
			case c.code == "":
				require.Nil(t, result.Error)
				require.Empty(t, result.Warnings)
			case c.outcome == action.Continue:
				require.Nil(t, result.Error)
				require.Len(t, result.Warnings, 1)
				require.Equal(t, []any{c.code, c.status, c.method}, []any{result.Warnings[0].Code, result.Warnings[0].Status, result.Warnings[0].Target})
			default:
				require.Equal(t, []any{c.code, c.status, c.method}, []any{result.Error.Code, result.Error.Status, result.Error.Target})
				require.NotContains(t, result.Error.Message, "127.0.0.1")
			}
			got := hooks.got("next")[seen:]
			if c.next == "" {
				require.Empty(t, got)
				require.Len(t, result.Steps, 1)
				return
			}
			require.Len(t, got, 1)
			require.Equal(t, `{"fullMethod":"/t.S/`+c.method+`","instanceID":"default","orgID":"acme","request":`+c.next+`}`, got[0].body)
			require.Len(t, result.Steps, 2)
		})
	}
}

func TestFunctionGathersWhatItsTargetsReturn(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answer("one", status(200, `{"append_claims":[{"key":"a","value":1}]}`))
	hooks.answer("two", status(200, `{"append_log_claims":["x"]}`))
	r := run(t, hooks, `
targets:
  one: {type: call, url: HOOKS/one}
  two: {type: call, url: HOOKS/two}
function:
  create_id_token: {targets: [{target: one}, {target: two}]}
`, nil)
	result, err := r.client.Function(within(t, 5*time.Second), "create_id_token", []byte(`{"user":{"id":"u1"}}`))
	require.NoError(t, err)
	require.Equal(t, `{"append_claims":[{"key":"a","value":1}],"append_log_claims":["x"]}`, string(result.Object))
	require.Equal(t, `{"function":"function/create_id_token","user":{"id":"u1"}}`, hooks.got("one")[0].body)
	require.Equal(t, `{"function":"function/create_id_token","user":{"id":"u1"},"response":{"append_claims":[{"key":"a","value":1}]}}`, hooks.got("two")[0].body)

	result, err = r.client.Function(within(t, 5*time.Second), "another", []byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, action.Result{Outcome: action.Continue, Revision: 1}, result)
	_, err = r.client.Function(within(t, 5*time.Second), "create_id_token", []byte(`[]`))
	require.Equal(t, action.CodeMalformed, action.CodeOf(err))
}

func TestResponseChangesTheResponse(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answer("it", status(200, `{"details":{"x":1}}`))
	r := run(t, hooks, "targets: {it: {type: call, url: HOOKS/it}}\nresponses: {'*': {targets: [{target: it}]}}", nil)
	result, err := r.client.Response(within(t, 5*time.Second), callout.Call{Method: "/t.S/M", Request: []byte(`{"q":1}`), Response: []byte(`{"details":{}}`)})
	require.NoError(t, err)
	require.Equal(t, `{"details":{"x":1}}`, string(result.Object))
	require.Equal(t, `{"fullMethod":"/t.S/M","instanceID":"default","request":{"q":1},"response":{"details":{}}}`, hooks.got("it")[0].body)
}

// TestCallerDeadlineEndsTheChain has three targets that each take longer than
// the caller has.
func TestCallerDeadlineEndsTheChain(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answer("slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	r := run(t, hooks, "targets: {slow: {type: call, url: HOOKS/slow, timeout: 10s}}\nrequests: {'*': {targets: [{target: slow}, {target: slow}, {target: slow}]}}", nil)
	began := time.Now()
	result, err := r.client.Request(within(t, 300*time.Millisecond), callout.Call{Method: "/t.S/M", Request: []byte(`{}`)})
	require.NoError(t, err)
	require.Equal(t, action.Failed, result.Outcome, "never an empty success")
	require.Less(t, time.Since(began), 2*time.Second)
	require.Len(t, hooks.got("slow"), 1)
}

func TestAsyncIsDeliveredAfterwardsAndRetried(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	release := make(chan struct{})
	hooks.answerHere("later", func(w http.ResponseWriter, _ *http.Request) {
		<-release
		if len(hooks.got("later")) < 3 {
			w.WriteHeader(503)
		}
	})
	r := run(t, hooks, "targets: {later: {type: async, url: HOOKS/later, retry: {initial: 10ms, max: 20ms}}}\nrequests: {'*': {targets: [{target: later}]}}", nil)
	result, err := r.client.Request(within(t, 5*time.Second), callout.Call{Method: "/t.S/M", Request: []byte(`{"a":1}`)})
	require.NoError(t, err)
	require.Equal(t, action.StepStored, result.Steps[0].Outcome, "the answer did not wait")
	close(release)
	arrivals := hooks.await(t, "later", 3)
	for i, a := range arrivals {
		require.Equal(t, `{"fullMethod":"/t.S/M","instanceID":"default","request":{"a":1}}`, a.body)
		require.Equal(t, arrivals[0].header.Get("Callout-Delivery-Id"), a.header.Get("Callout-Delivery-Id"))
		require.Equal(t, []string{"1", "2", "3"}[i], a.header.Get("Callout-Attempt"))
	}
	r.drained(t)
	require.Empty(t, r.deadLetters(t, 0))
}

func TestNoWorkerIsUnavailableUnlessItMayGoOn(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, `
targets:
  soft: {type: webhook, url: HOOKS/soft}
  hard: {type: webhook, url: HOOKS/hard, interrupt_on_error: true}
requests:
  /t.S/hard: {targets: [{target: hard}]}
  /t.S/soft: {targets: [{target: soft}]}
  /t.S/anyway: {targets: [{target: hard}], on_unavailable: continue}
  /t.S/strict: {targets: [{target: soft}], on_unavailable: fail}
`, func(o *node.Options) { o.WithoutWorker = true })
	for method, outcome := range map[string]action.Outcome{"hard": action.Unavailable, "soft": action.Continue, "anyway": action.Continue, "strict": action.Unavailable, "none": action.Continue} {
		began := time.Now()
		result, err := r.client.Request(within(t, 5*time.Second), callout.Call{Method: "/t.S/" + method, Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, outcome, result.Outcome, method)
		require.Equal(t, outcome == action.Continue && method != "none", len(result.Warnings) == 1, "going on is told: %s", method)
		require.Less(t, time.Since(began), time.Second)
	}
}

// TestACallToAnInstanceThatIsNew: who names its revision has seen it. The worker
// that has not yet waits for it.
func TestACallToAnInstanceThatIsNew(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	r := run(t, hooks, "", nil)
	nc, err := nats.Connect(r.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	m := nats.NewMsg("callout.call.late.request.t.S.M")
	m.Data = []byte(`{"fullMethod":"/t.S/M","request":{}}`)
	m.Header.Set(wire.HeaderMinRevision, "1")
	answered := make(chan *nats.Msg, 1)
	inbox, err := nc.Subscribe("_INBOX.late.answer", func(m *nats.Msg) { answered <- m })
	require.NoError(t, err)
	m.Reply = inbox.Subject
	require.NoError(t, nc.PublishMsg(m))
	require.NoError(t, nc.Flush())
	select {
	case m := <-answered:
		require.Fail(t, "nobody waits", "%s", m.Data)
	case <-time.After(100 * time.Millisecond):
	}
	s, problems := file.Parse("late.yaml", []byte("instance: late\n"+hooks.written("targets: {it: {type: webhook, url: HOOKS/it}}\nrequests: {'*': {targets: [{target: it}]}}")))
	require.NotNil(t, s, "%v", problems)
	_, err = r.Dispatcher().Instance("late").Apply(within(t, 10*time.Second), s)
	require.NoError(t, err)
	select {
	case m := <-answered:
		require.Contains(t, string(m.Data), `"outcome":"continue"`)
	case <-time.After(10 * time.Second):
		require.Fail(t, "no answer")
	}
	require.Len(t, hooks.await(t, "it", 1), 1)
}

package node_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/contract"
	"github.com/callout-hq/callout/pkg/contract/contracttest"
)

const contractConfig = `
targets:
  change: {type: call, url: HOOKS/change}
  deny: {type: call, url: HOOKS/deny, interrupt_on_error: true}
  hook: {type: webhook, url: HOOKS/hook, signature: [standard, standard_v1a, zitadel]}
  structured: {type: webhook, url: HOOKS/structured, payload: cloudevents}
  later: {type: async, url: HOOKS/later}
requests:
  /acme.S/Do: {targets: [{target: change}, {target: hook}, {target: later}]}
  /acme.S/Deny: {targets: [{target: deny}]}
responses:
  /acme.S/Do: {targets: [{target: change}, {target: hook}, {target: later}]}
functions:
  create_id_token: {targets: [{target: change}, {target: later}]}
events:
  "*": {targets: [{target: hook}, {target: structured}, {target: later}]}
`

// heldTo holds what arrived against the contract: its body against its schema, and its
// headers against those that there are.
func heldTo(t *testing.T, a arrival) contract.Kind {
	t.Helper()
	var what struct {
		FullMethod  *string         `json:"fullMethod"`
		Function    *string         `json:"function"`
		EventType   *string         `json:"event_type"`
		SpecVersion *string         `json:"specversion"`
		Response    json.RawMessage `json:"response"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &what))
	body, kind := "RequestCall", contract.OfCall
	switch {
	case what.Function != nil:
		body = "FunctionCall"
	case what.SpecVersion != nil:
		body, kind = "CloudEvent", contract.OfEvent
	case what.EventType != nil:
		body, kind = "Event", contract.OfEvent
	case what.Response != nil:
		body = "ResponseCall"
	}
	if a.target == "later" && kind == contract.OfCall {
		kind = contract.OfAsync
	}
	require.NoError(t, contracttest.Check(body, []byte(a.body)), "%s to %s: %s", body, a.target, a.body)
	for _, h := range contract.Headers {
		values := a.header.Values(h.Name)
		switch {
		case h.Of&kind == 0:
			require.Empty(t, values, "%s of %s", h.Name, body)
		case h.Always:
			require.Len(t, values, 1, "%s of %s", h.Name, body)
		}
		if len(values) == 1 {
			schema, err := json.Marshal(h.Schema)
			require.NoError(t, err)
			check, err := contracttest.CheckBy(schema, "")
			require.NoError(t, err)
			value, err := json.Marshal(values[0])
			require.NoError(t, err)
			require.NoError(t, check(value), "%s: %s", h.Name, value)
		}
	}
	for name := range a.header {
		ours := strings.HasPrefix(name, "Callout-") || strings.HasPrefix(name, "Ce-") || strings.HasPrefix(name, "Webhook-")
		require.True(t, !ours || slices.ContainsFunc(contract.Headers, func(h contract.Header) bool { return h.Canonical() == name }), "%s is in no document", name)
	}
	return kind
}

// sent posts to a node, and holds the answer against its schema.
func (r *running) sent(t *testing.T, path, body, media string, status int, schema string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, 30*time.Second), http.MethodPost, r.HTTPURL()+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", media)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, status, resp.StatusCode, "%s", raw)
	require.NoError(t, contracttest.Check(schema, raw), "%s: %s", path, raw)
}

// TestWhatIsSentIsInTheContract: every body that a target gets, whichever way its core
// came, and every answer that a core gets, is as its schema says.
func TestWhatIsSentIsInTheContract(t *testing.T) {
	hooks := newTargets(t)
	hooks.answer("change", asJSON(`{"displayName":"Ada"}`))
	hooks.answer("deny", asJSON(`{"forwardedStatusCode":422,"forwardedErrorMessage":"no"}`))
	r := run(t, hooks, contractConfig, nil)
	ctx := within(t, time.Minute)
	call := callout.Call{Method: "/acme.S/Do", OrgID: "acme", UserID: "u1", Headers: map[string][]string{"user-agent": {"a"}}, Request: []byte(`{"givenName":"Ada"}`)}
	_, err := r.client.Request(ctx, call)
	require.NoError(t, err)
	call.Response = []byte(`{"userId":"u1"}`)
	_, err = r.client.Response(ctx, call)
	require.NoError(t, err)
	_, err = r.client.Function(ctx, "create_id_token", []byte(`{"user":{"id":"u1"}}`))
	require.NoError(t, err)
	r.publish(t, event("u1", "user.added", 1), event("Zürich 1", "orders/create", 2))

	const calls, events = "/v1/instances/default/calls", "/v1/instances/default/events"
	r.sent(t, calls+"/request", `{"fullMethod":"/acme.S/Deny","request":{}}`, "application/json", 200, "RequestReply")
	r.sent(t, calls+"/request", `{"fullMethod":"/acme.S/Other","request":{}}`, "application/json", 200, "RequestReply")
	r.sent(t, calls+"/request", `{"fullMethod":"x","request":{}}`, "application/json", 400, "Refusal")
	r.sent(t, calls+"/response", `{"fullMethod":"/acme.S/Other","response":{}}`, "application/json", 200, "ResponseReply")
	r.sent(t, calls+"/functions/other", `{}`, "application/json", 200, "ResponseReply")
	r.sent(t, events, `[{"id":"e1","aggregateID":"u1","event_type":"user.added","event_payload":[1]}]`, "application/json", 202, "StoredEvents")
	r.sent(t, events, `[{"id":"e1","aggregateID":"u1","event_type":"user.added"}]`, "application/json", 409, "StoredEvents")
	r.sent(t, events, `{"specversion":"1.0","id":"o7","source":"https://shop.example","type":"orders/paid","partitionkey":"a","data":{"n":1}}`, "application/cloudevents+json", 202, "StoredEvents")
	r.overNATS(ctx, t)

	byKind := map[contract.Kind]int{}
	for _, s := range []*targets{hooks, hooks.twin} {
		own := 2
		if s == hooks {
			own = 5 // and what was published beside the client
		}
		s.await(t, "structured", own)
		s.await(t, "hook", own+2)
		s.await(t, "change", 3)
		s.await(t, "later", 3+own)
		for _, a := range s.all() {
			byKind[heldTo(t, a)]++
		}
	}
	require.Len(t, byKind, 3, "%v", byKind)
}

// overNATS says by hand what AsyncAPI tells.
func (r *running) overNATS(ctx context.Context, t *testing.T) {
	t.Helper()
	nc, err := nats.Connect(r.NATSURL())
	require.NoError(t, err)
	defer nc.Close()
	for _, c := range []struct{ subject, body, answer string }{
		{"callout.call.default.request.acme.S.Deny", `{"fullMethod":"/acme.S/Deny","request":{}}`, "RequestReply"},
		{"callout.call.default.response.acme.S.Other", `{"fullMethod":"/acme.S/Other","response":{}}`, "ResponseReply"},
		{"callout.call.default.function.other", `{}`, "ResponseReply"},
		{"callout.call.default.request.acme.S.Do", `{"fullMethod":"/acme.S/Deny","request":{}}`, "Refusal"},
		{"callout.event.default.acme.u1.user.added", `{"aggregateID":"u1","resourceOwner":"acme","event_type":"user.added"}`, "StreamAnswer"},
		{"$KV.callout_declared.default.users", `{"core":"users","methods":["/acme.S/Do"]}`, "StreamAnswer"},
	} {
		m, err := nc.RequestWithContext(ctx, c.subject, []byte(c.body))
		require.NoError(t, err, c.subject)
		require.NoError(t, contracttest.Check(c.answer, m.Data), "%s: %s", c.subject, m.Data)
		require.Equal(t, c.answer == "Refusal", m.Header.Get("Callout-Status") != "", c.subject)
	}
	declared, err := (&catalog.Declaration{Core: "a", Methods: []string{"/acme.S/Do"}, Functions: []string{"f"}, EventTypes: []string{"user.added"}}).Encode()
	require.NoError(t, err)
	require.NoError(t, contracttest.Check("Declaration", declared))
}

package zitadel_test

import (
	"fmt"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// TestEventsWait: what events wait for is not deleted behind their back; who
// deletes says what becomes of them, in either form.
func TestEventsWait(t *testing.T) {
	h := newHooks(t)
	n := run(t, "")
	c := toolFor(n)
	publish := func(eventType string) {
		for i := range 3 {
			status, answer := ask(t, "POST", n.HTTPURL()+"/v1/instances/default/events", fmt.Sprintf(`{"aggregateID":"u","event_type":%q,"sequence":%d}`, eventType, i+1), nil)
			require.Equal(t, 202, status, answer)
		}
	}
	ids, keys := map[string]string{}, map[string]string{}
	for name, eventType := range map[string]string{"drained": "user.added", "discarded": "user.removed", "forced": "user.changed"} {
		h.obey("/"+name, 503, "")
		ids[name], keys[name] = c.target(t, name, "restWebhook", h.URL+"/"+name)
		c.must(t, "PUT", "executions", fmt.Sprintf(`{"condition":{"event":{"event":%q}},"targets":[%q]}`, eventType, ids[name]))
		publish(eventType)
		h.await(t, "/"+name, 1)
	}

	const noAdded, noRemoved = `{"condition":{"event":{"event":"user.added"}}}`, `{"condition":{"event":{"event":"user.removed"}}}`
	message, field := c.refused(t, 400, "PUT", "executions", noAdded)
	require.Contains(t, message, "3 events wait for it")
	require.Equal(t, "waiting", field)
	_, field = c.refused(t, 400, "PUT", "executions?waiting=keep", noAdded)
	require.Equal(t, "waiting", field)
	c.must(t, "PUT", "executions?waiting=drain", noAdded)
	message, _ = c.refused(t, 400, "DELETE", "targets/"+ids["drained"], "")
	require.Contains(t, message, "3 events wait for it")
	h.obey("/drained", 200, "")
	for i := range 3 {
		requireSigned(t, keys["drained"], h.await(t, "/drained", i+2))
	}
	require.Eventually(t, func() bool {
		status, _ := ask(t, "DELETE", c.url+"targets/"+ids["drained"], "", nil)
		return status == 200
	}, bound, lookEvery, "nothing waits any more")

	procedures := n.HTTPURL() + "/zitadel.action.v2.ActionService/"
	status, answer := ask(t, "POST", procedures+"SetExecution", noRemoved, nil)
	require.Equal(t, 400, status, answer)
	require.Contains(t, answer, `"code":"failed_precondition","message":"3 events wait for it`)
	status, answer = ask(t, "POST", procedures+"SetExecution?waiting=discard", noRemoved, nil)
	require.Equal(t, 200, status, answer)
	letters, err := own(t, n).ListDeadLetters(within(t), connect.NewRequest(&calloutv1.ListDeadLettersRequest{}))
	require.NoError(t, err)
	require.Len(t, letters.Msg.GetDeadLetters(), 3)
	c.must(t, "DELETE", "targets/"+ids["discarded"], "")

	message, field = c.refused(t, 400, "DELETE", "targets/"+ids["forced"]+"?force=true", "")
	require.Contains(t, message, "3 events wait for it")
	require.Equal(t, "waiting", field)
	c.must(t, "DELETE", "targets/"+ids["forced"]+"?force=true&waiting=discard", "")
	letters, err = own(t, n).ListDeadLetters(within(t), connect.NewRequest(&calloutv1.ListDeadLettersRequest{}))
	require.NoError(t, err)
	require.Len(t, letters.Msg.GetDeadLetters(), 6)
}

// TestForce takes a target out of what names it.
func TestForce(t *testing.T) {
	c := toolFor(run(t, ""))
	a, _ := c.target(t, "a", "restWebhook", "https://hooks.example.com/a")
	b, _ := c.target(t, "b", "restWebhook", "https://hooks.example.com/b")
	c.must(t, "PUT", "executions", fmt.Sprintf(`{"condition":{"request":{"all":true}},"targets":[%q,%q]}`, a, b))
	message, _ := c.refused(t, 400, "DELETE", "targets/"+a, "")
	require.Contains(t, message, "requests.*", "it says where")
	c.refused(t, 400, "DELETE", "targets/"+a+"?force=false", "")
	_, field := c.refused(t, 400, "DELETE", "targets/"+a+"?force=please", "")
	require.Equal(t, "force", field)
	require.Contains(t, c.must(t, "DELETE", "targets/"+a+"?force=true", ""), "deletionDate")
	found := c.must(t, "POST", "executions/search", `{}`)["executions"].([]any)
	require.Equal(t, []any{b}, found[0].(map[string]any)["targets"])
}

// TestForceInHeaders: gRPC has no parameters, so what they say may stand in headers, in
// every form.
func TestForceInHeaders(t *testing.T) {
	c := toolFor(run(t, ""))
	a, _ := c.target(t, "a", "restWebhook", "https://hooks.example.com/a")
	c.must(t, "PUT", "executions", fmt.Sprintf(`{"condition":{"request":{"all":true}},"targets":[%q]}`, a))
	c.header["Callout-Force"] = "please"
	message, field := c.refused(t, 400, "DELETE", "targets/"+a, "")
	require.Equal(t, "force", field)
	require.Contains(t, message, "Callout-Force")
	c.header["Callout-Force"], c.header["Callout-Waiting"] = "true", "keep"
	message, field = c.refused(t, 400, "DELETE", "targets/"+a, "")
	require.Equal(t, "waiting", field)
	require.Contains(t, message, "Callout-Waiting")
	c.header["Callout-Waiting"] = "discard"
	require.Contains(t, c.must(t, "DELETE", "targets/"+a, ""), "deletionDate")
	require.NotContains(t, c.must(t, "POST", "executions/search", `{}`), "executions")
}

// TestBetaREST: v2beta has the same targets under its own paths, and no payload type.
func TestBetaREST(t *testing.T) {
	n := run(t, "")
	c, beta := toolFor(n), &tool{url: n.HTTPURL() + "/v2beta/actions/", header: map[string]string{}}
	made := beta.must(t, "POST", "targets", `{"name":"a","restCall":{},"timeout":"5s","endpoint":"https://hooks.example.com/a","payloadType":"PAYLOAD_TYPE_JWE"}`)
	id := made["id"].(string)
	require.Equal(t, "PAYLOAD_TYPE_JSON", c.must(t, "GET", "targets/"+id, "")["target"].(map[string]any)["payloadType"], "it is no member of v2beta")
	require.NotContains(t, beta.must(t, "GET", "targets/"+id, "")["target"], "payloadType")
	beta.must(t, "PUT", "executions", `{"condition":{"function":{"name":"f"}},"targets":["`+id+`"]}`)
	require.Len(t, beta.must(t, "POST", "executions/search", `{}`)["executions"], 1)
	beta.refused(t, 404, "POST", "targets/"+id+"/publickeys", `{}`)
}

package zitadel_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
)

// requireSigned checks a signature as a target written for ZITADEL does.
func requireSigned(t *testing.T, key string, a arrival) {
	t.Helper()
	stamp, signature, found := strings.Cut(strings.TrimPrefix(a.header.Get("ZITADEL-Signature"), "t="), ",v1=")
	require.True(t, found, a.header)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(stamp + "." + a.body))
	require.Equal(t, hex.EncodeToString(mac.Sum(nil)), signature)
}

const addUser = "/zitadel.user.v2.UserService/AddHumanUser"

// TestWholeFlow goes from nothing to a changed request and a delivered event
// and back, with nothing but HTTP.
func TestWholeFlow(t *testing.T) {
	h := newHooks(t)
	h.obey("/rename", 200, `{"name":"Grace"}`)
	n := run(t, "")
	c := toolFor(n)
	call := func() string {
		_, answer := ask(t, "POST", n.HTTPURL()+"/v1/instances/default/calls/request", `{"fullMethod":"`+addUser+`","request":{"name":"Ada","age":36}}`, nil)
		return answer
	}
	require.Contains(t, call(), `"steps":[]`)

	rename, renameKey := c.target(t, "rename", "restCall", h.URL+"/rename")
	audit, auditKey := c.target(t, "audit", "restWebhook", h.URL+"/audit")
	require.NotEqual(t, renameKey, auditKey)
	c.must(t, "PUT", "executions", `{"condition":{"request":{"method":"`+addUser+`"}},"targets":["`+rename+`","`+audit+`"]}`)
	require.Contains(t, call(), `"request":{"name":"Grace"}`, "the answer took the place of the whole request")
	requireSigned(t, renameKey, h.await(t, "/rename", 1))
	requireSigned(t, auditKey, h.await(t, "/audit", 1))
	require.Contains(t, h.await(t, "/audit", 1).body, `"request":{"name":"Grace"}`, "the next target saw it")

	c.must(t, "PUT", "executions", `{"condition":{"event":{"group":"user"}},"targets":["`+audit+`"]}`)
	status, answer := ask(t, "POST", n.HTTPURL()+"/v1/instances/default/events", `{"aggregateID":"u1","event_type":"user.human.added","event_payload":{"name":"Ada"}}`, nil)
	require.Equal(t, 202, status, answer)
	delivered := h.await(t, "/audit", 2)
	requireSigned(t, auditKey, delivered)
	require.Contains(t, delivered.body, `"event_payload":{"name":"Ada"}`)

	found := c.must(t, "POST", "executions/search", `{}`)
	require.Len(t, found["executions"], 2)
	c.must(t, "PUT", "executions", `{"condition":{"request":{"method":"`+addUser+`"}},"targets":[]}`)
	require.Contains(t, call(), `"steps":[]`)
	c.must(t, "DELETE", "targets/"+rename, "")
	c.refused(t, 404, "GET", "targets/"+rename, "")
	_, field := c.refused(t, 404, "PUT", "executions", `{"condition":{"request":{"all":true}},"targets":["`+rename+`"]}`)
	require.Equal(t, "targets[0]", field)
}

// core is a client of a node as a core has it.
func core(t *testing.T, n *node.Node) *callout.Client {
	t.Helper()
	client, err := callout.Connect(within(t), callout.Options{URL: n.NATSURL()})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// TestFiresAtOnce: from the revision on that an answer names, a core's call
// reaches the target. There is no other thing to wait for.
func TestFiresAtOnce(t *testing.T) {
	h := newHooks(t)
	h.obey("/rename", 200, `{"name":"Grace"}`)
	n := run(t, "")
	c, client := toolFor(n), core(t, n)
	id, key := c.target(t, "rename", "restCall", h.URL+"/rename")
	for i := range 20 {
		method := addUser + strconv.Itoa(i)
		resp := send(t, "PUT", c.url+"executions", `{"condition":{"request":{"method":"`+method+`"}},"targets":["`+id+`"]}`, nil)
		require.Equal(t, 200, resp.StatusCode)
		revision, err := strconv.ParseUint(resp.Header.Get("Callout-Revision"), 10, 64)
		require.NoError(t, err)
		var result action.Result
		require.Eventually(t, func() bool {
			result, err = client.Request(within(t), callout.Call{Method: method, Request: []byte(`{"name":"Ada","age":36}`)})
			return err == nil && result.Revision >= revision
		}, bound, lookEvery)
		require.Equal(t, action.Continue, result.Outcome)
		require.JSONEq(t, `{"name":"Grace"}`, string(result.Object))
		requireSigned(t, key, h.await(t, "/rename", i+1))
	}
}

// TestWaitsForARevision: a question that names a revision is answered from it,
// or from a newer one.
func TestWaitsForARevision(t *testing.T) {
	c := toolFor(run(t, ""))
	for i, path := range []string{"targets", "executions"} {
		id, _ := c.target(t, "t"+strconv.Itoa(i), "restWebhook", "https://hooks.example.com/t")
		resp := send(t, "POST", c.url+path+"/search", `{}`, nil)
		revision, err := strconv.Atoi(resp.Header.Get("Callout-Revision"))
		require.NoError(t, err)
		answered := make(chan string)
		go func() {
			_, answer, _ := try(within(t), "POST", c.url+path+"/search", `{}`, map[string]string{"Callout-Min-Revision": strconv.Itoa(revision + 2)})
			answered <- answer
		}()
		c.must(t, "PUT", "executions", `{"condition":{"request":{"method":"/s.S/M`+path+`"}},"targets":["`+id+`"]}`)
		last, _ := c.target(t, "last"+strconv.Itoa(i), "restWebhook", "https://hooks.example.com/last")
		require.Contains(t, <-answered, map[string]string{"targets": last, "executions": "/s.S/M" + path}[path])
	}
}

// TestNobodyIsLockedOut: an execution that fails everything is taken back with
// the same calls.
func TestNobodyIsLockedOut(t *testing.T) {
	h := newHooks(t)
	h.obey("/no", 500, "")
	n := run(t, "")
	c := toolFor(n)
	made := c.must(t, "POST", "targets", `{"name":"no","restCall":{"interruptOnError":true},"timeout":"1s","endpoint":"`+h.URL+`/no"}`)
	for _, condition := range []string{`{"request":{"all":true}}`, `{"response":{"all":true}}`, `{"request":{"service":"zitadel.action.v2.ActionService"}}`} {
		c.must(t, "PUT", "executions", `{"condition":`+condition+`,"targets":["`+made["id"].(string)+`"]}`)
	}
	_, answer := ask(t, "POST", n.HTTPURL()+"/v1/instances/default/calls/request", `{"fullMethod":"/s.S/Any","request":{}}`, nil)
	require.Contains(t, answer, `"outcome":"failed"`, "the core is locked out")
	seen := len(h.got("/no"))
	c.must(t, "PUT", "executions", `{"condition":{"request":{"all":true}}}`)
	require.Len(t, h.got("/no"), seen, "no target heard of it")
	_, answer = ask(t, "POST", n.HTTPURL()+"/v1/instances/default/calls/request", `{"fullMethod":"/s.S/Any","request":{}}`, nil)
	require.Contains(t, answer, `"outcome":"continue"`)
}

// TestInstances: the header says which instance is meant, and they share
// nothing.
func TestInstances(t *testing.T) {
	n := run(t, "")
	here, there := toolFor(n), toolFor(n)
	there.header["Callout-Instance"] = "other"
	id, _ := there.target(t, "audit", "restWebhook", "https://hooks.example.com/audit")
	here.refused(t, 404, "GET", "targets/"+id, "")
	require.NotContains(t, here.must(t, "POST", "targets/search", `{}`), "targets")
	require.Equal(t, "audit", there.must(t, "GET", "targets/"+id, "")["target"].(map[string]any)["name"])
	here.target(t, "audit", "restWebhook", "https://hooks.example.com/audit")
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

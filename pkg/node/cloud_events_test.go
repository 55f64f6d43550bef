package node_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/node"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

const cloudConfig = `
targets:
  binary: {type: webhook, url: HOOKS/binary, signing_key: {env: CALLOUT_CLOUD_KEY}}
  structured: {type: webhook, url: HOOKS/structured, payload: cloudevents, signing_key: {env: CALLOUT_CLOUD_KEY}}
  later: {type: async, url: HOOKS/later, payload: cloudevents}
  exact: {type: webhook, url: HOOKS/exact}
  group: {type: webhook, url: HOOKS/group, lanes: 4}
requests:
  /acme.S/Do: {targets: [{target: structured}, {target: later}]}
events:
  "*": {targets: [{target: binary}, {target: structured}, {target: later}]}
  "com.acme:shop.*": {targets: [{target: group}]}
  "com.acme:shop.order/paid": {targets: [{target: exact}]}
`

func runCloud(t *testing.T) (*targets, *running, string) {
	t.Helper()
	key := sign.NewKey()
	t.Setenv("CALLOUT_CLOUD_KEY", key)
	hooks := newTargets(t)
	return hooks, run(t, hooks, cloudConfig, nil), key
}

// verified holds the signatures of an arrival against the bytes that arrived.
func verified(t *testing.T, key string, a arrival) {
	t.Helper()
	require.NoError(t, sign.VerifyZitadel(a.header.Get(sign.HeaderZitadel), []byte(a.body), time.Now(), key))
	require.NoError(t, sign.VerifyStandard(a.header, []byte(a.body), time.Now(), key))
}

// structuredEvent is a CloudEvent as a target reads it.
type structuredEvent struct {
	SpecVersion, ID, Source, Type, Subject, Time, DataContentType, Org, Instance, Sequence string
	Data                                                                                   json.RawMessage
}

// TestEventsAreCloudEvents: every delivery has the attributes in its headers, or is the
// structured form, with one body and a signature of what was sent; a call is none.
func TestEventsAreCloudEvents(t *testing.T) {
	hooks, r, key := runCloud(t)
	stored := r.publish(t, event("u 1", "orders/create", 1), event(`Zürich "1"`, "user.ü", 2))
	binary, structured, later := hooks.await(t, "binary", 2), hooks.await(t, "structured", 2), hooks.await(t, "later", 2)
	for n, want := range []struct{ kind, subject, source string }{
		{"orders/create", "u%201", "/instances/default/events/acme/u=201/orders=2Fcreate"},
		{"user.%C3%BC", "Z%C3%BCrich%20%221%22", "/instances/default/events/acme/Z=C3=BCrich=20=221=22/user.=C3=BC"},
	} {
		h := binary[n].header
		for name, value := range map[string]string{
			"ce-specversion": "1.0", "ce-id": stored[n].ID, "ce-source": want.source, "ce-type": want.kind, "ce-subject": want.subject,
			"ce-time": "2026-01-02T03:04:05.0000006Z", "ce-org": "acme", "ce-instance": "default", "Content-Type": "application/json", "Callout-Event-Type": want.kind,
		} {
			require.Equal(t, []string{value}, h.Values(name), name)
		}
		require.Equal(t, h.Get("Callout-Sequence"), strings.TrimLeft(h.Get("ce-sequence"), "0"))
		require.Len(t, h.Get("ce-sequence"), 20)
		verified(t, key, binary[n])

		s := structured[n]
		require.Equal(t, wire.TypeCloudEvent, s.header.Get("Content-Type"))
		require.Empty(t, s.header.Get("ce-id"), "it says it in its body")
		verified(t, key, s)
		var e structuredEvent
		require.NoError(t, json.Unmarshal([]byte(s.body), &e))
		require.True(t, strings.HasSuffix(s.body, `,"data":`+binary[n].body+"}"), "byte for byte: %s", s.body)
		require.Equal(t, structuredEvent{"1.0", stored[n].ID, want.source, []string{"orders/create", "user.ü"}[n], []string{"u 1", `Zürich "1"`}[n], "2026-01-02T03:04:05.0000006Z",
			"application/json", "acme", "default", h.Get("ce-sequence"), json.RawMessage(binary[n].body)}, e)
		require.Contains(t, later[n].body, `"specversion":"1.0"`, "an async target's event too")
	}
	_, _, err := r.client.Intercept(within(t, 10*time.Second), action.Request, callout.Call{Method: "/acme.S/Do", Request: []byte(`{"a":1}`)}, nil)
	require.NoError(t, err)
	for _, name := range []string{"structured", "later"} {
		call := hooks.await(t, name, 3)[2]
		require.Equal(t, "application/json", call.header.Get("Content-Type"))
		require.JSONEq(t, `{"fullMethod":"/acme.S/Do","instanceID":"default","request":{"a":1}}`, call.body, "a call is sent as it is")
	}
}

// TestTypesOfOtherPlatforms are covered by their segments, and by nothing that only looks
// like them in a subject.
func TestTypesOfOtherPlatforms(t *testing.T) {
	hooks, r, _ := runCloud(t)
	where := map[string]string{
		"com.acme:shop.order/paid": "exact", "com.acme:shop.order=2Fpaid": "group", "com.acme:shop.order": "group", "com.acme:shop.a.b/c": "group",
		"com.acme:shop": "binary", "com.acme=3Ashop.order": "binary", "com.acme:shopping.order": "binary", "com.acme.shop.order": "binary", "com.ACME:shop.order/paid": "binary",
	}
	counts := map[string]int{}
	n := uint64(0)
	for kind, target := range where {
		n++
		r.publish(t, event("u1", kind, n))
		counts[target]++
	}
	r.drained(t)
	for _, target := range []string{"exact", "group", "binary"} {
		all := hooks.got(target)
		require.Len(t, all, counts[target])
		for _, a := range all {
			require.Equal(t, target, where[a.header.Get("Ce-Type")], a.header.Get("Ce-Type"))
		}
	}
	subscriptions, err := r.Dispatcher().Instance("default").Subscriptions(within(t, 10*time.Second))
	require.NoError(t, err)
	names := map[string]bool{}
	for _, s := range subscriptions {
		names[s.Name] = true
	}
	require.Contains(t, names, "com.acme%3Ashop.order%2Fpaid/exact")
	require.Contains(t, names, "com.acme%3Ashop.*/group")
}

// postEvent sends to the events of an instance.
func postEvent(t *testing.T, n *node.Node, instance, body string, header ...string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t, 20*time.Second), http.MethodPost, n.HTTPURL()+"/v1/instances/"+instance+"/events", strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

// TestCloudEventsAreTaken in three modes; each becomes an event that is delivered with
// the id, source and data that its producer gave it, and is stored once.
func TestCloudEventsAreTaken(t *testing.T) {
	hooks, r, _ := runCloud(t)
	const one = `{"specversion":"1.0","id":"ID","source":"https://shop.example/a b=c","type":"orders/create","subject":"o1","time":"2026-02-03T04:05:06Z","org":"acme","data":{ "n":1.50 }}`
	body := func(id string) string {
		return strings.NewReplacer("ID", id, "a b=c", "a").Replace(one)
	}
	binary := []string{"ce-specversion", "1.0", "ce-id", "b1", "ce-source", "https://shop.example/a", "ce-type", "orders/create", "ce-subject", "o%20%C3%BC", "ce-org", "acme", "Content-Type", "application/json"}
	for _, c := range []struct {
		body, says string
		header     []string
	}{
		{body("s1"), `"id":"s1"`, []string{"Content-Type", "application/cloudevents+json; charset=utf-8"}},
		{body("s1"), `"duplicate":true`, []string{"Content-Type", "application/cloudevents+json"}},
		{"[" + body("l1") + " , " + body("l2") + "]", `"id":"l2"`, []string{"Content-Type", "application/cloudevents-batch+json"}},
		{`{ "n":1.50 }`, `"id":"b1"`, binary},
		{"", `"id":"b2"`, []string{"ce-specversion", "1.0", "ce-id", "b2", "ce-source", "https://shop.example/a", "ce-type", "orders/create"}},
		{"[]", `"events":[]`, []string{"Content-Type", "application/cloudevents-batch+json"}},
	} {
		status, answer := postEvent(t, r.Node, "default", c.body, c.header...)
		require.Equal(t, http.StatusAccepted, status, answer)
		require.Contains(t, answer, c.says)
	}
	all := hooks.await(t, "binary", 5)
	r.drained(t)
	require.Len(t, hooks.got("binary"), 5)
	for n, want := range []string{"s1", "l1", "l2", "b1", "b2"} {
		require.Equal(t, want, all[n].header.Get("ce-id"))
		require.Equal(t, "https://shop.example/a", all[n].header.Get("ce-source"))
		require.Equal(t, n != 4, strings.Contains(all[n].body, `"event_payload":{ "n":1.50 }`), all[n].body)
	}
	require.Equal(t, "2026-02-03T04:05:06Z", all[0].header.Get("ce-time"))
	require.Equal(t, "o%20%C3%BC", all[3].header.Get("ce-subject"))
	require.Equal(t, "https://shop.example/a", all[4].header.Get("ce-subject"), "without a subject the source is it")
	require.Empty(t, hooks.twin.got("binary"), "another instance hears nothing of it")
}

// TestCloudEventsAreAllOrNothing: what is wrong with one is said by its place and its
// attribute, and none is stored.
func TestCloudEventsAreAllOrNothing(t *testing.T) {
	hooks, r, _ := runCloud(t)
	const good = `{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"o1"}`
	structured, batch := []string{"Content-Type", "application/cloudevents+json"}, []string{"Content-Type", "application/cloudevents-batch+json"}
	in := func(part, other string) string { return strings.Replace(good, part, other, 1) }
	for _, c := range []struct {
		status      int
		body, field string
		header      []string
	}{
		{400, in(`"id":"1",`, ""), "id", structured},
		{400, in(`"t"`, `"a b"`), "type", structured},
		{400, in(`"/s"`, `7`), "source", structured},
		{400, in(`}`, `,"instance":"other"}`), "instance", structured},
		{400, in(`"1"`, `" 1"`), "id", structured},
		{413, in(`}`, `,"data":"`+strings.Repeat("x", 1<<20)+`"}`), "data", structured},
		{400, "[" + good + "," + in(`"1.0"`, `"2.0"`) + "]", "[1].specversion", batch},
		{400, "[" + good + "," + in(`}`, `,"instance":"other"}`) + "]", "[1].instance", batch},
		{400, "[" + good + ",7]", "[1]", batch},
		{400, good, "", batch},
		{400, "[" + good + "]", "", structured},
		{400, "{}", "ce-specversion", []string{"ce-id", "1", "ce-source", "/s", "ce-type", "t"}},
		{400, "{}", "ce-id", []string{"ce-id", "1", "ce-id", "2", "ce-specversion", "1.0", "ce-source", "/s", "ce-type", "t"}},
		{400, "{}", "ce-type", []string{"ce-id", "1", "ce-specversion", "1.0", "ce-source", "/s", "ce-type", "a..b", "Content-Type", "application/json"}},
		{400, "<a/>", "Content-Type", []string{"ce-id", "1", "ce-specversion", "1.0", "ce-source", "/s", "ce-type", "t", "Content-Type", "text/xml"}},
		{415, good, "Content-Type", []string{"Content-Type", "application/cloudevents+avro"}},
		{415, good, "Content-Type", []string{"Content-Type", "text/plain"}},
	} {
		status, answer := postEvent(t, r.Node, "default", c.body, c.header...)
		require.Equal(t, c.status, status, "%v %.200s: %s", c.header, c.body, answer)
		var refusal struct{ Error *action.Error }
		require.NoError(t, json.Unmarshal([]byte(answer), &refusal))
		require.Equal(t, c.field, refusal.Error.Field, "%s", answer)
		require.NotContains(t, refusal.Error.Message, "instanceID", "who sends CloudEvents knows of no member of ours")
	}
	status, answer := postEvent(t, r.Node, "nobody", good, structured...)
	require.Equal(t, http.StatusNotFound, status, answer)
	r.publish(t, event("u1", "last", 1)) // behind which nothing else can come
	require.Equal(t, "last", hooks.await(t, "binary", 1)[0].header.Get("ce-type"))
	r.drained(t)
}

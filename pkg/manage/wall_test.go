package manage_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

const walledConfig = `
targets: {hook: {type: webhook, url: "http://127.0.0.1:9/"}}
orgs:
  acme: {targets: {own: {type: webhook, url: "http://127.0.0.1:9/"}}, events: {"*": {targets: [{target: own}]}}}
  umbrella: {targets: {own: {type: webhook, url: "http://127.0.0.1:9/"}}, events: {"*": {targets: [{target: own}]}}}
`

// walled is a node that asks who everybody is, with the same configuration in two
// instances.
type walled struct {
	*node.Node
	t        *testing.T
	operator string
}

func startWalled(t *testing.T) *walled {
	t.Helper()
	return startWalledBy(t, walledConfig)
}

func startWalledBy(t *testing.T, config string) *walled {
	t.Helper()
	operator, text := access.NewToken("operator", access.Scope{}, access.Verbs)
	n := run(t, config, func(o *node.Options) { o.Entry.Access = &dispatch.Access{Operator: operator} })
	spoil(t, n)
	return &walled{n, t, text}
}

// spoil leaves something that readiness warns of.
func spoil(t *testing.T, n *node.Node) {
	t.Helper()
	b, err := bus.Connect(within(t), bus.Options{URL: n.NATSURL(), Log: zerolog.Nop()})
	require.NoError(t, err)
	defer b.Close()
	require.NoError(t, b.Bucket(bus.BucketTokens).Put(within(t), "token.aaaaaaaaaaaaa", []byte("no token")))
}

// token makes one by the API, as the operator does.
func (w *walled) token(at access.Scope, verbs []access.Verb) (id, text string) {
	w.t.Helper()
	status, answer := w.rpc(w.operator, "CreateToken", map[string]any{"instance": at.Instance, "org": at.Org, "name": "t", "verbs": verbs})
	require.Equal(w.t, 200, status, "%v", answer)
	return answer["token"].(map[string]any)["id"].(string), answer["text"].(string)
}

// rpc asks for a method as JSON. A stream is asked for its first word.
func (w *walled) rpc(token, method string, question map[string]any) (status int, answer map[string]any) {
	w.t.Helper()
	raw, err := json.Marshal(question)
	require.NoError(w.t, err)
	streamed := slices.Contains([]string{"WatchRevisions", "WatchJob", "TailEvents"}, method)
	media := "application/json"
	if streamed {
		media = "application/connect+json"
		raw = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(raw))), raw...)
	}
	status, body := w.post("/callout.v1.ActionService/"+method, token, media, raw, streamed)
	if streamed && status == 200 {
		require.NotEmpty(w.t, body, method)
		if body[0]&2 == 0 {
			return 200, nil // it has begun
		}
		var end struct{ Error struct{ Code string } }
		require.NoError(w.t, json.Unmarshal(body[5:], &end), "%s", body)
		status = map[string]int{"permission_denied": 403, "unauthenticated": 401, "not_found": 404, "": 200}[end.Error.Code]
		return status, map[string]any{"code": end.Error.Code}
	}
	_ = json.Unmarshal(body, &answer) // what is refused before is no JSON object of ours
	return status, answer
}

// post gives the whole answer, or of a stream its first frame.
func (w *walled) post(path, token, media string, raw []byte, streamed bool) (int, []byte) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(within(w.t), http.MethodPost, w.HTTPURL()+path, bytes.NewReader(raw))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", media)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	if !streamed || resp.StatusCode != 200 {
		body, err := io.ReadAll(resp.Body)
		require.NoError(w.t, err)
		switch resp.Header.Get("Grpc-Status") { // gRPC is 200 in any case
		case "16":
			return 401, body
		case "7":
			return 403, body
		}
		return resp.StatusCode, body
	}
	head := make([]byte, 5)
	_, err = io.ReadFull(resp.Body, head)
	require.NoError(w.t, err)
	body := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err = io.ReadFull(resp.Body, body)
	require.NoError(w.t, err)
	return resp.StatusCode, append(head, body...)
}

// about is a question for a method about a scope; it need not be one that can be
// answered.
func about(o access.Operation, at access.Scope) map[string]any {
	q := map[string]any{"instance": at.Instance}
	switch o.Name {
	case "CreateTarget", "UpdateTarget":
		q["target"] = map[string]any{"org": at.Org}
	case "SetExecution":
		q["execution"] = map[string]any{"org": at.Org}
	case "ListTargets", "ListExecutions", "ListDeadLetters", "RedriveDeadLetters", "DiscardDeadLetters", "ListDeliveries", "ListEvents":
		if at.Org != "" {
			q["filter"] = map[string]any{"org": at.Org}
		}
	case "Apply":
		if at.Org != "" {
			q["configuration"] = "org: " + at.Org
		}
	case "Export", "GetTarget", "DeleteTarget", "TestTarget", "RotateTargetKey", "PauseTarget", "ResumeTarget", "GetExecution", "DeleteExecution", "Explain", "TailEvents",
		"ListTargetKeys", "RevokeTargetKey", "AddPublicKey", "ListPublicKeys", "ActivatePublicKey", "DeactivatePublicKey", "RemovePublicKey":
		q["org"] = at.Org
	case "CreateToken":
		q["org"], q["name"], q["verbs"] = at.Org, "child", []string{"write"}
	case "ListTokens", "SetSecret", "ListSecrets", "DeleteSecret":
		q["org"] = at.Org
	case "DeclareConditions":
		q["declaration"] = map[string]any{"core": "users"}
	case "GetStatus", "ListWorkers", "ListInstances", "RevokeToken":
		return map[string]any{}
	case "CreateInstance", "DeleteInstance", "SetQuota":
		return map[string]any{"instance": "none of these"}
	}
	return q
}

// TestEveryCellOfTheTable asks for each operation of the table over HTTP: as a
// stranger, and by tokens of each level that have all verbs, or all but the one, about
// what is theirs and about what is another's. Each cell is as access says, computed
// there from nothing but values.
func TestEveryCellOfTheTable(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	default_, twin := access.Scope{Instance: "default"}, access.Scope{Instance: "twin"}
	acme, umbrella := access.Scope{Instance: "default", Org: "acme"}, access.Scope{Instance: "default", Org: "umbrella"}
	_, foreign := access.NewToken("operator", access.Scope{}, access.Verbs)
	whole, lacking := map[access.Scope]string{}, map[access.Scope]map[access.Verb]string{}
	for _, at := range []access.Scope{{}, default_, twin, acme, {Instance: "twin", Org: "acme"}} {
		_, whole[at] = w.token(at, access.Verbs)
		lacking[at] = map[access.Verb]string{}
		for _, v := range access.Verbs {
			_, lacking[at][v] = w.token(at, slices.DeleteFunc(slices.Clone(access.Verbs), func(o access.Verb) bool { return o == v }))
		}
	}
	cells := 0
	require.Eventually(t, func() bool { return w.readiness(w.operator) == 200 }, bound, lookEvery)
	service := calloutv1.File_callout_v1_action_service_proto.Services().ByName("ActionService").Methods()
	for n := range service.Len() {
		require.True(t, slices.ContainsFunc(access.Table, func(o access.Operation) bool { return o.Name == string(service.Get(n).Name()) }), "%s has no row", service.Get(n).Name())
	}
	for _, o := range access.Table {
		for _, token := range []string{"", foreign, w.operator[:len(w.operator)-1]} {
			refusal := 401
			if o == access.SeeReadiness {
				refusal = 403 // that it is ready is told, see readiness
			}
			require.Equal(t, refusal, w.ask(token, o, default_), "%s of a stranger", o.Name)
		}
		for _, who := range slices.SortedFunc(maps.Keys(whole), func(a, b access.Scope) int { return cmpScope(a, b) }) {
			for _, at := range []access.Scope{default_, twin, acme, umbrella} {
				cells += 2
				may := access.Principal{Scope: who, Verbs: access.Verbs}.May(o, at)
				if slices.Contains([]string{"GetStatus", "ListWorkers", "CreateInstance", "DeleteInstance", "SetQuota", "SeeReadiness"}, o.Name) {
					may = who == access.Scope{} // they are about no instance that is asked for
				}
				if slices.Contains([]string{"RevokeToken", "SeeContract", "ListInstances"}, o.Name) {
					may = who.Level() <= o.Least // of others nothing is found
				}
				if unnamed(o) && who == (access.Scope{Instance: at.Instance, Org: "acme"}) {
					may = who.Level() <= o.Least // whose it is turns out where it is found
				}
				if opens(o) && at == (access.Scope{Instance: who.Instance}) && who.Org == "acme" {
					may = true // its own is meant
				}
				status := w.ask(whole[who], o, at)
				require.Equal(t, may, status != 403, "%s by %s at %s: %d", o.Name, who, at, status)
				require.NotEqual(t, 401, status)
				require.Equal(t, 403, w.ask(lacking[who][o.Verb], o, at), "%s by %s at %s without %s", o.Name, who, at, o.Verb)
			}
		}
	}
	t.Logf("%d cells", cells)
}

// unnamed tells whether an operation of organizations does not name one.
func unnamed(o access.Operation) bool {
	return slices.Contains([]string{"GetRevision", "ListConditions", "SeeTypes", "ListSubscriptions", "PauseSubscription", "ResumeSubscription", "RetrySubscription",
		"SkipSubscription", "ReplayEvents", "GetDeadLetter", "GetDelivery", "ListJobs", "GetJob", "WatchJob", "CancelJob"}, o.Name)
}

// opens tells whether an operation means all there is when it names no organization.
func opens(o access.Operation) bool {
	return slices.Contains([]string{"ListTargets", "ListExecutions", "ListDeadLetters", "RedriveDeadLetters", "DiscardDeadLetters", "ListDeliveries",
		"ListEvents", "TailEvents", "Explain", "Export", "ListSecrets"}, o.Name)
}

func cmpScope(a, b access.Scope) int {
	return bytes.Compare([]byte(fmt.Sprint(a)), []byte(fmt.Sprint(b)))
}

// ask asks for an operation about a scope, and gives the status.
func (w *walled) ask(token string, o access.Operation, at access.Scope) int {
	w.t.Helper()
	switch o.Name {
	case "MakeCall":
		status, _ := w.post("/v1/instances/"+at.Instance+"/calls/function/f", token, "application/json", []byte(`{"orgID":"`+at.Org+`"}`), false)
		return status
	case "StoreEvents":
		status, _ := w.post("/v1/instances/"+at.Instance+"/events", token, "application/json", []byte(`{}`), false)
		return status
	case "SeeContract":
		status, _ := w.post("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", token, "application/grpc-web+proto", nil, false)
		require.Equal(w.t, status == 401 || status == 403, w.get("/openapi.json", token) != 200, "OpenAPI tells what reflection does")
		return status
	case "SeeTypes":
		return w.get("/v1/instances/"+at.Instance+"/contract/openapi.json", token)
	case "SeeReadiness":
		return w.readiness(token)
	}
	status, _ := w.rpc(token, o.Name, about(o, at))
	return status
}

// get asks for what is read, and gives the status.
func (w *walled) get(path, token string) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(within(w.t), http.MethodGet, w.HTTPURL()+path, nil)
	require.NoError(w.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	require.NoError(w.t, resp.Body.Close())
	return resp.StatusCode
}

// readiness is 403 where no more is told than whether the dispatcher is ready, as it is
// to a stranger: see spoil for what is to be told.
func (w *walled) readiness(token string) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(within(w.t), http.MethodGet, w.HTTPURL()+"/readyz", nil)
	require.NoError(w.t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	if !bytes.Contains(raw, []byte("warnings")) {
		return 403
	}
	return resp.StatusCode
}

// TestRevokedAndExpired: a token counts no more from the moment it is revoked, at
// another dispatcher within a second; one of another scope cannot be revoked, nor seen.
func TestRevokedAndExpired(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	id, text := w.token(access.Scope{Instance: "default"}, access.Verbs)
	_, twin := w.token(access.Scope{Instance: "twin"}, access.Verbs)
	status, _ := w.rpc(twin, "RevokeToken", map[string]any{"id": id})
	require.Equal(t, 404, status, "of another instance it is as none")
	status, answer := w.rpc(twin, "ListTokens", map[string]any{"instance": "twin"})
	require.Equal(t, 200, status)
	require.Len(t, answer["tokens"], 1)
	status, _ = w.rpc(text, "ListTargets", map[string]any{})
	require.Equal(t, 200, status)
	status, _ = w.rpc(text, "RevokeToken", map[string]any{"id": id})
	require.Equal(t, 200, status)
	status, _ = w.rpc(text, "ListTargets", map[string]any{})
	require.Equal(t, 401, status)

	status, answer = w.rpc(w.operator, "CreateToken", map[string]any{"name": "short", "verbs": []string{"read"}, "expireTime": time.Now().Add(time.Second)})
	require.Equal(t, 200, status, "%v", answer)
	text = answer["text"].(string)
	status, _ = w.rpc(text, "ListTargets", map[string]any{})
	require.Equal(t, 200, status)
	require.Eventually(t, func() bool { status, _ := w.rpc(text, "ListTargets", map[string]any{}); return status == 401 }, bound, lookEvery)
}

// TestATokenInAnAddressIsNone: a token counts in the header alone.
func TestATokenInAnAddressIsNone(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	for _, path := range []string{"?token=", "?access_token=", "?authorization=Bearer%20"} {
		status, _ := w.post("/callout.v1.ActionService/ListTargets"+path+w.operator, "", "application/json", []byte(`{}`), false)
		require.Equal(t, 401, status, path)
	}
	r, err := http.NewRequestWithContext(within(t), http.MethodPost, w.HTTPURL()+"/callout.v1.ActionService/ListTargets", bytes.NewReader([]byte(`{}`)))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Add("Authorization", "Bearer "+w.operator)
	r.Header.Add("Authorization", "Bearer "+w.operator)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 401, resp.StatusCode, "said twice it may mean two")
}

// TestATextNamesWhoseItIs: what counts of a configuration is the instance and the
// organization that it names, whatever the request says beside it.
func TestATextNamesWhoseItIs(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	_, instance := w.token(access.Scope{Instance: "default"}, access.Verbs)
	_, acme := w.token(access.Scope{Instance: "default", Org: "acme"}, access.Verbs)
	const more = "\nevents: {'*': {targets: [{target: own}]}}\ntargets: {own: {type: webhook, url: 'http://127.0.0.1:9/new'}}"
	apply := func(token, instance, text string, prune bool) int {
		t.Helper()
		status, _ := w.rpc(token, "Apply", map[string]any{"instance": instance, "configuration": text, "prune": prune})
		return status
	}
	for _, prune := range []bool{false, true} {
		require.Equal(t, 403, apply(instance, "", "instance: twin"+more, prune), "the text is for another instance")
		require.Equal(t, 403, apply(instance, "", "instance: none\norg: acme"+more, prune))
		require.Equal(t, 403, apply(acme, "", "instance: twin\norg: acme"+more, prune))
		require.Equal(t, 403, apply(acme, "default", "org: umbrella"+more, prune))
		require.Equal(t, 403, apply(acme, "default", "targets: {hook: {type: webhook, url: 'http://127.0.0.1:9/evil'}}", prune), "the instance's own")
		require.Equal(t, 403, apply(acme, "default", "orgs: {acme: {}, umbrella: {}}", prune))
		require.Equal(t, 200, apply(acme, "default", "org: acme"+more, prune))
	}
	_, answer := w.rpc(w.operator, "Export", map[string]any{})
	all := answer["configuration"].(string)
	require.Contains(t, all, "umbrella:", "what is another's is left when an organization takes out what it does not name")
	require.Contains(t, all, "hook:")
	require.NotContains(t, all, "evil")
	status, answer := w.rpc(acme, "Export", map[string]any{})
	require.Equal(t, 200, status)
	require.Contains(t, answer["configuration"], "org: acme\n")
	require.NotContains(t, answer["configuration"], "umbrella")
	require.NotContains(t, answer["configuration"], "hook:")
}

// TestWhoMayKnowAddresses: what a trial of a target tells of the network of the workers
// is for the operator alone.
func TestWhoMayKnowAddresses(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	_, instance := w.token(access.Scope{Instance: "default"}, access.Verbs)
	_, acme := w.token(access.Scope{Instance: "default", Org: "acme"}, access.Verbs)
	for token, q := range map[string]map[string]any{
		w.operator: {"name": "hook"}, instance: {"name": "hook"}, acme: {"org": "acme", "name": "own"},
	} {
		status, answer := w.rpc(token, "TestTarget", q)
		require.Equal(t, 200, status, "%v", answer)
		require.Equal(t, "connect", answer["code"])
		require.Equal(t, token == w.operator, strings.Contains(answer["message"].(string), "127.0.0.1:9"), "%v", answer["message"])
		require.Contains(t, answer["message"], "connection refused")
	}
}

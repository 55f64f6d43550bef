package manage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
)

// bothRefused has two organizations in each instance, whose targets refuse all events.
func bothRefused(t *testing.T) *walled {
	t.Helper()
	o := newObedient(t, 400)
	return startWalledBy(t, strings.ReplaceAll(walledConfig, "http://127.0.0.1:9", o.URL))
}

// TestAnOrganizationSeesItsOwn: what is listed for a token of an organization is the
// organization's, whatever it leaves open; and what is another's is as what is not.
func TestAnOrganizationSeesItsOwn(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	_, acme := w.token(access.Scope{Instance: "default", Org: "acme"}, access.Verbs)
	status, answer := w.rpc(acme, "ListTargets", map[string]any{})
	require.Equal(t, 200, status)
	require.Len(t, answer["targets"], 1)
	require.Equal(t, "acme", answer["targets"].([]any)[0].(map[string]any)["org"])
	status, answer = w.rpc(acme, "ListSubscriptions", map[string]any{})
	require.Equal(t, 200, status)
	require.Len(t, answer["subscriptions"], 1)
	status, _ = w.rpc(acme, "PauseSubscription", map[string]any{"name": answer["subscriptions"].([]any)[0].(map[string]any)["name"]})
	require.Equal(t, 200, status)
	for _, there := range []string{"hook", "nothing"} {
		status, answer = w.rpc(acme, "GetTarget", map[string]any{"name": there})
		require.Equal(t, 403, status, "of the instance: %v", answer)
		require.NotContains(t, fmt.Sprint(answer), there)
		status, other := w.rpc(acme, "GetTarget", map[string]any{"name": there, "org": "umbrella"})
		require.Equal(t, 403, status)
		_, nobody := w.rpc(acme, "GetTarget", map[string]any{"name": there, "org": "nobody"})
		require.Equal(t, fmt.Sprint(nobody["code"]), fmt.Sprint(other["code"]))
	}
	status, answer = w.rpc(acme, "PauseSubscription", map[string]any{"name": "umbrella:*/own"})
	require.Equal(t, 404, status, "%v", answer)
	status, _ = w.rpc(acme, "CreateToken", map[string]any{"instance": "default", "org": "umbrella", "name": "x", "verbs": []string{"read"}})
	require.Equal(t, 403, status)
}

// TestAnOrganizationIsToldOfNoOthers: a refusal of what is another's is word for word the
// refusal of what nobody has, with the same names in a second instance, which
// run looks after.
func TestAnOrganizationIsToldOfNoOthers(t *testing.T) {
	t.Parallel()
	w := bothRefused(t)
	_, acme := w.token(access.Scope{Instance: "default", Org: "acme"}, access.Verbs)
	refusal := func(method string, question map[string]any, name string) string {
		t.Helper()
		status, answer := w.rpc(acme, method, question)
		require.Equal(t, 404, status, "%s: %v", method, answer)
		return strings.ReplaceAll(fmt.Sprint(answer["code"], answer["message"]), name, "NAME")
	}
	const others, nobodys = "umbrella:*/own", "umbrellas:*/own"
	for method, question := range map[string]func(name string) map[string]any{
		"ListSubscriptions":  func(name string) map[string]any { return map[string]any{"name": name} },
		"PauseSubscription":  func(name string) map[string]any { return map[string]any{"name": name} },
		"ResumeSubscription": func(name string) map[string]any { return map[string]any{"name": name} },
		"RetrySubscription":  func(name string) map[string]any { return map[string]any{"name": name} },
		"SkipSubscription":   func(name string) map[string]any { return map[string]any{"name": name} },
		"ReplayEvents":       func(name string) map[string]any { return map[string]any{"subscription": name, "fromSequence": 1} },
	} {
		told := refusal(method, question(others), others)
		require.Equal(t, refusal(method, question(nobodys), nobodys), told, method)
		require.NotContains(t, told, "umbrella", method)
	}

	_, targets := w.rpc(w.operator, "ListTargets", map[string]any{"filter": map[string]any{"org": "umbrella"}})
	id := targets["targets"].([]any)[0].(map[string]any)["id"].(string)
	require.Equal(t, refusal("GetTarget", map[string]any{"org": "acme", "id": "nobodys"}, "nobodys"),
		refusal("GetTarget", map[string]any{"org": "acme", "id": id}, id))
}

// TestADeadLetterOfAnother: by its id an organization is shown, sends and discards none
// that is another's, and is told of it as of one that does not exist.
func TestADeadLetterOfAnother(t *testing.T) {
	t.Parallel()
	w := bothRefused(t)
	_, acme := w.token(access.Scope{Instance: "default", Org: "acme"}, access.Verbs)
	dead := map[string]string{}
	for _, org := range []string{"acme", "umbrella"} {
		status, body := w.post("/v1/instances/default/events", w.operator, "application/json",
			[]byte(`{"aggregateID":"u","resourceOwner":"`+org+`","event_type":"user.added"}`), false)
		require.Equal(t, 202, status, "%s", body)
		dead[org] = w.awaitDead(org)
	}
	for _, method := range []string{"ListDeadLetters", "RedriveDeadLetters", "DiscardDeadLetters"} {
		refusal := func(id string) string {
			t.Helper()
			status, answer := w.rpc(acme, method, map[string]any{"filter": map[string]any{"deliveryIds": []string{id}}})
			require.Equal(t, 404, status, "%s: %v", method, answer)
			return strings.ReplaceAll(fmt.Sprint(answer["code"], answer["message"]), id, "ID")
		}
		require.Equal(t, refusal("nobodys"), refusal(dead["umbrella"]), method)
	}
	require.Equal(t, dead["umbrella"], w.awaitDead("umbrella"), "it is still there")
	status, answer := w.rpc(acme, "DiscardDeadLetters", map[string]any{"filter": map[string]any{"deliveryIds": []string{dead["acme"]}}})
	require.Equal(t, 200, status, "%v", answer)
	require.Equal(t, []any{dead["acme"]}, answer["deliveryIds"])
}

// awaitDead waits for the one dead letter of an organization, and tells its id.
func (w *walled) awaitDead(org string) (id string) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		_, answer := w.rpc(w.operator, "ListDeadLetters", map[string]any{"filter": map[string]any{"org": org}})
		found, _ := answer["deadLetters"].([]any)
		if len(found) == 1 {
			id = found[0].(map[string]any)["deliveryId"].(string)
		}
		return id != ""
	}, bound, lookEvery/5, "of %s", org)
	return id
}

// TestARequestIdOfAnother: what a request has led to is told to nobody else who takes its
// id, and takes none from him.
func TestARequestIdOfAnother(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	_, acme := w.token(access.Scope{Instance: "default", Org: "acme"}, access.Verbs)
	_, umbrella := w.token(access.Scope{Instance: "default", Org: "umbrella"}, access.Verbs)
	apply := func(token, org, name string) string {
		t.Helper()
		status, answer := w.rpc(token, "Apply", map[string]any{"requestId": "r-1",
			"configuration": "org: " + org + "\ntargets: {" + name + ": {type: webhook, url: 'http://127.0.0.1:9/'}}"})
		require.Equal(t, 200, status, "%v", answer)
		return fmt.Sprint(answer)
	}
	first := apply(w.operator, "umbrella", "by-operator")
	require.Contains(t, first, "by-operator")
	own := apply(acme, "acme", "by-acme")
	require.NotContains(t, own, "by-operator")
	require.Contains(t, own, "by-acme")
	require.NotContains(t, apply(umbrella, "umbrella", "by-umbrella"), "by-acme")
	require.Equal(t, own, apply(acme, "acme", "by-acme"), "that it comes again is known still")
}

// TestJobsOfAnOrganization: an organization follows and ends the jobs that are about its
// own, whoever began them, and is told of all others as of those that do not exist.
func TestJobsOfAnOrganization(t *testing.T) {
	t.Parallel()
	w := bothRefused(t)
	tokens := map[string]string{}
	for _, org := range []string{"acme", "umbrella"} {
		_, tokens[org] = w.token(access.Scope{Instance: "default", Org: org}, access.Verbs)
		status, body := w.post("/v1/instances/default/events", w.operator, "application/json",
			[]byte(`{"aggregateID":"u","resourceOwner":"`+org+`","event_type":"user.added"}`), false)
		require.Equal(t, 202, status, "%s", body)
		w.awaitDead(org)
	}
	ids := map[string][]string{}
	begin := func(of, token, method string, question map[string]any) {
		t.Helper()
		status, answer := w.rpc(token, method, question)
		require.Equal(t, 200, status, "%s: %v", method, answer)
		ids[of] = append(ids[of], answer["job"].(map[string]any)["id"].(string))
	}
	begin("acme", w.operator, "ReplayEvents", map[string]any{"subscription": "acme:*/own", "fromSequence": 1})
	begin("acme", tokens["acme"], "RedriveDeadLetters", map[string]any{"filter": map[string]any{"target": "own"}, "wait": false})
	begin("umbrella", tokens["umbrella"], "ReplayEvents", map[string]any{"subscription": "umbrella:*/own", "fromSequence": 1})
	begin("umbrella", w.operator, "RedriveDeadLetters", map[string]any{"filter": map[string]any{"org": "umbrella"}, "wait": false})
	begin("umbrella", w.operator, "DeleteTarget", map[string]any{"org": "umbrella", "name": "own", "waiting": "WAITING_DISCARD", "force": true})
	begin("nobody", w.operator, "RedriveDeadLetters", map[string]any{"all": true, "wait": false})

	status, answer := w.rpc(tokens["acme"], "ListJobs", map[string]any{})
	require.Equal(t, 200, status, "%v", answer)
	var listed []string
	for _, one := range answer["jobs"].([]any) {
		listed = append(listed, one.(map[string]any)["id"].(string))
	}
	require.ElementsMatch(t, ids["acme"], listed)
	for _, method := range []string{"GetJob", "CancelJob"} {
		refusal := func(id string) string {
			t.Helper()
			status, answer := w.rpc(tokens["acme"], method, map[string]any{"id": id})
			require.Equal(t, 404, status, "%s: %v", method, answer)
			return strings.ReplaceAll(fmt.Sprint(answer["code"], answer["message"]), id, "ID")
		}
		for _, id := range append(ids["umbrella"], ids["nobody"]...) {
			require.Equal(t, refusal("01M8K0Z2TMA3ZFYXFTCVW0PN6K"), refusal(id), method)
		}
	}
	for _, id := range ids["acme"] {
		status, answer = w.rpc(tokens["acme"], "GetJob", map[string]any{"id": id})
		require.Equal(t, 200, status, "%v", answer)
		status, answer = w.rpc(tokens["acme"], "CancelJob", map[string]any{"id": id})
		require.Contains(t, []int{200, 409}, status, "it runs, or has ended: %v", answer)
	}
	status, answer = w.rpc(tokens["umbrella"], "GetJob", map[string]any{"id": ids["umbrella"][0]})
	require.Equal(t, 200, status)
	require.NotEqual(t, "cancelled", answer["job"].(map[string]any)["state"])
}

// TestExplainNamesNoTargetOfOthers: an organization is shown what runs before its own, and
// of the instance's targets the names of those that it may use.
func TestExplainNamesNoTargetOfOthers(t *testing.T) {
	t.Parallel()
	w := startWalled(t)
	status, answer := w.rpc(w.operator, "Apply", map[string]any{"instance": "default", "configuration": `
targets:
  secret-scanner: {type: webhook, url: "http://127.0.0.1:9/", usable_by: []}
  umbrellas: {type: webhook, url: "http://127.0.0.1:9/", usable_by: [umbrella]}
  shared: {type: webhook, url: "http://127.0.0.1:9/"}
requests: {"*": {targets: [{target: secret-scanner}, {target: shared}, {target: umbrellas}]}}
orgs: {acme: {requests: {"*": {targets: [{target: own}]}}}}
`})
	require.Equal(t, 200, status, "%v", answer)
	explain := func(token string) (names []string) {
		t.Helper()
		status, answer := w.rpc(token, "Explain", map[string]any{"phase": "PHASE_REQUEST", "name": "/a.S/M", "org": "acme"})
		require.Equal(t, 200, status, "%v", answer)
		for _, turn := range answer["turns"].([]any) {
			names = append(names, turn.(map[string]any)["target"].(string))
		}
		return names
	}
	_, acme := w.token(access.Scope{Instance: "default", Org: "acme"}, access.Verbs)
	_, instance := w.token(access.Scope{Instance: "default"}, access.Verbs)
	require.Equal(t, []string{"(a target of the instance)", "shared", "(a target of the instance)", "own"}, explain(acme))
	require.Equal(t, []string{"secret-scanner", "shared", "umbrellas", "own"}, explain(instance))
}

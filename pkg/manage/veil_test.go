package manage_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
)

// An organization's executions include a list of the instance, in which targets stand
// that it may not use itself.
const veiledConfig = `
targets:
  secret-scanner: {type: webhook, url: "URL/", usable_by: []}
  shared: {type: webhook, url: "URL/"}
events: {guarded: {targets: [{target: secret-scanner}, {target: shared}]}}
requests: {guarded: {targets: [{target: secret-scanner}, {target: shared}]}}
orgs:
  acme: {targets: {own: {type: webhook, url: "URL/"}}, events: {"*": {targets: [{include: guarded}, {target: own}]}}, requests: {"*": {targets: [{include: guarded}, {target: own}]}}}
  umbrella: {targets: {own: {type: webhook, url: "URL/"}}, events: {"*": {targets: [{include: guarded}, {target: own}]}}}
`

// TestAnOrganizationIsToldNoNameOfATargetItMayNotUse, by whatever it asks: in each of two
// instances, each of which has two organizations. Who has the instance, and a core whose
// call it is, are told.
func TestAnOrganizationIsToldNoNameOfATargetItMayNotUse(t *testing.T) {
	t.Parallel()
	o := newObedient(t, 400)
	w := startWalledBy(t, strings.ReplaceAll(veiledConfig, "URL", o.URL))
	for _, instance := range []string{"other", "third"} { // beside holds the twin to nothing at all
		status, answer := w.rpc(w.operator, "CreateInstance", map[string]any{"instance": instance})
		require.Equal(t, 200, status, "%v", answer)
		status, answer = w.rpc(w.operator, "Apply", map[string]any{"instance": instance, "configuration": strings.ReplaceAll(veiledConfig, "URL", o.URL)})
		require.Equal(t, 200, status, "%v", answer)
	}
	for _, instance := range []string{"other", "third"} {
		_, whole := w.token(access.Scope{Instance: instance}, access.Verbs)
		status, body := w.post("/v1/instances/"+instance+"/calls/request", whole, "application/json",
			[]byte(`{"fullMethod":"/a.S/M","instanceID":"`+instance+`","orgID":"acme","request":{}}`), false)
		require.Equal(t, 200, status, "%s", body)
		require.Contains(t, string(body), `"target":"secret-scanner"`, "a core is told")
		for _, org := range []string{"acme", "umbrella"} {
			_, token := w.token(access.Scope{Instance: instance, Org: org}, access.Verbs)
			w.publish(instance, org)
			veiled{w, instance, token}.look(t, org)
		}
		require.Contains(t, fmt.Sprint(veiled{w, instance, whole}.all(t, map[string]any{"org": "acme"})), "secret-scanner", "who has the instance is told")
	}
}

func (w *walled) publish(instance, org string) {
	w.t.Helper()
	status, body := w.post("/v1/instances/"+instance+"/events", w.operator, "application/json",
		[]byte(`{"aggregateID":"u","resourceOwner":"`+org+`","event_type":"user.added"}`), false)
	require.Equal(w.t, http.StatusAccepted, status, "%s", body)
	require.Eventually(w.t, func() bool {
		_, answer := w.rpc(w.operator, "ListDeadLetters", map[string]any{"instance": instance, "filter": map[string]any{"org": org}})
		found, _ := answer["deadLetters"].([]any)
		return len(found) == 3
	}, bound, lookEvery/5)
}

// veiled is somebody who asks.
type veiled struct {
	*walled
	instance, token string
}

// ask gives the answer as text, whatever the status is.
func (v veiled) ask(method string, question map[string]any) (status int, text string) {
	v.t.Helper()
	question["instance"] = v.instance
	status, answer := v.rpc(v.token, method, question)
	raw, err := json.Marshal(answer)
	require.NoError(v.t, err)
	return status, string(raw)
}

// all is what lists and looks tell together.
func (v veiled) all(t *testing.T, filter map[string]any) (texts []string) {
	t.Helper()
	for _, method := range []string{"ListDeliveries", "ListDeadLetters", "ListSubscriptions", "ListJobs", "ListTargets", "ListExecutions", "Export"} {
		question := map[string]any{}
		if method == "ListDeliveries" || method == "ListDeadLetters" {
			question["filter"] = filter
		}
		status, text := v.ask(method, question)
		require.Equal(t, 200, status, "%s: %s", method, text)
		texts = append(texts, text)
		var lists map[string][]map[string]any
		_ = json.Unmarshal([]byte(text), &lists) // of the others nothing is asked further
		for _, one := range append(lists["deliveries"], lists["deadLetters"]...) {
			for _, get := range []string{"GetDelivery", "GetDeadLetter"} {
				_, text := v.ask(get, map[string]any{"deliveryId": one["deliveryId"]})
				texts = append(texts, text)
			}
		}
	}
	_, text := v.ask("Explain", map[string]any{"phase": "PHASE_EVENT", "name": "user.added", "org": filter["org"]})
	return append(texts, text)
}

func (v veiled) look(t *testing.T, org string) {
	t.Helper()
	name := org + ":*/secret-scanner"
	operator := veiled{v.walled, v.instance, v.operator}
	status, text := operator.ask("ReplayEvents", map[string]any{"subscription": name, "fromSequence": 1})
	require.Equal(t, 200, status, "a job that names it: %s", text)
	status, text = operator.ask("RedriveDeadLetters", map[string]any{"filter": map[string]any{"org": org, "target": "secret-scanner", "reason": "expired"}, "wait": false})
	require.Equal(t, 200, status, "%s", text)

	told := v.all(t, map[string]any{"org": org})
	require.Contains(t, strings.Join(told, "\n"), "(a target of the instance)")
	require.Contains(t, strings.Join(told, "\n"), org+":*/shared")
	for method, question := range map[string]map[string]any{
		"PauseSubscription":  {"name": name},
		"RetrySubscription":  {"name": "nothing"},
		"SkipSubscription":   {"name": "nothing"},
		"ReplayEvents":       {"subscription": "nothing", "fromSequence": 1},
		"ListDeliveries":     {"filter": map[string]any{"target": "secret-scanner"}},
		"ListDeadLetters":    {"filter": map[string]any{"target": "secret-scanner"}},
		"RedriveDeadLetters": {"filter": map[string]any{"target": "secret-scanner"}},
		"SetExecution":       {"execution": map[string]any{"org": org, "phase": "PHASE_EVENT", "name": "x", "condition": "user.added", "targets": []any{map[string]any{"target": "secret-scaner"}}}},
		"Apply":              {"configuration": "org: " + org + "\nevents: {user.added: {targets: [{target: secret-scaner}, {include: secret-scaner}]}}"},
	} {
		status, text := v.ask(method, question)
		require.NotContains(t, []int{401, 403}, status, "%s: %s", method, text)
		told = append(told, method+": "+strings.ReplaceAll(text, name, "NAME")) // what it said itself
	}
	status, body := v.post("/v1/instances/"+v.instance+"/calls/request", v.token, "application/json",
		[]byte(`{"fullMethod":"/a.S/M","orgID":"`+org+`","request":{}}`), false)
	require.Equal(t, 403, status, "only who has the instance calls")
	for _, text := range append(told, string(body)) {
		require.NotContains(t, text, "secret-scanner")
	}
}

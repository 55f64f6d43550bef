package zitadel_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
	"github.com/callout-hq/callout/schemas/callout/v1/calloutv1connect"
)

// own is a client of Callout's own service.
func own(t *testing.T, n *node.Node) calloutv1connect.ActionServiceClient {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return calloutv1connect.NewActionServiceClient(&http.Client{Transport: transport}, n.HTTPURL())
}

// beside is a configuration that was made in a file.
const beside = `
targets:
  log: {type: async, url: "https://hooks.example.com/log"}
  check: {type: call, url: "https://hooks.example.com/check", timeout: 2s, interrupt_on_error: true, headers: {X-Team: blue}, labels: {team: blue}}
requests:
  common: {targets: [{target: log}]}
  nobody: {targets: []}
  zitadel.user.v2.UserService: {targets: [{include: common}, {target: check}]}
  add_user: {condition: /zitadel.user.v2.UserService/AddHumanUser, on_unavailable: continue, targets: [{target: check}, {include: zitadel.user.v2.UserService}]}
  /zitadel.user.v2.UserService/Empty: {targets: [{include: nobody}]}
events:
  "user.*": {on_exhausted: stop, max_stop: 1h, targets: [{target: log}]}
orgs:
  acme:
    targets: {theirs: {type: webhook, url: "https://hooks.example.com/theirs"}}
    requests: {"*": {targets: [{target: theirs}]}}
`

// ids gives the ids of all targets that are shown, by name.
func (c *tool) ids(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	found, _ := c.must(t, "POST", "targets/search", `{}`)["targets"].([]any)
	for _, one := range found {
		shown := one.(map[string]any)
		out[shown["name"].(string)] = shown["id"].(string)
	}
	return out
}

// TestWhatWasMadeOtherwise: includes are shown as the targets that they stand
// for; lists, what reaches no target, and what organizations have are not
// shown.
func TestWhatWasMadeOtherwise(t *testing.T) {
	c := toolFor(run(t, beside))
	ids := c.ids(t)
	require.Len(t, ids, 2)
	shown := map[string]any{}
	for _, one := range c.must(t, "POST", "executions/search", `{}`)["executions"].([]any) {
		e := one.(map[string]any)
		shown[toJSON(t, e["condition"])] = e["targets"]
	}
	log, check := any(ids["log"]), any(ids["check"])
	require.Equal(t, map[string]any{
		`{"request":{"service":"zitadel.user.v2.UserService"}}`:              []any{log, check},
		`{"request":{"method":"/zitadel.user.v2.UserService/AddHumanUser"}}`: []any{check, log, check},
		`{"event":{"group":"user"}}`:                                         []any{log},
	}, shown)
	by := c.must(t, "POST", "executions/search", `{"filters":[{"targetFilter":{"targetId":"`+ids["log"]+`"}},{"executionTypeFilter":{"executionType":1}}]}`)
	require.Len(t, by["executions"], 2, "by an include too")
	by = c.must(t, "POST", "executions/search", `{"filters":[{"targetFilter":{"targetId":"01JZZZZZZZZZZZZZZZZZZZZZZZ"}}]}`)
	require.NotContains(t, by, "executions")
	by = c.must(t, "POST", "executions/search", `{"filters":[{"inConditionsFilter":{"conditions":[{"request":{"service":"zitadel.user.v2.UserService"}}]}}]}`)
	require.Equal(t, []any{log, check}, by["executions"].([]any)[0].(map[string]any)["targets"], "its include is not among the conditions")
}

// TestTheRestStays: what ZITADEL's calls do not name stays as it is.
func TestTheRestStays(t *testing.T) {
	n := run(t, beside)
	c, service := toolFor(n), own(t, n)
	ids := c.ids(t)
	c.must(t, "POST", "targets/"+ids["check"], `{"timeout":"3s","restCall":{}}`)
	got, err := service.GetTarget(within(t), connect.NewRequest(&calloutv1.GetTargetRequest{Id: ids["check"]}))
	require.NoError(t, err)
	check := got.Msg.GetTarget()
	require.Equal(t, []any{3 * time.Second, false, "merge", "blue", "blue"}, []any{check.GetTimeout().AsDuration(), check.GetInterruptOnError(),
		check.GetMapping(), check.GetHeaders()["X-Team"], check.GetLabels()["team"]})

	c.must(t, "PUT", "executions", `{"condition":{"request":{"method":"/zitadel.user.v2.UserService/AddHumanUser"}},"targets":["`+ids["log"]+`"]}`)
	c.must(t, "PUT", "executions", `{"condition":{"event":{"group":"user.*"}},"targets":["`+ids["log"]+`"]}`)
	add, err := service.GetExecution(within(t), connect.NewRequest(&calloutv1.GetExecutionRequest{Phase: calloutv1.Phase_PHASE_REQUEST, Name: "add_user"}))
	require.NoError(t, err)
	require.Equal(t, "continue", add.Msg.GetExecution().GetOnUnavailable())
	require.Len(t, add.Msg.GetExecution().GetTargets(), 1)
	user, err := service.GetExecution(within(t), connect.NewRequest(&calloutv1.GetExecutionRequest{Phase: calloutv1.Phase_PHASE_EVENT, Condition: "user.*"}))
	require.NoError(t, err)
	require.Equal(t, []any{"stop", time.Hour}, []any{user.Msg.GetExecution().GetOnExhausted(), user.Msg.GetExecution().GetMaxStop().AsDuration()})
}

// TestAFileOwnsWhatItNames: that is changed in the file; the rest is made and
// changed here, beside it.
func TestAFileOwnsWhatItNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(file, []byte(beside), 0o600))
	c := toolFor(run(t, "", func(o *node.Options) { o.File = file }))
	ids := c.ids(t)
	id, _ := c.target(t, "mine", "restWebhook", "https://hooks.example.com/mine")
	for _, edit := range []struct{ method, path, body string }{
		{"POST", "targets/" + ids["check"], `{"timeout":"3s"}`},
		{"DELETE", "targets/" + ids["check"] + "?force=true", ""},
		{"PUT", "executions", `{"condition":{"event":{"group":"user"}},"targets":["` + id + `"]}`},
		{"PUT", "executions", `{"condition":{"event":{"group":"user"}}}`},
	} {
		message, _ := c.refused(t, 400, edit.method, edit.path, edit.body)
		require.Contains(t, message, "mine.yaml")
		require.NotContains(t, message, filepath.Dir(file))
	}
	c.must(t, "PUT", "executions", `{"condition":{"event":{"all":true}},"targets":["`+ids["log"]+`","`+id+`"]}`)
}

// TestACallTakesTheWholeMessage, whether it was made or became one.
func TestACallTakesTheWholeMessage(t *testing.T) {
	n := run(t, "")
	c, service := toolFor(n), own(t, n)
	made, _ := c.target(t, "made", "restCall", "https://hooks.example.com/made")
	became, _ := c.target(t, "became", "restWebhook", "https://hooks.example.com/became")
	c.must(t, "POST", "targets/"+became, `{"restCall":{}}`)
	for _, id := range []string{made, became} {
		got, err := service.GetTarget(within(t), connect.NewRequest(&calloutv1.GetTargetRequest{Id: id}))
		require.NoError(t, err)
		require.Equal(t, "replace", got.Msg.GetTarget().GetMapping())
	}
}

// TestManyAtOnce: of several who write the same thing the last one wins, and
// none is refused; and a target keeps its place by its id, whatever its name
// becomes.
func TestManyAtOnce(t *testing.T) {
	n := run(t, "")
	c := toolFor(n)
	a, _ := c.target(t, "a", "restWebhook", "https://hooks.example.com/a")
	b, _ := c.target(t, "b", "restWebhook", "https://hooks.example.com/b")
	const set = `{"condition":{"request":{"method":"/s.S/M%d"}},"targets":[%q,%q]}`
	c.must(t, "PUT", "executions", fmt.Sprintf(set, 0, a, b))
	var writers sync.WaitGroup
	wrong := make(chan string, 100)
	write := func(method, path, body, expected string) {
		if status, answer, err := try(within(t), method, c.url+path, body, nil); err != nil || status != 200 || !strings.Contains(answer, expected) {
			wrong <- fmt.Sprint(err, status, answer)
		}
	}
	for i := range 6 {
		writers.Go(func() {
			for j := range 5 {
				switch i % 3 {
				case 0:
					write("PUT", "executions", fmt.Sprintf(set, j, a, b), "setDate")
				case 1:
					write("POST", "targets/"+a, fmt.Sprintf(`{"name":"a-%d-%d","timeout":"%ds"}`, i, j, i+1), "changeDate")
				default:
					write("POST", "executions/search", `{}`, fmt.Sprintf(`"targets":[%q,%q]`, a, b))
				}
			}
		})
	}
	writers.Wait()
	close(wrong)
	require.Empty(t, <-wrong)
}

// try asks without a test that could end here.
func try(ctx context.Context, method, url, body string, header map[string]string) (status int, answer string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

// TestMoreThanOnePage: the service gives a thousand at once, and a list here
// still has them all.
func TestMoreThanOnePage(t *testing.T) {
	const many = 1100
	config := "targets:\n"
	for i := range many {
		config += fmt.Sprintf("  t%d: {type: webhook, url: 'https://hooks.example.com/%d'}\n", i, i)
	}
	config += "requests:\n"
	for i := range many {
		config += fmt.Sprintf("  /s.S/M%d: {targets: [{target: t%d}]}\n", i, i)
	}
	c := toolFor(run(t, config))
	for _, path := range []string{"targets", "executions"} {
		found := c.must(t, "POST", path+"/search", `{"pagination":{"offset":1050,"limit":1000}}`)
		require.Equal(t, map[string]any{"totalResult": "1100", "appliedLimit": "1000"}, found["pagination"])
		require.Len(t, found[path], 50)
	}
}

package manage_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/callout-hq/callout/pkg/node"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// post sends JSON as curl would.
func post(t *testing.T, url, body string, header map[string]string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(raw)
}

func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	n := run(t, first, nil)
	service := n.HTTPURL() + "/callout.v1.ActionService/"
	for _, tt := range []struct {
		method, body string
		status       int
		answer       string // JSON
	}{
		{"GetRevision", `{}`, 200, `{"instance":"default","revision":"1"}`},
		{"Apply", `{"configuration":"version: 1\n","allowEmpty":true,"dryRun":true}`, 200, `{"instance":"default","revision":"1","objects":6}`},
		{"Explain", `{"phase":"PHASE_EVENT","name":"user.added"}`, 200, `{"instance":"default","revision":"1","phase":"PHASE_EVENT","name":"user.added",
			"scopes":[{"candidates":[{"name":"user.*","condition":"user.*","verdict":"VERDICT_WON","reason":"the only one that covers it"}]}],
			"turns":[{"target":"log","kind":"async","execution":"user.*","occurrence":1}]}`},
		{"PauseTarget", `{"target":"log","reason":"why not"}`, 200, `{}`},
		{"ResumeTarget", `{"target":"log"}`, 200, `{}`},
	} {
		status, answer := post(t, service+tt.method, tt.body, nil)
		require.Equal(t, tt.status, status, answer)
		require.JSONEq(t, tt.answer, answer)
	}
	status, answer := post(t, service+"Export", `{}`, nil)
	require.Equal(t, 200, status)
	require.Contains(t, answer, `"configuration":"version: 1\ninstance: default\ntargets:\n`)
	status, answer = post(t, service+"PauseTarget", `{"target":"lob"}`, nil)
	require.Equal(t, 404, status)
	require.Contains(t, answer, `"debug":{"code":"not_found","stage":"catalog","field":"target"}`)
	for _, body := range []string{`{"dryrun":true}`, `{"dryRun":true,"dryRun":false}`, `{"dryRun":"yes"}`, `{`, `[]`, `null`, "\xff"} {
		for _, content := range []string{"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8"} {
			status, answer = post(t, service+"Apply", body, map[string]string{"Content-Type": content})
			require.Equal(t, 400, status, "%s %s: %s", body, content, answer)
			require.Contains(t, answer, `"code":"invalid_argument"`)
		}
	}
	status, _ = post(t, service+"Frob", `{}`, nil)
	require.Equal(t, 404, status)
}

// TestGuard: the rules of the port hold for the service too, and its content
// types are for the service alone.
func TestGuard(t *testing.T) {
	t.Parallel()
	n := run(t, first, nil)
	const revision = "/callout.v1.ActionService/GetRevision"
	for _, tt := range []struct {
		name, path string
		header     map[string]string
		status     int
	}{
		{"as it should be", revision, nil, 200},
		{"another host", revision, map[string]string{"Host": "evil.example"}, 403},
		{"a page of another origin", revision, map[string]string{"Origin": "https://evil.example"}, 403},
		{"a form", revision, map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415},
		{"text", revision, map[string]string{"Content-Type": "text/plain"}, 415},
		{"a type that only looks like gRPC", revision, map[string]string{"Content-Type": "application/grpcx"}, 415},
		{"gRPC for a core's route", "/v1/instances/default/events", map[string]string{"Content-Type": "application/grpc"}, 415},
		{"protobuf for a core's route", "/v1/instances/default/events", map[string]string{"Content-Type": "application/proto"}, 415},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer := post(t, n.HTTPURL()+tt.path, `{}`, tt.header)
			require.Equal(t, tt.status, status, answer)
		})
	}
}

// TestReflection: a command line can find out what there is.
func TestReflection(t *testing.T) {
	t.Parallel()
	n := run(t, first, nil)
	h2 := &http.Transport{Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h2.CloseIdleConnections)
	stream := grpcreflect.NewClient(&http.Client{Transport: h2}, n.HTTPURL(), connect.WithGRPC()).NewStream(within(t))
	names, err := stream.ListServices()
	require.NoError(t, err)
	require.ElementsMatch(t, []protoreflect.FullName{"callout.v1.ActionService", "zitadel.action.v2.ActionService", "zitadel.action.v2beta.ActionService"}, names)
	for symbol, file := range map[string]string{
		"callout.v1.ActionService": "callout/v1/action_service.proto", "zitadel.action.v2.ActionService": "zitadel/action/v2/actions.proto",
		"zitadel.filter.v2beta.PaginationRequest": "zitadel/filter/v2beta/filters.proto",
	} {
		files, err := stream.FileContainingSymbol(protoreflect.FullName(symbol))
		require.NoError(t, err)
		require.Equal(t, file, files[0].GetName())
	}
	_, err = stream.Close()
	require.NoError(t, err)
}

// TestNothingInterceptsTheService: a catalog that intercepts everything, the
// service's own methods by name, and refuses it all, can be taken back.
func TestNothingInterceptsTheService(t *testing.T) {
	t.Parallel()
	h := newHooks(t, 500)
	n := run(t, strings.ReplaceAll(`
targets: {no: {type: webhook, url: "HOOKS/no", interrupt_on_error: true}}
requests:
  "*": {targets: [{target: no}]}
  callout.v1.ActionService: {targets: [{target: no}]}
  /callout.v1.ActionService/Apply: {targets: [{target: no}]}
responses:
  /callout.v1.ActionService/Apply: {targets: [{target: no}]}
`, "HOOKS", h.URL), nil)
	call := func() string {
		_, answer := post(t, n.HTTPURL()+"/v1/instances/default/calls/request", `{"fullMethod":"/s.S/Any","request":{}}`, nil)
		return answer
	}
	require.Contains(t, call(), `"outcome":"failed"`, "the core is locked out")
	before := h.count("/no")
	for _, w := range wires {
		ask(t, client(t, n.HTTPURL(), w).Export, &calloutv1.ExportRequest{})
	}
	applied := ask(t, plain(t, n).Apply, &calloutv1.ApplyRequest{Configuration: "version: 1\n", AllowEmpty: true, Prune: true})
	require.True(t, applied.GetChanged())
	require.Equal(t, before, h.count("/no"), "no target heard of it")
	require.Eventually(t, func() bool { return strings.Contains(call(), `"outcome":"continue"`) }, bound, lookEvery)
}

// TestPauseStopsTheCalls, and a resume lets them through again.
func TestPauseStopsTheCalls(t *testing.T) {
	t.Parallel()
	h := newHooks(t, 200)
	n := run(t, strings.ReplaceAll(`
targets: {it: {type: webhook, url: "HOOKS/it", interrupt_on_error: true}, off: {type: webhook, url: "HOOKS/off", paused: true}}
requests: {"*": {targets: [{target: it}]}, /s.S/Off: {targets: [{target: off}]}}
`, "HOOKS", h.URL), nil)
	c := plain(t, n)
	outcome := func(part string) func() bool {
		return func() bool {
			_, answer := post(t, n.HTTPURL()+"/v1/instances/default/calls/request", `{"fullMethod":"/s.S/Any","request":{}}`, nil)
			return strings.Contains(answer, part)
		}
	}
	require.True(t, outcome(`"outcome":"continue"`)())
	ask(t, c.PauseTarget, &calloutv1.PauseTargetRequest{Target: "it"})
	require.Eventually(t, outcome(`"code":"paused"`), bound, lookEvery)
	ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: "targets: {new: {type: webhook, url: https://a.example}}"})
	require.True(t, outcome(`"code":"paused"`)(), "an edit does not lift it")
	ask(t, c.ResumeTarget, &calloutv1.ResumeTargetRequest{Target: "it"})
	require.Eventually(t, outcome(`"outcome":"continue"`), bound, lookEvery)
	require.True(t, ask(t, c.ResumeTarget, &calloutv1.ResumeTargetRequest{Target: "off"}).GetPausedByConfiguration())
}

// TestAFileOwnsWhatItNames: its objects are changed by the file only while it is
// followed, and others live beside them.
func TestAFileOwnsWhatItNames(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(file, []byte(first), 0o600))
	c := plain(t, run(t, "", func(o *node.Options) { o.File = file }))
	for _, tt := range []struct {
		text  string
		prune bool
		want  string
	}{
		{"version: 1\n", true, "target check cannot be removed"},
		{"targets: {log: {type: async, url: https://b.example}}", false, "target log cannot be changed"},
		{"events: {more: {condition: user.*, targets: []}}", false, "execution event user.* cannot be removed"},
	} {
		for _, dry := range []bool{true, false} { // it tells what the other would do
			err := refused(t, connect.CodeFailedPrecondition, c.Apply, &calloutv1.ApplyRequest{Configuration: tt.text, AllowEmpty: true, Prune: tt.prune, DryRun: dry})
			requireDetail(t, &calloutv1.ErrorDetail{Code: "file_owned", Stage: "catalog"}, err)
			require.ErrorContains(t, err, tt.want+": it belongs to the file mine.yaml, which is followed; change the file, or start without it")
			require.NotContains(t, err.Error(), filepath.Dir(file))
		}
	}
	require.EqualValues(t, 1, ask(t, c.GetRevision, &calloutv1.GetRevisionRequest{}).GetRevision())

	require.True(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Configuration: "targets: {beside: {type: webhook, url: https://b.example}}"}).GetChanged())
	ask(t, c.PauseTarget, &calloutv1.PauseTargetRequest{Target: "log"})
	ask(t, c.ResumeTarget, &calloutv1.ResumeTargetRequest{Target: "log"})
	require.True(t, ask(t, c.Apply, &calloutv1.ApplyRequest{Instance: "other", Configuration: first}).GetChanged())
}

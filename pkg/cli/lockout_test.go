package cli_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
)

// TestNobodyIsLockedOut intercepts every request and response with targets that
// do not work and interrupt. Cores are stopped by it; whoever operates the
// engine is not: each command works, and takes the mistake back.
func TestNobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := closed.Addr().String()
	require.NoError(t, closed.Close())
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	config := strings.NewReplacer("DEAD", dead, "SILENT", silent.Addr().String()).Replace(`
targets:
  dead: {type: call, url: "http://DEAD", interrupt_on_error: true}
  silent: {type: call, url: "http://SILENT", timeout: 200ms, interrupt_on_error: true}
requests:
  "*": {targets: [{target: dead}]}
responses:
  "*": {targets: [{target: silent}]}
`)
	p, operator := unconfigured(t)
	applied := operator(config, "apply", "-f", "-")
	require.Zero(t, applied.code, applied.err)

	calls := p.ready["http"] + "/v1/instances/default/calls/"
	request := func() reply { return read[reply](t, post(t, calls+"request", addUser).body) }
	response := func() reply {
		return read[reply](t, post(t, calls+"response", `{"fullMethod":"/acme.user.v1.UserService/AddUser","request":{},"response":{}}`).body)
	}
	stopped := func(got reply, code string) {
		t.Helper()
		require.Equal(t, "failed", got.Outcome)
		require.Equal(t, code, got.Error.Code)
	}
	stopped(request(), "connect")
	stopped(response(), "timeout")

	client, err := callout.Connect(t.Context(), callout.Options{URL: p.ready["nats"], Exempt: []string{"/acme.admin"}})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	for method, outcome := range map[string]action.Outcome{
		"/callout.v1.ActionService/Apply": action.Continue, "/acme.admin.Users/Unlock": action.Continue, "/acme.administrator.Users/Unlock": action.Failed,
	} {
		result, err := client.Request(t.Context(), callout.Call{Method: method, Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, outcome, result.Outcome, method)
	}

	began := time.Now()
	exported := operator("", "export")
	require.Zero(t, exported.code, exported.err)
	require.Contains(t, exported.out, "dead")
	explained := operator("", "explain", "request", "/acme.user.v1.UserService/AddUser")
	require.Zero(t, explained.code, explained.err)
	paused := operator("", "target", "pause", "dead")
	require.Zero(t, paused.code, paused.err)
	stopped(request(), "paused")
	require.Zero(t, operator("", "target", "resume", "dead").code)
	stopped(request(), "connect")
	mended := operator(strings.ReplaceAll(config, "interrupt_on_error: true", "interrupt_on_error: false"), "apply", "-f", "-", "--prune")
	require.Zero(t, mended.code, mended.err)
	require.Equal(t, "continue", request().Outcome)
	require.Equal(t, "continue", response().Outcome)
	require.Zero(t, operator("targets: {}\n", "apply", "-f", "-", "--prune", "--allow-empty", "--yes").code)
	require.Equal(t, reply{Outcome: "continue", Warnings: []refusal{}, Steps: []step{}, Revision: request().Revision}, request(), "nothing is left of it")
	t.Logf("found out and taken back in %s", time.Since(began).Round(time.Millisecond))
}

package cli_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const undeclared = `
targets: {log: {type: webhook, url: https://a.example/log}}
requests: {/acme.user.v1.UserService/AddUsr: {targets: [{target: log}]}}
events: {"usr.*": {targets: [{target: log}]}}
`

// TestUndeclared: a dispatcher refuses what no core has declared, unless it is
// told to allow it; callout dev allows it.
func TestUndeclared(t *testing.T) {
	t.Parallel()
	const (
		method = `no core has declared the method "/acme.user.v1.UserService/AddUsr"; did you mean "/acme.user.v1.UserService/AddUser"? [unknown_condition]`
		group  = `no core has declared an event type under "usr.*"; did you mean "user.*"? [unknown_condition]`
	)
	for name, c := range map[string]struct {
		program string
		args    []string
		allowed bool
	}{
		"refused": {"dispatcher", []string{"--embedded-nats", "--make-instances"}, false},
		"allowed": {"dispatcher", []string{"--embedded-nats", "--allow-undeclared", "--make-instances"}, true},
		"dev":     {"callout", []string{"dev"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, c.program, nil, append(c.args, "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0")...)
			callout := func(stdin string, args ...string) result {
				return runWith(t, "callout", runOptions{dir: t.TempDir(), stdin: stdin, env: []string{"CALLOUT_SERVER=" + p.ready["http"]}}, args...)
			}
			require.Zero(t, callout("version: 1", "apply", "-f", "-", "--allow-empty").code)
			got := post(t, p.ready["http"]+"/callout.v1.ActionService/DeclareConditions",
				`{"declaration":{"core":"users","methods":["/acme.user.v1.UserService/AddUser"],"eventTypes":["user.added"]}}`)
			require.Equal(t, 200, got.status, got.body)

			applied := callout(undeclared, "apply", "-f", "-")
			require.Contains(t, applied.err, method)
			require.Contains(t, applied.err, group)
			explained := callout("", "explain", "request", "/acme.user.v1.UserService/AddUsr").out
			require.Contains(t, explained, `hint: no core has declared the method "/acme.user.v1.UserService/AddUsr"; did you mean "/acme.user.v1.UserService/AddUser"?`)
			if c.allowed {
				require.Zero(t, applied.code, applied.err)
				require.Contains(t, applied.err, "warning: "+method)
				require.Contains(t, explained, "log")
				return
			}
			require.Equal(t, 1, applied.code)
			require.Contains(t, applied.err, "error: "+method)
			require.Contains(t, explained, "nothing is called")
		})
	}
}

package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTokens: a dispatcher with the operator's token asks everybody who he is; by that
// token others are made, each of which may do its part and no more, until it is
// revoked. No token but the one that was asked for is shown anywhere.
func TestTokens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made := run(t, "callout", "auth", "init", "-o", filepath.Join(dir, "secrets"))
	file := filepath.Join(dir, "secrets", "operator.token")
	require.Zero(t, made.code, made)
	require.Contains(t, made.out, "dispatcher --token-file "+file)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	operator := strings.TrimSpace(string(raw))
	require.Equal(t, 1, run(t, "callout", "auth", "init", "-o", filepath.Join(dir, "secrets")).code, "nothing is written over")

	d := newProcess("dispatcher", nil, "--embedded-nats", "--data", "", "--nats-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--token-file", file)
	d.launch(t)
	callout := func(token string, args ...string) result {
		t.Helper()
		return run(t, "callout", append(args, "--server", d.ready["http"], "--token", token)...)
	}
	refused := callout("", "get", "instances")
	require.Equal(t, 1, refused.code)
	require.Contains(t, refused.err, "give --token")
	require.Contains(t, refused.err, "[unauthenticated]")
	require.Zero(t, callout(operator, "get", "instances").code)

	config := filepath.Join(dir, "callout.yaml")
	require.NoError(t, os.WriteFile(config, []byte("instance: north\ntargets: {hook: {type: webhook, url: 'http://127.0.0.1:9/'}}\n"), 0o600))
	require.Zero(t, callout(operator, "create", "instance", "north").code)
	applied := callout(operator, "apply", "-f", config, "--instance", "north")
	require.Zero(t, applied.code, applied)
	created := callout(operator, "token", "create", "look", "--instance", "north", "--verbs", "read,observe", "--expires", "90d")
	require.Zero(t, created.code, created)
	look := strings.TrimSpace(created.out)
	require.Len(t, strings.Split(look, "\n"), 1, "the token alone is on standard output")
	require.Contains(t, created.err, "shown this once")
	require.Zero(t, callout(look, "get", "targets", "--instance", "north").code)
	for _, args := range [][]string{{"get", "targets"}, {"apply", "-f", config, "--instance", "north"}, {"status"},
		{"token", "create", "more", "--instance", "north", "--verbs", "all"}} {
		refused := callout(look, args...)
		require.Equal(t, 1, refused.code, args)
		require.Contains(t, refused.err, "[forbidden]", args)
	}
	listed := callout(operator, "token", "list", "--installation")
	require.Regexp(t, `(?m)^[a-z2-7]{13} +look +north +observe,read +20\d\d-\d\d-\d\d`, listed.out)
	id := strings.Fields(strings.Split(strings.TrimSpace(listed.out), "\n")[1])[0]
	require.Zero(t, callout(operator, "token", "revoke", id).code)
	require.Contains(t, callout(look, "get", "targets", "--instance", "north").err, "[unauthenticated]")

	audit := callout(operator, "audit", "--all-instances")
	require.Regexp(t, `(?m)operator +Apply +north +revision 2$`, audit.out)
	require.Regexp(t, `(?m)operator +CreateToken +north look +done$`, audit.out)
	for _, secret := range []string{operator, look} {
		for _, text := range []string{d.log.String(), d.out.String(), listed.out, audit.out, refused.err} {
			require.NotContains(t, text, secret)
			require.NotContains(t, text, secret[len(secret)-20:])
		}
	}
	usage := run(t, "callout", "token", "create", "x", "--verbs", "admin", "--server", d.ready["http"])
	require.Equal(t, 2, usage.code)
	require.Contains(t, usage.err, `"admin" is no verb`)
}

// TestFlagsOfWhoComesIn: what does not go together, or cannot be, is refused before
// anything starts, by the name of the flag.
func TestFlagsOfWhoComesIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	loose, wrong := filepath.Join(dir, "loose"), filepath.Join(dir, "wrong")
	require.NoError(t, os.WriteFile(loose, []byte("x"), 0o644))
	require.NoError(t, os.WriteFile(wrong, []byte("hunter2"), 0o600))
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "--tls-cert and --tls-key belong together", []string{"--tls-cert", wrong}},
		{2, "--tls-client-ca is of no use without --tls-cert", []string{"--tls-client-ca", wrong}},
		{2, "give one of them", []string{"--insecure-listen", "--token-file", wrong}},
		{2, "--public-reflection changes nothing", []string{"--public-reflection"}},
		{1, "no such file", []string{"--token-file", filepath.Join(dir, "none")}},
		{1, "chmod 600", []string{"--token-file", loose}},
		{1, "this is no token", []string{"--token-file", wrong}},
		{1, "wrong", []string{"--tls-cert", wrong, "--tls-key", wrong}},
	} {
		got := run(t, "callout", append([]string{"dispatcher", "--embedded-nats", "--data", "", "--nats-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"}, c.args...)...)
		require.Equal(t, c.code, got.code, "%v: %s", c.args, got.err)
		require.Contains(t, got.err, c.says, c.args)
		require.NotContains(t, got.err, "hunter2")
	}
}

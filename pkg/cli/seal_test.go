package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sealKeys has auth init make a key, and gives where its halves are.
func sealKeys(t *testing.T) (private, public string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "secrets")
	require.Zero(t, run(t, "callout", "auth", "init", "-o", dir).code)
	private, public = filepath.Join(dir, "secrets.key"), filepath.Join(dir, "secrets.pub")
	for _, file := range []string{private, public} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, file)
	}
	return private, public
}

// TestFilesThatAreNoSealKey end a start at once, and say what is needed.
func TestFilesThatAreNoSealKey(t *testing.T) {
	t.Parallel()
	private, public := sealKeys(t)
	raw, err := os.ReadFile(private)
	require.NoError(t, err)
	broken := filepath.Join(t.TempDir(), "broken")
	require.NoError(t, os.WriteFile(broken, []byte(strings.TrimSpace(string(raw))[:len(raw)-5]), 0o600))
	for _, tt := range []struct {
		program string
		args    []string
		want    string
	}{
		{"worker", []string{"--open-with", "none"}, "--open-with none: no such file or directory: name the file of a key, as \"callout auth init\" writes it"},
		{"worker", []string{"--open-with", public}, "--open-with " + public + ": the key is the other half: a private one is needed, secrets.key is private and secrets.pub is public"},
		{"worker", []string{"--open-with", broken}, "--open-with " + broken + ": the key is broken"},
		{"worker", []string{"--open-with", private, "--open-with", private}, "is given twice: give each once"},
		{"worker", []string{"--open-with", filepath.Join(filepath.Dir(private), "operator.token")}, "this is no private key that seals secrets"},
		{"dispatcher", []string{"--embedded-nats", "--seal-to", "none"}, "--seal-to none: no such file or directory: name the file of a key"},
		{"dispatcher", []string{"--embedded-nats", "--seal-to", private}, "--seal-to " + private + ": the key is the other half: a public one is needed"},
		{"callout", []string{"dev", "--seal-to", public}, "--seal-to " + public + " needs --open-with and the private half of key "},
	} {
		got := runWith(t, tt.program, runOptions{dir: t.TempDir()}, tt.args...)
		require.Equal(t, 2, got.code, got.err)
		require.Contains(t, got.err, tt.want)
		require.NotContains(t, got.err, strings.Split(strings.TrimSpace(string(raw)), ":private:")[1])
	}
}

// TestSealedFleet: processes that are started with the halves of a key seal and sign;
// a worker without says which key it lacks, and readiness does.
func TestSealedFleet(t *testing.T) {
	t.Parallel()
	private, public := sealKeys(t)
	tg := newTarget(t, nil) // which knows one key, and takes nothing that is not signed by it
	d := newProcess("dispatcher", tg.env(), "--embedded-nats", "--data", "", "--nats-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--make-instances", "--seal-to", public)
	d.launch(t)
	w := newProcess("worker", nil, "--nats", d.ready["nats"], "--allow-local", "--open-with", private)
	w.launch(t)
	config := filepath.Join(t.TempDir(), "callout.yaml")
	require.NoError(t, os.WriteFile(config, []byte("targets: {hook: {type: webhook, url: '"+tg.URL+"/hook', signing_key: {env: "+keyVariable+"}}, made: {type: webhook, url: '"+tg.URL+"/made'}}\n"), 0o600))
	callout := func(args ...string) result {
		t.Helper()
		got := run(t, "callout", append(args, "--server", d.ready["http"])...)
		require.Zero(t, got.code, got)
		return got
	}
	callout("apply", "-f", config)
	callout("target", "test", "hook")
	rotated := callout("target", "key", "rotate", "made", "--show-once")
	require.Contains(t, rotated.out+rotated.err, "whsec_")
	without := newProcess("worker", nil, "--nats", d.ready["nats"], "--allow-local")
	without.launch(t)
	require.Eventually(t, func() bool {
		return strings.Contains(without.log.String(), "secrets are sealed for a key that this worker does not have")
	}, time.Minute, 10*time.Millisecond)
	require.Eventually(t, func() bool { return strings.Contains(callout("status").out, "lacks the key ") }, time.Minute, 50*time.Millisecond)
}

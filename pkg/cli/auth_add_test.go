package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/callout"
)

// forms of a server's configuration.
var forms = []string{"users", "accounts"}

// installation is a directory of logins, a server that knows them, and a fleet with them.
type installation struct {
	*testing.T
	dir, url, http string
	log            func() string // what the server has said
}

func (k installation) at(name string) string { return filepath.Join(k.dir, name) }

func (k installation) auth(args ...string) result {
	k.Helper()
	return run(k.T, "callout", append([]string{"auth"}, args...)...)
}

// checked tells whether the server keeps to all roles, those of an instance's cores among
// them.
func (k installation) checked(instance string) bool {
	k.Helper()
	c := k.auth("check", "--nats", k.url, "--dir", k.dir)
	return c.code == 0 && strings.Contains(c.out, "core-"+instance+" ")
}

// answers tells whether the cores of an instance log in and are answered by the worker.
func (k installation) answers(instance string) bool {
	k.Helper()
	client, err := callout.Connect(k.Context(), callout.Options{URL: k.url, Instance: instance, Login: bus.Login{NKey: k.at("core-" + instance + ".nk")}, Log: zerolog.Nop()})
	if err != nil {
		return false
	}
	defer client.Close()
	r, err := client.Function(k.Context(), "f", []byte(`{}`))
	return err == nil && r.Revision > 0
}

func (k installation) configure(instance string) {
	k.Helper()
	var made result
	require.Eventually(k, func() bool { // a server that reads its configuration anew is away for a moment
		made = run(k.T, "callout", "create", "instance", instance, "--server", k.http)
		return made.code == 0 || !strings.Contains(made.err, "[unavailable]")
	}, time.Minute, 200*time.Millisecond)
	require.Zero(k, made.code, made.err)
	config := filepath.Join(k.TempDir(), "callout.yaml")
	require.NoError(k, os.WriteFile(config, []byte("instance: "+instance+"\ntargets: {later: {type: async, url: 'http://127.0.0.1:9/'}}\nfunctions: {f: {targets: [{target: later}]}}\n"), 0o600))
	applied := run(k.T, "callout", "apply", "-f", config, "--server", k.http)
	require.Zero(k, applied.code, applied.err)
}

// seeds are the keys of a directory, by their files.
func (k installation) seeds() map[string]string {
	k.Helper()
	all, err := filepath.Glob(k.at("*.nk"))
	require.NoError(k, err)
	seeds := map[string]string{}
	for _, name := range all {
		raw, err := os.ReadFile(name)
		require.NoError(k, err)
		seeds[filepath.Base(name)] = string(raw)
	}
	return seeds
}

// grows adds an instance, has the server read that, and shows that it is let in beside the
// others.
func (k installation) grows(reload func()) {
	k.Helper()
	k.configure("north")
	require.Eventually(k, func() bool { return k.answers("north") }, 2*time.Minute, 200*time.Millisecond)
	before := k.seeds()
	text, err := os.ReadFile(k.at("nats.conf"))
	require.NoError(k, err)
	require.NoError(k, os.WriteFile(k.at("nats.conf"), append([]byte("max_connections: 500 # mine\n"), text...), 0o600))

	added := k.auth("add-instance", "west", "a b", "-o", k.dir)
	require.Equal(k, 0, added.code, added.err)
	require.Contains(k, added.out, "core-west.nk, core-a=20b.nk")
	reload()
	k.configure("west")
	require.Eventually(k, func() bool { return k.checked("west") && k.checked("north") && k.answers("west") && k.answers("north") }, 2*time.Minute, 200*time.Millisecond, "%s", k.log())
	after := k.seeds()
	require.Len(k, after, len(before)+2)
	for name, seed := range before {
		require.Equal(k, seed, after[name], name)
	}
	config, err := os.ReadFile(k.at("nats.conf"))
	require.NoError(k, err)
	require.Contains(k, string(config), "max_connections: 500 # mine")

	again := k.auth("add-instance", "east", "west", "-o", k.dir)
	require.Equal(k, 1, again.code)
	require.Contains(k, again.err, `"west" have a login already`)
	require.NoError(k, os.WriteFile(k.at("nats.conf"), bytes.Replace(config, []byte("SYS: {}"), []byte("SYS: {}\n  MINE: {}"), 1), 0o600))
	edited := k.auth("add-instance", "east", "-o", k.dir)
	require.Equal(k, 1, edited.code)
	require.Contains(k, edited.err, "would not be kept")
	require.Equal(k, after, k.seeds(), "nothing was written")
}

// TestAddInstance adds an instance to logins that a dispatcher with the embedded NATS has
// in use: its cores log in without a restart, and a broken file shuts nobody out.
func TestAddInstance(t *testing.T) {
	t.Parallel()
	for _, form := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			k := installation{T: t, dir: filepath.Join(t.TempDir(), "secrets")}
			made := k.auth("init", "--nats", form, "-o", k.dir, "--instance", "north")
			require.Zero(t, made.code, made.err)
			d := newProcess("dispatcher", nil, "--embedded-nats", "--data", "", "--nats-config", k.at("nats.conf"), "--nats-listen", "127.0.0.1:0", "--nats-nkey", k.at("dispatcher.nk"), "--listen", "127.0.0.1:0", "--allow-undeclared")
			d.launch(t)
			newProcess("worker", nil, "--nats", d.ready["nats"], "--nats-nkey", k.at("worker.nk")).launch(t)
			k.url, k.http, k.log = d.ready["nats"], d.ready["http"], d.log.String
			k.grows(func() { // JetStream is away for a moment while the server reads it
				require.Eventually(t, func() bool { return k.checked("west") && strings.Contains(k.log(), "is read anew, and in force") }, 2*time.Minute, 200*time.Millisecond)
			})

			require.NoError(t, os.WriteFile(k.at("nats.conf"), []byte("accounts: {"), 0o600))
			require.Eventually(t, func() bool { return strings.Contains(d.log.String(), "the last good one stays in force") }, 2*time.Minute, 200*time.Millisecond)
			require.True(t, k.answers("west"))
		})
	}
}

// TestPlainServer has the configuration read by a nats-server of its own, built from the
// module that the embedded one is of: it keeps to every role, and to those of an instance
// that is added, once it is told to read it anew.
func TestPlainServer(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "nats-server")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/nats-io/nats-server/v2").CombinedOutput()
	require.NoError(t, err, "%s", built)
	for _, form := range forms {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			k := installation{T: t, dir: filepath.Join(t.TempDir(), "secrets")}
			made := k.auth("init", "--nats", form, "-o", k.dir, "--instance", "north")
			require.Zero(t, made.code, made.err)
			out := newTranscript()
			server := exec.CommandContext(t.Context(), program, "-c", k.at("nats.conf"), "-a", "127.0.0.1", "-p", "-1")
			server.Dir, server.Stdout, server.Stderr = t.TempDir(), out, out
			require.NoError(t, server.Start())
			t.Cleanup(func() {
				_ = server.Process.Kill()
				_ = server.Wait() // it was killed
			})
			listens := regexp.MustCompile(`Listening for client connections on (127\.0\.0\.1:\d+)`)
			require.Eventually(t, func() bool { return strings.Contains(out.String(), "Server is ready") }, 2*time.Minute, 200*time.Millisecond)
			k.url, k.log = "nats://"+listens.FindStringSubmatch(out.String())[1], out.String
			d := newProcess("dispatcher", nil, "--nats", k.url, "--nats-nkey", k.at("dispatcher.nk"), "--listen", "127.0.0.1:0", "--allow-undeclared")
			d.launch(t)
			newProcess("worker", nil, "--nats", k.url, "--nats-nkey", k.at("worker.nk")).launch(t)
			k.http = d.ready["http"]
			require.True(t, k.checked("north"), "%s", k.auth("check", "--nats", k.url, "--dir", k.dir))
			k.grows(func() { // twice, as README.md there says
				for n := range 2 {
					require.NoError(t, server.Process.Signal(syscall.SIGHUP))
					require.Eventually(t, func() bool { return strings.Count(out.String(), "Reloaded server configuration") > n }, time.Minute, 50*time.Millisecond)
				}
			})
		})
	}
}

package cli_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAuth makes logins, starts a dispatcher with the embedded NATS and a worker with
// them, and has the server tried: it keeps to each, and another server does not.
func TestAuth(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"users", "accounts"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "secrets")
			made := run(t, "callout", "auth", "init", "--nats", form, "-o", dir, "--instance", "north", "--instance", "a b")
			require.Equal(t, result{0, fmt.Sprintf("written to %s: operator.token, secrets.key, secrets.pub, nats.conf, README.md, dispatcher.nk, worker.nk, observer.nk, core-north.nk, core-a=20b.nk\n"+
				"README.md there says what each is, and how to start with them.\n", dir), ""}, made)
			require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
				info, infoErr := e.Info()
				require.NoError(t, infoErr)
				require.Zero(t, info.Mode().Perm()&0o077, path)
				return err
			}))
			seed, err := os.ReadFile(filepath.Join(dir, "worker.nk"))
			require.NoError(t, err)
			again := run(t, "callout", "auth", "init", "--nats", form, "-o", dir)
			require.Equal(t, 1, again.code)
			require.Contains(t, again.err, filepath.Join(dir, "operator.token")+" is there already")
			at := func(name string) string { return filepath.Join(dir, name) }

			d := newProcess("dispatcher", nil, "--embedded-nats", "--data", "", "--nats-config", at("nats.conf"), "--nats-nkey", at("dispatcher.nk"), "--nats-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0")
			d.launch(t)
			require.Contains(t, d.log.String(), "max_payload (--max-object)")
			w := newProcess("worker", nil, "--nats", d.ready["nats"], "--nats-nkey", at("worker.nk"))
			w.launch(t)
			refused := run(t, "worker", "--nats", d.ready["nats"])
			require.Equal(t, 1, refused.code)
			require.Equal(t, "callout: the NATS server at "+d.ready["nats"]+" refuses this login: Authorization Violation; give --nats-creds or --nats-nkey, or a user and a password in --nats\n", lastLine(refused.err))

			checked := run(t, "callout", "auth", "check", "--nats", d.ready["nats"], "--dir", dir)
			require.Zero(t, checked.code, checked)
			require.Regexp(t, `(?m)^worker +(\d+) +\d+ +\d+ +\d+$`, checked.out)
			require.Len(t, strings.Split(strings.TrimSpace(checked.out), "\n"), 6)
			for _, text := range []string{made.out, checked.out, checked.err, refused.err, d.out.String(), d.log.String(), w.out.String(), w.log.String()} {
				require.NotContains(t, text, strings.TrimSpace(string(seed)))
			}
			looseServer(t, dir)
		})
	}
}

func lastLine(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return lines[max(len(lines)-2, 0)]
}

// looseServer has a server tried that lets everybody do everything who has such a key.
func looseServer(t *testing.T, dir string) {
	t.Helper()
	// A server that lets everybody in who has such a key.
	config, err := os.ReadFile(filepath.Join(dir, "nats.conf"))
	require.NoError(t, err)
	loose := filepath.Join(t.TempDir(), "loose.conf")
	var users []string
	for line := range strings.Lines(string(config)) {
		if key, ok := strings.CutPrefix(strings.TrimSpace(line), "{nkey: "); ok {
			users = append(users, "{nkey: "+key[:strings.Index(key, ",")]+"}")
		}
	}
	require.NoError(t, os.WriteFile(loose, []byte("authorization: {users: ["+strings.Join(users, ", ")+"]}"), 0o600))
	other := newProcess("dispatcher", nil, "--embedded-nats", "--data", "", "--nats-config", loose, "--nats-nkey", filepath.Join(dir, "dispatcher.nk"), "--nats-listen", "127.0.0.1:0", "--listen", "127.0.0.1:0")
	other.launch(t)
	wrong := run(t, "callout", "auth", "check", "--nats", other.ready["nats"], "--dir", dir)
	require.Equal(t, 1, wrong.code)
	require.Regexp(t, `(?m)^let +core-north +publish +callout\.catalog\.north$`, wrong.out)
	require.Contains(t, wrong.err, "otherwise than it should")
	require.Contains(t, run(t, "callout", "auth", "check", "--nats", other.ready["nats"], "--dir", t.TempDir()).err, "--nats-nkey")
}

package cli_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"
)

// free is an address that nobody listens on: of a loopback address of its own,
// so that no port which other tests are given can be it.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// taken is an address that somebody listens on.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// place is where a process of a test that must fail would settle.
type place struct{ data, http, nats string }

// left is nothing: what was begun has been taken back.
func (p place) left(t *testing.T) {
	t.Helper()
	for _, address := range []string{p.http, p.nats} {
		l, err := net.Listen("tcp", address)
		require.NoError(t, err, "an address is still held")
		require.NoError(t, l.Close())
	}
	if _, err := os.Stat(p.data); os.IsNotExist(err) {
		return
	}
	lock := flock.New(filepath.Join(p.data, "lock"))
	got, err := lock.TryLock()
	require.NoError(t, err)
	require.True(t, got, "the data directory is still locked")
	require.NoError(t, lock.Unlock())
}

// atStart marks a problem of a file, which has a line of its own.
const atStart = "\x00"

// TestBadStart starts what cannot run: one line on stderr that names the thing
// and the fix, nothing on stdout, the exit code, and nothing left behind.
func TestBadStart(t *testing.T) {
	t.Parallel()
	http, nats := taken(t), taken(t)
	lost := filepath.Join(t.TempDir(), "lost.yaml")
	const onlyLoopback = `is not a loopback address: without authentication only 127.0.0.1, ::1 or localhost may be listened on; give --token-file, ` +
		`which "callout auth init" makes, or --insecure-listen if everybody there may do everything`
	const onlyNATS = `is not a loopback address: where nobody is asked who he is only 127.0.0.1, ::1 or localhost may be listened on ` +
		`(choose another with --nats-listen, or say who may log in with --nats-config FILE, users or accounts without no_auth_user)`
	broken := configuration(t, "targets:\n  a: {type: webhok, url: \"http://127.0.0.1:9\"}\nevents:\n  user.added: {targets: [{target: a}]}\n")
	notYAML := configuration(t, "targets: [\n")
	dir := t.TempDir()
	for _, tt := range []struct {
		name string
		args []string // behind those that name the place
		code int
		err  string
	}{
		{"missing file", []string{"-f", lost}, 1, "the configuration cannot be read: open " + lost + ": no such file or directory (give another with -f)"},
		{"a directory as file", []string{"-f", dir}, 1, "the configuration cannot be read: read " + dir + ": is a directory (give another with -f)"},
		{"flawed file", []string{"-f", broken}, 1, atStart + broken + `:2:13: error: `},
		{"file that is no YAML", []string{"-f", notYAML}, 1, atStart + notYAML + ":1:10: error: "},
		{"HTTP address in use", []string{"--listen", http}, 1, "HTTP address " + http + " cannot be used: listen tcp " + http + ": bind: address already in use (choose another with --listen)"},
		{"NATS address in use", []string{"--nats-listen", nats}, 1, "NATS address " + nats + " cannot be used: listen tcp " + nats + ": bind: address already in use (choose another with --nats-listen)"},
		{"HTTP for everybody", []string{"--listen", "0.0.0.0:0"}, 1, `"0.0.0.0" ` + onlyLoopback},
		{"HTTP on every address", []string{"--listen", ":0"}, 1, `"" ` + onlyLoopback},
		{"HTTP on an address of a network", []string{"--listen", "192.0.2.1:80"}, 1, `"192.0.2.1" ` + onlyLoopback},
		{"HTTP address without a port", []string{"--listen", "127.0.0.1"}, 1, `"127.0.0.1" is no address: write host:port, such as 127.0.0.1:8080`},
		{"NATS for everybody", []string{"--nats-listen", "0.0.0.0:0"}, 1, `"0.0.0.0" ` + onlyNATS},
		{"NATS on every address", []string{"--nats-listen", ":0"}, 1, `"" ` + onlyNATS},
		{"NATS for everybody, by IPv6", []string{"--nats-listen", "[::]:0"}, 1, `"::" ` + onlyNATS},
		{"NATS address without a port", []string{"--nats-listen", "127.0.0.1"}, 1, `"127.0.0.1" is no address: write host:port, such as 127.0.0.1:4222`},
		{"data directory that cannot be", []string{"--data", filepath.Join(broken, "data")}, 1, "data directory " + broken + "/data: mkdir " + broken + ": not a directory (choose another with --data)"},
		{"ack wait too short", []string{"--ack-wait", "1ms"}, 1, "ack wait is 1ms, at least 500ms is needed"},
	} {
		for _, program := range []struct{ name, command string }{{"callout", "dev"}, {"dispatcher", "--embedded-nats"}} {
			t.Run(program.name+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				at := place{data: filepath.Join(t.TempDir(), "data"), http: free(t), nats: free(t)}
				args := []string{program.command, "--log-level", "error", "--data", at.data, "--listen", at.http, "--nats-listen", at.nats}
				got := run(t, program.name, append(args, tt.args...)...)
				require.Equal(t, tt.code, got.code, got.err)
				require.Empty(t, got.out)
				if problem, is := strings.CutPrefix(tt.err, atStart); is { // as check tells it
					require.True(t, strings.HasPrefix(got.err, problem), got.err)
					require.True(t, strings.HasSuffix(got.err, "\ncallout: the configuration is refused: 1 error\n"), got.err)
				} else {
					require.True(t, strings.HasPrefix(got.err, "callout: "+tt.err), got.err)
					require.Equal(t, 1, strings.Count(got.err, "\n"), "one line: %s", got.err)
				}
				at.left(t)
			})
		}
	}
}

func TestUnreachableNATS(t *testing.T) {
	t.Parallel()
	url := "nats://" + free(t)
	for _, program := range []string{"dispatcher", "worker"} {
		got := run(t, program, "--nats", url)
		require.Equal(t, result{3, "", "callout: no NATS server answers at " + url + ": nats: no servers available for connection (start one, or give another --nats URL)\n"}, got)
	}
}

// TestSecondProcess tries to share a data directory: the second is refused, the
// first goes on, and when it has ended the directory is free.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	file := configuration(t, named(tg, "it"))
	at := place{data: t.TempDir(), http: free(t), nats: free(t)}
	first := dev(t, tg, file, "--data", at.data)
	for _, program := range []struct{ name, command string }{{"callout", "dev"}, {"dispatcher", "--embedded-nats"}} {
		got := run(t, program.name, program.command, "--data", at.data, "--listen", at.http, "--nats-listen", at.nats)
		require.Equal(t, result{1, "", "callout: data directory " + at.data + " is in use by another process (stop the other process, or choose another with --data)\n"}, got)
	}
	answer := post(t, first.ready["http"]+"/v1/instances/default/calls/request", addUser)
	require.Equal(t, "continue", read[reply](t, answer.body).Outcome)
	code, _ := first.stop(t, terminate)
	require.Zero(t, code)
	at.left(t)
	dev(t, tg, file, "--data", at.data)
}

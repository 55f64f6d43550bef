package cli_test

import (
	"context"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reader is who does what a page says: in an empty folder, with an empty home, the
// three programs, curl and nats, and nothing listening yet. The ports that pages name
// are others here.
type reader struct {
	dir, home string
	env       []string
	ports     *strings.Replacer
}

// shellWait bounds what a page has a reader wait for, the first compilation of a
// small program among it.
const shellWait = 2 * time.Minute

func newReader(t *testing.T) *reader {
	t.Helper()
	tools := t.TempDir()
	b := &reader{dir: t.TempDir(), home: t.TempDir()}
	self, err := os.Executable()
	require.NoError(t, err)
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	tool := func(name, script string) {
		require.NoError(t, os.WriteFile(filepath.Join(tools, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	for _, program := range []string{"callout", "dispatcher", "worker", curlProgram} {
		tool(program, programVariable+"="+program+" exec "+self+` "$@"`)
	}
	tool("nats", "exec go -C "+root+` tool -modfile=deploy/tools/go.mod nats "$@"`)
	http, nats, target := freePort(t), freePort(t), freePort(t)
	b.ports = strings.NewReplacer(":8080", ":"+http, ":4222", ":"+nats, ":9000", ":"+target, `", 9000`, `", `+target)
	b.env = []string{
		"PATH=" + tools + ":" + os.Getenv("PATH"), "HOME=" + b.home, "LANG=C.UTF-8", "NO_COLOR=1",
		// What a reader of the pages has by default, at the ports of this reader.
		"CALLOUT_LISTEN=127.0.0.1:" + http, "CALLOUT_NATS_LISTEN=127.0.0.1:" + nats, "CALLOUT_SERVER=http://127.0.0.1:" + http,
		"NATS_URL=nats://127.0.0.1:" + nats, "PORT=" + target,
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "GOSUMDB"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		require.NoError(t, err)
		b.env = append(b.env, name+"="+strings.TrimSpace(string(value)))
	}
	return b
}

// freePort gives a port below those that the system hands out: what others of this
// run listen on does not come in between.
func freePort(t *testing.T) string {
	t.Helper()
	for {
		port := strconv.Itoa(20000 + rand.IntN(10000))
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
}

// write writes a file as a page shows it.
func (b *reader) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(b.dir, name), []byte(b.ports.Replace(text)), 0o600))
}

func (b *reader) shell(ctx context.Context, script string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-eu", "-c", b.ports.Replace(script))
	cmd.Dir, cmd.Env = b.dir, b.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// run runs lines of a shell to their end, and gives what they print.
func (b *reader) run(t *testing.T, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), shellWait)
	defer cancel()
	var out, log strings.Builder
	cmd := b.shell(ctx, script)
	cmd.Stdout, cmd.Stderr = &out, &log
	require.NoError(t, cmd.Run(), "%s\nprinted:\n%s\nand said:\n%s", script, out.String(), log.String())
	return out.String()
}

// lasting is a line of a shell that goes on until the test ends.
type lasting struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lasting) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lasting) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start starts a line that goes on, in a shell of its own, and waits for the first
// that it prints: all that pages start say when they are there.
func (b *reader) start(t *testing.T, script string) *lasting {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, log, ended := &lasting{}, &lasting{}, make(chan struct{})
	cmd := b.shell(ctx, script)
	cmd.Stdout, cmd.Stderr = out, log
	require.NoError(t, cmd.Start())
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is killed
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("%s\nprinted:\n%s\nand said:\n%s", script, out, tail(log.String()))
		}
	})
	out.await(t, "\n", ended)
	return out
}

// await waits until a text has been printed.
func (l *lasting) await(t *testing.T, text string, ended <-chan struct{}) {
	t.Helper()
	for until := time.Now().Add(shellWait); !strings.Contains(l.String(), text); {
		select {
		case <-ended:
			require.Fail(t, "it ended", "before it printed %q: %s", text, l)
		case <-time.After(10 * time.Millisecond): // the pace of looking
		}
		require.True(t, time.Now().Before(until), "%q was not printed: %s", text, l)
	}
}

// needs skips a test whose language is not on this machine, and says so.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("NOT TESTED HERE: there is no %s on this machine, so its samples are not run", program)
	}
}

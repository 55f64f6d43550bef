package cli_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// terminal opens a pseudo-terminal: what is written to inside comes out of
// outside.
func terminal(t *testing.T) (outside, inside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = outside.Close() })
	control := func(request uintptr, value *int32) {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, outside.Fd(), request, uintptr(unsafe.Pointer(value)))
		require.Zero(t, errno)
	}
	var locked, number int32
	control(syscall.TIOCSPTLCK, &locked)
	control(syscall.TIOCGPTN, &number)
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = inside.Close() })
	return outside, inside
}

// onTerminal runs a command whose results go to a terminal, and gives what
// arrives there.
func onTerminal(t *testing.T, env []string, args ...string) string {
	t.Helper()
	outside, inside := terminal(t)
	cmd := command(t.Context(), "callout", env, args...)
	cmd.Stdout, cmd.Stderr = inside, io.Discard
	require.NoError(t, cmd.Start())
	require.NoError(t, inside.Close())
	var out strings.Builder
	_, _ = io.Copy(&out, outside) // a terminal ends with an error when nobody holds its inside
	_ = cmd.Wait()                // its exit code is not what this is about
	return out.String()
}

// TestColours: on a terminal only, and not when NO_COLOR says so.
func TestColours(t *testing.T) {
	t.Parallel()
	p, callout := unconfigured(t)
	file := filepath.Join(t.TempDir(), "callout.yaml")
	require.NoError(t, os.WriteFile(file, []byte("targets:\n  audit: {type: webhook, url: https://a.example/a}\n  odd: {type: pigeon, url: https://a.example/b}\n"), 0o600))
	server := "CALLOUT_SERVER=" + p.ready["http"]
	check := []string{"check", "-f", file}
	got := onTerminal(t, []string{server, "NO_COLOR=", "TERM=xterm"}, check...)
	require.Contains(t, got, ": \x1b[31merror\x1b[0m: type is webhook")
	require.Contains(t, got, ": \x1b[33mwarning\x1b[0m: nothing uses")
	for _, quiet := range []string{"NO_COLOR=1", "TERM=dumb"} {
		require.NotContains(t, onTerminal(t, []string{server, "NO_COLOR=", "TERM=xterm", quiet}, check...), "\x1b")
	}
	require.NotContains(t, callout("", check...).out, "\x1b")

	plan := onTerminal(t, []string{server, "NO_COLOR=", "TERM=xterm"}, "apply", "-f", filepath.Join(examples, "epic-mended.yaml"), "--dry-run")
	require.Contains(t, plan, "\x1b[32m+ target hook\x1b[0m")
}

package demo

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// buildCallout builds the program that a fleet's processes run. Its path is one
// of a kind, so that its processes can be told from others.
func buildCallout(t *testing.T) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "callout")
	out, err := exec.Command("go", "build", "-o", exe, "../../cmd/callout").CombinedOutput()
	require.NoError(t, err, string(out))
	return exe
}

// processes lists the running processes of exe, by id, with their arguments.
func processes(t *testing.T, exe string) map[int]string {
	t.Helper()
	found := map[int]string{}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	for _, dir := range dirs {
		raw, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !bytes.HasPrefix(raw, []byte(exe+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		require.NoError(t, err)
		found[pid] = strings.ReplaceAll(string(raw), "\x00", " ")
	}
	return found
}

func requireNone(t *testing.T, exe string) {
	t.Helper()
	require.Eventually(t, func() bool { return len(processes(t, exe)) == 0 }, time.Minute, 10*time.Millisecond,
		"processes are left behind")
}

func TestFleet(t *testing.T) {
	exe := buildCallout(t)
	t.Run("plays", func(t *testing.T) {
		for _, broken := range everyBreak {
			var during int
			out := &watched{}
			out.on("Store events", func() { during = len(processes(t, exe)) })
			if broken == BreakMetadata {
				out.on("Create User", func() { during = len(processes(t, exe)) })
			}
			require.NoError(t, Run(t.Context(), Options{Out: out, JSON: true, Break: broken, Fleet: 3, Executable: exe}), out.String())
			require.Equal(t, 4, during, "one dispatcher and three workers")
			require.Empty(t, processes(t, exe), "processes are left behind")
		}
	})
	t.Run("its environment is not handed on", func(t *testing.T) {
		t.Setenv("CALLOUT_NATS", "nats://127.0.0.1:1")
		t.Setenv("CALLOUT_LISTEN", "127.0.0.1:1")
		require.NoError(t, Run(t.Context(), Options{Fleet: 1, Executable: exe}))
	})
	t.Run("a dispatcher that is killed is named", func(t *testing.T) {
		out := &watched{}
		out.on("Store events", func() {
			for pid, args := range processes(t, exe) {
				if strings.Contains(args, " dispatcher ") {
					p, _ := os.FindProcess(pid)
					_ = p.Kill()
				}
			}
		})
		err := Run(t.Context(), Options{Out: out, JSON: true, Fleet: 1, Executable: exe, StepTimeout: 4 * time.Second})
		lines := readLines(t, out.String())
		require.Equal(t, "end", lines[len(lines)-1].Kind, "nothing is shown behind the end")
		requireStep(t, err, eventStored.String(), "did not happen")
		require.ErrorContains(t, err, "dispatcher ended by itself: signal: killed")
		requireNone(t, exe)
	})
	t.Run("it dies with the demo", func(t *testing.T) {
		self, err := os.Executable()
		require.NoError(t, err)
		demo := exec.Command(self)
		tmp := t.TempDir() // a killed demo cannot tidy up its files
		demo.Env = append(os.Environ(), playHere+"="+exe, "TMPDIR="+tmp)
		out := &watched{}
		demo.Stdout = out
		require.NoError(t, demo.Start())
		out.await(t, `"kind":"try"`)
		require.Len(t, processes(t, exe), 3)
		require.NoError(t, demo.Process.Kill())
		_ = demo.Wait()
		requireNone(t, exe)
	})
}

// What does not start is named, and so is what it said.
func TestFleetThatDoesNotStart(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "callout")
	require.NoError(t, os.WriteFile(broken, []byte("#!/bin/sh\necho no such port >&2\nexit 1\n"), 0o755))
	for exe, want := range map[string]string{
		broken:                                "dispatcher ended by itself: exit status 1: no such port",
		filepath.Join(t.TempDir(), "nothing"): "dispatcher did not start",
	} {
		t.Run(want, func(t *testing.T) {
			err := Run(t.Context(), Options{Fleet: 2, Executable: exe})
			require.ErrorContains(t, err, want)
			requireNone(t, exe)
		})
	}
}

// A process that does not stop when it is asked to is killed and reported.
func TestFleetThatDoesNotStop(t *testing.T) {
	t.Parallel()
	stubborn := filepath.Join(t.TempDir(), "callout")
	// exec keeps it one process; a shell's ignored signal stays ignored.
	require.NoError(t, os.WriteFile(stubborn, []byte("#!/bin/sh\ntrap '' TERM\necho ready nats=x\nexec sleep 60\n"), 0o755))
	f := &fleet{executable: stubborn, stopIn: 100 * time.Millisecond}
	ready, err := f.start(t.Context(), "worker 1", "worker")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"nats": "x"}, ready)
	require.NoError(t, f.broken())
	require.ErrorContains(t, f.close(), "worker 1 did not stop within 100ms and was killed")
	require.ErrorContains(t, f.broken(), fmt.Sprintf("worker 1 ended by itself: signal: %s", syscall.SIGKILL))
}

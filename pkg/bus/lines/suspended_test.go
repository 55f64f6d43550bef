//go:build unix

package lines_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// These have the test be the process that is suspended: a worker at that URL, of these
// lines, which has been suspended when that file is there.
const (
	suspendedURL   = "CALLOUT_TEST_SUSPENDED_URL"
	suspendedLines = "CALLOUT_TEST_SUSPENDED_LINES"
	suspendedAwake = "CALLOUT_TEST_SUSPENDED_AWAKE"
)

// inHand is what the worker in the other process tells of a delivery.
type inHand struct {
	Line    string
	Awake   bool // it was suspended; else it begins
	Held    bool // whether it might be sent, at the first look
	Lapsed  bool // whether its end was refused
	Stopped bool // whether its line was stopped
}

// TestASuspendedWorkerSendsNothingMore stops the process of a worker that has the heads of
// packed lines in hand. Another delivers them and goes on. When the first is awake it may
// not send them, from the first moment on, nor end them, nor stop their lines.
func TestASuspendedWorkerSendsNothingMore(t *testing.T) {
	t.Parallel()
	if url := os.Getenv(suspendedURL); url != "" {
		suspended(t, url)
		return
	}
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	var all []lines.Line
	for _, i := range pair {
		all = append(all, packedLines(t, i, 1)...)
		bustest.Publish(t, i, "first", "u", "type0.added")
	}
	told, err := json.Marshal(all)
	require.NoError(t, err)
	ctx, awake := bustest.Within(t, time.Minute), filepath.Join(t.TempDir(), "awake")
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestASuspendedWorkerSendsNothingMore$")
	child.Env = append(os.Environ(), suspendedURL+"="+s.URL(), suspendedLines+"="+string(told), suspendedAwake+"="+awake, "GOMAXPROCS=1")
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() }) // it has ended long since when all is well
	says := bufio.NewScanner(out)
	next := func() (n inHand) {
		for says.Scan() {
			if json.Unmarshal(says.Bytes(), &n) == nil && n.Line != "" { // else the test binary says it
				return n
			}
		}
		require.FailNow(t, "the other process has ended")
		return n
	}
	for range all {
		require.False(t, next().Awake)
	}
	require.NoError(t, child.Process.Signal(syscall.SIGSTOP))
	var seen bustest.Noted
	consume(t, s.Connect(t, bus.Options{}), acked(t, &seen), all...)
	require.ElementsMatch(t, []string{bustest.Body(pair[0], "first"), bustest.Body(pair[1], "first")}, seen.Await(t, 2))
	for n, i := range pair {
		lag(t, i, all[n], 0)
	}
	require.NoError(t, os.WriteFile(awake, nil, 0o600))
	require.NoError(t, child.Process.Signal(syscall.SIGCONT))
	for range all {
		n := next()
		require.Equal(t, inHand{Line: n.Line, Awake: true, Lapsed: true}, n)
	}
	for n, i := range pair {
		standing, err := lines.Of(i).Standing(ctx, all[n])
		require.NoError(t, err)
		require.False(t, standing.Paused)
		bustest.Publish(t, i, "second", "u", "type0.added")
	}
	require.ElementsMatch(t, []string{bustest.Body(pair[0], "second"), bustest.Body(pair[1], "second")}, seen.Await(t, 4)[2:])
}

// suspended has deliveries in hand until it finds that it was suspended, and then does
// what a worker does with them.
func suspended(t *testing.T, url string) {
	var all []lines.Line
	require.NoError(t, json.Unmarshal([]byte(os.Getenv(suspendedLines)), &all))
	b, err := bus.Connect(bustest.Within(t, time.Minute), bus.Options{URL: url})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	tells, ends := make(chan inHand), make(chan struct{}, len(all))
	consume(t, b, func(_ context.Context, d *lines.Delivery) {
		n := inHand{Line: d.Line.Name}
		tells <- n
		for { // always at work, so that it is the first to run when the process is awake
			if _, err := os.Stat(os.Getenv(suspendedAwake)); err == nil {
				break
			}
			runtime.Gosched()
		}
		n.Awake, n.Held, n.Lapsed = true, d.Held(), errors.Is(d.Ack(), lines.ErrLapsed)
		stopping, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		n.Stopped = d.StopLine(stopping) == nil
		tells <- n
		ends <- struct{}{}
	}, all...)
	go func() {
		out := json.NewEncoder(os.Stdout)
		for n := range tells {
			_ = out.Encode(n) // else the test finds that the process says nothing
		}
	}()
	for range all {
		<-ends
	}
	time.Sleep(100 * time.Millisecond) // what it told is on its way
	os.Exit(0)                         // as a crash: it gives nothing back
}

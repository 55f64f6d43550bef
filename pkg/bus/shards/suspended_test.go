//go:build unix

package shards_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
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
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// These have the test be the process that is suspended: a worker at that URL, which has
// been suspended when that file is there.
const (
	suspendedURL   = "CALLOUT_TEST_SUSPENDED_URL"
	suspendedAwake = "CALLOUT_TEST_SUSPENDED_AWAKE"
)

// noted is what the worker in the other process tells.
type noted struct {
	Shard shards.Shard
	Holds bool   // it has the shard now; else it was suspended, and is awake
	Valid bool   // whether it might act, at the first look
	Wrote string // what became of what it wrote
}

// TestASuspendedWorkerDoesNothingMore stops the process of a worker in the midst of its
// work: its clock goes on, and its goroutines do not. Another takes its shards over. When
// it is awake it may not act on what it held, from the first moment on, and writes nothing
// more in it.
func TestASuspendedWorkerDoesNothingMore(t *testing.T) {
	t.Parallel()
	if url := os.Getenv(suspendedURL); url != "" {
		suspended(t, url)
		return
	}
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	all := ofBoth(t, b, 1)
	ctx, awake := bustest.Within(t, time.Minute), filepath.Join(t.TempDir(), "awake")
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestASuspendedWorkerDoesNothingMore$")
	child.Env = append(os.Environ(), suspendedURL+"="+s.URL(), suspendedAwake+"="+awake, "GOMAXPROCS=1")
	told, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() }) // it has ended long since when all is well
	lines := bufio.NewScanner(told)
	next := func() (n noted) {
		for lines.Scan() {
			if json.Unmarshal(lines.Bytes(), &n) == nil && n.Shard.Number > 0 { // else the test binary says it
				return n
			}
		}
		require.FailNow(t, "the other process has ended")
		return n
	}
	for range all {
		require.True(t, next().Holds)
	}
	require.NoError(t, child.Process.Signal(syscall.SIGSTOP))
	other := worker(t, s.Connect(t, bus.Options{}), all...)
	require.Eventually(t, func() bool { return len(other.holds()) == len(all) }, time.Minute, 5*time.Millisecond)
	want := map[shards.Shard]shards.Places{}
	for s, h := range other.held {
		require.NoError(t, h.log.Commit(ctx, shards.Change{Read: 7, Lines: map[string]shards.Place{"line": at(5)}}))
		want[s], err = shards.Read(ctx, b, s)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(awake, nil, 0o600))
	require.NoError(t, child.Process.Signal(syscall.SIGCONT))
	for range all {
		n := next()
		require.Equal(t, noted{Shard: n.Shard, Wrote: shards.ErrFenced.Error()}, n)
		places, err := shards.Read(ctx, b, n.Shard)
		require.NoError(t, err)
		require.Equal(t, want[n.Shard], places, n.Shard)
	}
}

// suspended holds shards until it finds that it was suspended, looks whether it may act,
// and tries to write.
func suspended(t *testing.T, url string) {
	b, err := bus.Connect(bustest.Within(t, time.Minute), bus.Options{URL: url})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	out := json.NewEncoder(os.Stdout)
	w := &busy{duty: duty{held: map[shards.Shard]held{}}, out: out}
	w.holder = shards.NewHolder(b, w)
	ctx := bustest.Within(t, time.Minute)
	for ctx.Err() == nil { // always at work, so that it is the first to run when the process is awake
		if _, err := os.Stat(os.Getenv(suspendedAwake)); err != nil {
			runtime.Gosched()
			continue
		}
		valid := w.holder.Valid()
		w.mu.Lock() // for ever: the process ends here
		for s, h := range w.held {
			err := h.log.Commit(ctx, shards.Change{Read: 99, Lines: map[string]shards.Place{"line": at(9)}})
			require.NoError(t, out.Encode(noted{Shard: s, Valid: valid, Wrote: fmt.Sprint(err)}))
		}
		os.Exit(0) // as a crash: it gives nothing back
	}
}

// busy is what that process does with shards.
type busy struct {
	duty
	out *json.Encoder
}

func (b *busy) Wanted() []shards.Shard {
	return []shards.Shard{{Instance: bustest.IDs[0], Number: 1}, {Instance: bustest.IDs[1], Number: 1}}
}

func (b *busy) Take(ctx context.Context, s shards.Shard, l *shards.Log, p shards.Places) {
	b.duty.Take(ctx, s, l, p)
	_ = b.out.Encode(noted{Shard: s, Holds: true}) // else the test finds that the process says nothing
}

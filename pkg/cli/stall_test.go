package cli_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestStalledWorker stops one of three workers with an event in its hands for
// longer than AckWait, and lets it go on. Another has taken the event over by
// then; what the stalled one still does may not free the line.
func TestStalledWorker(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	var stall atomic.Bool
	held := make(chan arrival, 1)
	release := make(chan struct{})
	tg.answer = func(_ http.ResponseWriter, a arrival) {
		if stall.CompareAndSwap(true, false) {
			held <- a
			<-release
			return
		}
		time.Sleep(5 * time.Millisecond) // the target's work, so that a line freed too early would show
	}
	f := newFleet(t, tg, `
targets:
  ledger: {type: webhook, url: "URL", timeout: 30s, KEY}
events:
  "order.*": {targets: [{target: ledger}]}
`, 3)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	var want []uint64
	for round := range rounds(t) {
		stall.Store(true)
		more, err := f.publish(ctx, "order.placed", 40*round, 40)
		require.NoError(t, err)
		want = append(want, more...)
		a := <-held
		i := holder(t, a.peer, tg.Listener.Addr().String(), f.workers)
		require.NoError(t, f.workers[i].cmd.Process.Signal(syscall.SIGSTOP))
		// Its lease is over; another worker has the same event.
		tg.await(t, bound, "another worker takes over", func(all []arrival) bool {
			n := 0
			for _, b := range all {
				if b.delivery == a.delivery {
					n++
				}
			}
			return n > 1
		})
		release <- struct{}{} // the answer waits for the stalled worker
		require.NoError(t, f.workers[i].cmd.Process.Signal(syscall.SIGCONT))
		tg.await(t, bound, "all events", func(all []arrival) bool { return distinct(all) >= len(want) })
	}
	awaitLag(t, f.line(t, "ledger"), 0)
	all := tg.seen()
	checkOrder(t, want, all)
	last := uint64(0)
	for _, a := range all { // not even a repeat lands behind a later event
		require.GreaterOrEqual(t, a.sequence, last)
		last = a.sequence
	}
	f.twin.check(t, tg, "", everywhere("/"))
	t.Logf("%d events, %d requests, %d stalls", len(want), len(all), rounds(t))
}

// TestCrashIsNoAttempt kills the worker in the middle of the exchange five
// times, with three attempts allowed: none of them is counted.
func TestCrashIsNoAttempt(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	var crashes atomic.Int64
	held := make(chan arrival, 1)
	tg.answer = func(w http.ResponseWriter, a arrival) {
		switch n := crashes.Add(1); {
		case n == 1 || n == 7: // a real failure before and after the crashes
			w.WriteHeader(http.StatusServiceUnavailable)
		case n <= 6:
			held <- a
			<-a.done
		}
	}
	f := newFleet(t, tg, `
targets:
  ledger: {type: webhook, url: "URL", timeout: 30s, retry: {initial: 10ms, max: 10ms, attempts: 3}, KEY}
events:
  order.placed: {targets: [{target: ledger}]}
`, 1)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	_, err := f.publish(ctx, "order.placed", 0, 1)
	require.NoError(t, err)
	for range 5 {
		<-held
		code, _ := f.workers[0].stop(t, kill)
		require.Equal(t, -1, code)
		f.workers = nil
		f.hire(t)
	}
	all := tg.awaitCount(t, 8)
	awaitLag(t, f.line(t, "ledger"), 0)
	var attempts []int
	for _, a := range all {
		attempts = append(attempts, a.attempt)
		require.Equal(t, all[0].delivery, a.delivery)
	}
	require.Equal(t, []int{1, 2, 2, 2, 2, 2, 2, 3}, attempts)
	dead, err := f.js.Stream(ctx, "CALLOUT_DEAD_default")
	require.NoError(t, err)
	require.Zero(t, dead.CachedInfo().State.Msgs)
	f.twin.check(t, tg, "", everywhere("/"))
}

// TestKillDuringARetryWait kills the worker and, a moment later, the broker
// while an event waits for its next attempt: it comes with the next number, and
// not early by more than a second.
func TestKillDuringARetryWait(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, func(w http.ResponseWriter, a arrival) {
		if a.attempt == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	f := newFleet(t, tg, `
targets:
  ledger: {type: webhook, url: "URL", retry: {initial: 4s, max: 4s}, KEY}
events:
  order.placed: {targets: [{target: ledger}]}
`, 1)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	_, err := f.publish(ctx, "order.placed", 0, 2)
	require.NoError(t, err)
	tg.awaitCount(t, 1)
	failed := time.Now()
	f.workers[0].log.await(t, `"verdict":"retry"`)
	require.Eventually(t, func() bool {
		info, err := f.line(t, "ledger").Info(ctx)
		return err == nil && info.NumAckPending == 1
	}, bound, 10*time.Millisecond)
	code, _ := f.workers[0].stop(t, kill)
	require.Equal(t, -1, code)
	f.workers = nil
	f.hire(t)
	all := tg.awaitCount(t, 3)
	require.Equal(t, []int{1, 2, 1}, []int{all[0].attempt, all[1].attempt, all[2].attempt})
	require.Equal(t, all[0].delivery, all[1].delivery)
	wait := time.Since(failed) // an upper bound of it; the third request came right behind the second
	require.Greater(t, wait, 4*time.Second*8/10-time.Second, "not early")
	f.twin.check(t, tg, "", everywhere("/"))
}

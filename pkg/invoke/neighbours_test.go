package invoke

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// A server of a target with a concurrency limit never sees more at once, and
// sees them all.
func TestServerSeesNoMoreThanTheLimit(t *testing.T) {
	const limit, n = 4, 60
	var under, most, served atomic.Int64
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) {
		now := under.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		served.Add(1)
		under.Add(-1)
		_, _ = io.WriteString(w, "{}")
	})
	i := newInvoker(t)
	for _, a := range together(t, n, i, callTo(s.URL, func(c *Call) { c.Target.Concurrency = limit })) {
		require.Nil(t, a.Err, "%v", a.Err)
		require.False(t, a.Uncharged)
	}
	require.EqualValues(t, n, served.Load())
	require.LessOrEqual(t, most.Load(), int64(limit))
	requireIdle(t, i)
}

// requireIdle tells whether everything that was taken was given back.
func requireIdle(t *testing.T, i *Invoker) {
	t.Helper()
	for e := i.clients.order.Front(); e != nil; e = e.Next() {
		entry := e.Value.(*clientEntry)
		require.Zero(t, entry.users.Load())
		require.Zero(t, entry.limits.slots.used)
		require.Zero(t, entry.limits.slots.waiting.Len())
	}
}

// The wait is the caller's time, and the target's timeout begins with the
// exchange: two that take more than half of it each, one after the other, both
// come to their end.
func TestTimeoutBeginsWithTheExchange(t *testing.T) {
	const slow, timeout = 300 * time.Millisecond, 500 * time.Millisecond
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(slow)
		_, _ = io.WriteString(w, "{}")
	})
	i := newInvoker(t)
	c := callTo(s.URL, within(timeout), func(c *Call) { c.Target.Concurrency, c.Wait = 1, 20*time.Second })
	start := time.Now()
	for _, a := range together(t, 2, i, c) {
		require.Nil(t, a.Err, "%v", a.Err)
	}
	require.Greater(t, time.Since(start), timeout)
	requireIdle(t, i)
}

// Who waits for a slot waits as long as he said, and never beyond his deadline.
func TestBusy(t *testing.T) {
	held, free := make(chan struct{}, 1), make(chan struct{})
	let := sync.OnceFunc(func() { close(free) })
	defer let() // or the server would not close
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) {
		held <- struct{}{}
		<-free
		_, _ = io.WriteString(w, "{}")
	})
	i := newInvoker(t)
	c := callTo(s.URL, func(c *Call) { c.Target.Concurrency, c.Target.Timeout = 1, 20*time.Second })
	var done sync.WaitGroup
	done.Go(func() { require.Nil(t, i.Do(t.Context(), c).Err) })
	<-held

	short := c
	short.Wait = 30 * time.Millisecond
	bounded := i.Do(t.Context(), short)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	for name, a := range map[string]Answer{"its own bound": bounded, "its deadline": i.Do(ctx, c)} {
		require.Equal(t, action.CodeBusy, a.Err.Code, "%s: %v", name, a.Err)
		require.Equal(t, "hook", a.Err.Target)
		require.True(t, a.Uncharged)
		require.False(t, a.Sent)
		require.Equal(t, againSoon, a.RetryAfter)
		require.Less(t, a.Duration, 10*time.Second, name)
	}
	let()
	done.Wait()
	requireIdle(t, i)
}

// entryOf is a copy of what is kept of a call's target.
func entryOf(i *Invoker, c Call) entryNow {
	i.clients.mu.Lock()
	defer i.clients.mu.Unlock()
	e := i.clients.byKey[clientKey{c.Instance, c.Owner, c.Target.Name}].Value.(*clientEntry)
	return entryNow{e.client, e.limits, e.users.Load()}
}

// entryNow is a clientEntry as it is at a moment.
type entryNow struct {
	client *client
	limits *limits
	users  int64
}

// An open breaker sends nothing, a probe closes it, and its state survives a
// change of the target that is not its URL.
func TestOpenBreakerSendsNothing(t *testing.T) {
	var requests atomic.Int64
	var healthy atomic.Bool
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		if !healthy.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	i := newInvoker(t)
	c := callTo(s.URL, func(c *Call) { c.Target.Breaker = action.Breaker{Failures: 3, Open: 300 * time.Millisecond} })
	for range 3 {
		a := i.Do(t.Context(), c)
		require.Equal(t, action.CodeStatus, a.Err.Code)
		require.False(t, a.Uncharged)
	}
	a := i.Do(t.Context(), c)
	require.Equal(t, action.CodeBreakerOpen, a.Err.Code)
	require.True(t, a.Uncharged)
	require.Positive(t, a.RetryAfter)
	require.LessOrEqual(t, a.RetryAfter, 300*time.Millisecond)

	slower := *c.Target
	slower.Timeout *= 2
	again := c
	again.Target = &slower
	require.Equal(t, action.CodeBreakerOpen, i.Do(t.Context(), again).Err.Code)
	require.EqualValues(t, 3, requests.Load())

	healthy.Store(true)
	require.Eventually(t, func() bool { return i.Do(t.Context(), c).Err == nil }, time.Minute, 5*time.Millisecond)
	require.Nil(t, i.Do(t.Context(), c).Err, "closed")
	require.EqualValues(t, 5, requests.Load())
	requireIdle(t, i)
}

// One hanging target leaves the others alone: all of theirs are over long
// before it times out, though it has four times as many exchanges, and a limit
// that makes most of them wait.
func TestHangingTargetLeavesOthersAlone(t *testing.T) {
	const others, each, timeout = 4, 100, 20 * time.Second
	hanging := rawServer(t, hold)
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	i := newInvoker(t)
	measure := func() []time.Duration {
		var mu sync.Mutex
		var took []time.Duration
		var done sync.WaitGroup
		for n := range others {
			done.Go(func() {
				for range each {
					a := i.Do(t.Context(), callTo(s.URL, func(c *Call) { c.Target.Name = fmt.Sprint("other", n) }))
					require.Nil(t, a.Err)
					mu.Lock()
					took = append(took, a.Duration)
					mu.Unlock()
				}
			})
		}
		done.Wait()
		slices.Sort(took)
		return took
	}
	alone := measure()

	ctx, release := context.WithCancel(t.Context())
	defer release()
	hang := callTo("http://"+hanging, func(c *Call) {
		c.Target.Name, c.Target.Timeout, c.Target.Concurrency = "hanging", timeout, 16
	})
	var done sync.WaitGroup
	for range 64 {
		done.Go(func() { require.Equal(t, action.CodeCancelled, i.Do(ctx, hang).Err.Code) })
	}
	require.Eventually(t, func() bool {
		i.clients.mu.Lock()
		found := i.clients.byKey[clientKey{hang.Instance, hang.Owner, hang.Target.Name}]
		i.clients.mu.Unlock()
		return found != nil && entryOf(i, hang).users == 64
	}, time.Minute, time.Millisecond)
	beside := measure()
	release()
	done.Wait()
	p99 := len(alone) * 99 / 100
	t.Logf("p50 %v alone, %v beside; p99 %v alone, %v beside (%.1f times)", alone[len(alone)/2], beside[len(beside)/2],
		alone[p99], beside[p99], beside[p99].Seconds()/alone[p99].Seconds())
	require.Less(t, beside[len(beside)-1], timeout/4)
	requireIdle(t, i)
}

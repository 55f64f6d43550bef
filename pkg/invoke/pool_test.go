package invoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

var quiet = log.New(io.Discard, "", 0)

// countingServer counts the connections made to it.
func countingServer(t testing.TB, handle http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	var made atomic.Int64
	s := httptest.NewUnstartedServer(handle)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, &made
}

func TestConnectionsAreKept(t *testing.T) {
	answers := []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "small error", 500) },
		func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) },
		func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "not JSON") },
	}
	var n atomic.Int64
	s, made := countingServer(t, func(w http.ResponseWriter, r *http.Request) { answers[n.Add(1)%5](w, r) })
	i := newInvoker(t)
	for range 20 {
		i.Do(t.Context(), callTo(s.URL))
	}
	require.EqualValues(t, 1, made.Load())
}

// Sixteen exchanges at once make sixteen connections, and all are there for
// the next sixteen. One that fails costs its own connection and no other.
func TestPoolHoldsTheTargetsConcurrency(t *testing.T) {
	const n = 16
	var together sync.WaitGroup
	var hang atomic.Bool
	s, made := countingServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if hang.Load() {
			<-r.Context().Done()
			return
		}
		together.Done()
		together.Wait() // so each of them needs a connection
	})
	i := newInvoker(t)
	round := func() {
		together.Add(n)
		var done sync.WaitGroup
		for range n {
			done.Go(func() {
				a := i.Do(t.Context(), callTo(s.URL, func(c *Call) { c.Target.Concurrency = n }))
				require.Nil(t, a.Err)
			})
		}
		done.Wait()
	}
	round()
	round()
	require.EqualValues(t, n, made.Load())

	hang.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a := i.Do(ctx, callTo(s.URL, func(c *Call) { c.Target.Concurrency = n }))
	require.Equal(t, action.CodeTimeout, a.Err.Code)
	hang.Store(false)
	round()
	require.EqualValues(t, n+1, made.Load(), "one was lost, one was made")
}

// staleConn is a connection whose far end is gone without this side's reader
// having noticed, which is the moment in which a kept connection is given to a
// request and fails at its first byte.
type staleConn struct {
	net.Conn
	refused *atomic.Int64
	noticed chan struct{} // the reset has arrived
	closed  chan struct{}
	once    sync.Once
}

func (c *staleConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, syscall.ECONNRESET) {
		close(c.noticed)
		<-c.closed
	}
	return n, err
}

func (c *staleConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil && n == 0 {
		c.refused.Add(1)
	}
	return n, err
}

func (c *staleConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func TestStaleConnectionIsRetriedOnce(t *testing.T) {
	for _, recovers := range []bool{true, false} {
		t.Run(fmt.Sprint("recovers ", recovers), func(t *testing.T) {
			var requests, refused, conns atomic.Int64
			kill, noticed := make(chan struct{}), make(chan struct{})
			address := rawServer(t, func(c net.Conn) {
				if !readRequest(c) {
					return
				}
				first := requests.Add(1) == 1
				_, _ = io.WriteString(c, ok+"Content-Length: 2\r\n\r\n{}")
				if !first {
					hold(c)
					return
				}
				<-kill
				_ = c.(*net.TCPConn).SetLinger(0) // a reset, not a goodbye
			})
			i := newInvoker(t)
			i.wrap = func(c net.Conn) net.Conn {
				if conns.Add(1) > 1 && !recovers {
					return deadConn{c, &refused}
				}
				return &staleConn{Conn: c, refused: &refused, noticed: noticed, closed: make(chan struct{})}
			}
			require.Nil(t, i.Do(t.Context(), callTo("http://"+address)).Err)
			close(kill)
			<-noticed

			a := i.Do(t.Context(), callTo("http://"+address))
			if recovers {
				require.Nil(t, a.Err, "%v", a.Err)
				require.True(t, a.Sent)
				require.EqualValues(t, 2, requests.Load())
				require.EqualValues(t, 1, refused.Load())
				return
			}
			require.NotNil(t, a.Err)
			require.Equal(t, action.CodeConnect, a.Err.Code)
			require.False(t, a.Sent)
			require.EqualValues(t, 1, requests.Load())
			require.EqualValues(t, 2, refused.Load(), "two tries and no more")
		})
	}
}

// deadConn refuses every write.
type deadConn struct {
	net.Conn
	refused *atomic.Int64
}

func (c deadConn) Write([]byte) (int, error) {
	c.refused.Add(1)
	return 0, net.ErrClosed
}

func TestClientFollowsItsTarget(t *testing.T) {
	s, _ := countingServer(t, func(w http.ResponseWriter, _ *http.Request) {})
	i := newInvoker(t)
	one := callTo(s.URL).Target
	first, refused := clientOf(i, "a", one)
	require.Nil(t, refused)

	same := *one
	same.Headers = map[string]string{"X": "y"} // not the pool's business
	again, _ := clientOf(i, "a", &same)
	require.Same(t, first, again)

	elsewhere, _ := clientOf(i, "b", one)
	require.NotSame(t, first, elsewhere, "another owner's target of that name")

	for name, change := range map[string]func(*action.Target){
		"url":         func(t *action.Target) { t.URL += "/x" },
		"timeout":     func(t *action.Target) { t.Timeout++ },
		"concurrency": func(t *action.Target) { t.Concurrency = 7 },
		"keep alive":  func(t *action.Target) { t.NoKeepAlive = true },
		"idle time":   func(t *action.Target) { t.IdleTime = time.Minute },
		"tls":         func(t *action.Target) { t.TLS.ServerName = "other.example" },
		"egress":      func(t *action.Target) { t.Egress = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} },
	} {
		before, _ := clientOf(i, "a", one)
		changed := *one
		change(&changed)
		after, _ := clientOf(i, "a", &changed)
		require.NotSame(t, before, after, name)
	}
	require.Equal(t, 2, i.clients.order.Len(), "replaced, not piled up")
}

func TestClientsAreBounded(t *testing.T) {
	i := newInvoker(t)
	i.clients.max = 3
	target := func(n int) *action.Target { return &action.Target{Name: fmt.Sprint(n), URL: "http://hook.example"} }
	zero, _ := clientOf(i, "", target(0))
	for n := range 10 {
		_, _ = clientOf(i, "", target(n))
		again, _ := clientOf(i, "", target(0))
		require.Same(t, zero, again, "in use, so kept")
	}
	require.Equal(t, 3, i.clients.order.Len())
	require.Len(t, i.clients.byKey, 3)
}

func TestClose(t *testing.T) {
	s, _ := countingServer(t, func(w http.ResponseWriter, _ *http.Request) {})
	i := New(Options{AllowLocal: true})
	require.Nil(t, i.Do(t.Context(), callTo(s.URL)).Err)
	i.Close()
	i.Close()
	a := i.Do(t.Context(), callTo(s.URL))
	require.Equal(t, action.CodeInternal, a.Err.Code)
	require.ErrorIs(t, a.Err, errClosed)
}

func TestManyAtOnce(t *testing.T) {
	s, _ := countingServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"a":1}`) })
	i := newInvoker(t)
	i.clients.max = 4 // below the number of targets: pools come and go under load
	var done sync.WaitGroup
	for n := range 8 {
		done.Go(func() {
			for range 50 {
				a := i.Do(t.Context(), callTo(s.URL, func(c *Call) { c.Target.Name = fmt.Sprint("hook", n) }))
				require.Nil(t, a.Err)
			}
		})
	}
	done.Wait()
}

// A target that is in use is not forgotten, however many others come: its
// limits would begin anew beside what is under way.
func TestTargetInUseIsKept(t *testing.T) {
	i := newInvoker(t)
	i.clients.max = 2
	target := func(n int) *action.Target { return &action.Target{Name: fmt.Sprint(n), URL: "http://hook.example"} }
	used, refused := i.enter("", "", i.definition(&Call{Target: target(0), MayAsk: true}))
	require.Nil(t, refused)
	for n := range 10 {
		_, _ = clientOf(i, "", target(n+1))
	}
	again, _ := i.enter("", "", i.definition(&Call{Target: target(0), MayAsk: true}))
	require.Same(t, used.limits, again.limits)
	i.clients.leave(used)
	i.clients.leave(again)
	for n := range 10 {
		_, _ = clientOf(i, "", target(n+1))
	}
	require.Len(t, i.clients.byKey, 2)
	fresh, _ := i.enter("", "", i.definition(&Call{Target: target(0), MayAsk: true}))
	require.NotSame(t, used.limits, fresh.limits)
}

// A change of the limits costs no connection.
func TestLimitsAreNotThePools(t *testing.T) {
	i := newInvoker(t)
	target := &action.Target{Name: "hook", URL: "http://hook.example"}
	before, _ := i.enter("", "", i.definition(&Call{Target: target, MayAsk: true}))
	changed := *target
	changed.Rate, changed.Breaker = action.Rate{N: 1, Per: time.Second}, action.Breaker{Failures: 1, Open: time.Second}
	after, _ := i.enter("", "", i.definition(&Call{Target: &changed, MayAsk: true}))
	require.Same(t, before.client, after.client)
	require.Same(t, before.limits.slots, after.limits.slots)
	require.NotNil(t, after.limits.rate)
	require.NotNil(t, after.limits.breaker)
}

// An instance that was deleted leaves nothing behind; what is under way runs to its
// end. One whose id begins with its own, and one that shares the names, keep theirs.
func TestForgetAnInstance(t *testing.T) {
	i := newInvoker(t)
	target := &action.Target{Name: "hook", URL: "http://hook.example"}
	kept := map[string]*client{}
	for _, instance := range []string{"a", "a/b", "b"} {
		v, refused := i.enter(instance, "", i.definition(&Call{Target: target, MayAsk: true}))
		require.Nil(t, refused)
		kept[instance] = v.client
		defer i.clients.leave(v)
	}
	i.Forget("a")
	require.Equal(t, 2, i.clients.order.Len())
	for instance, before := range kept {
		v, refused := i.enter(instance, "", i.definition(&Call{Target: target, MayAsk: true}))
		require.Nil(t, refused)
		require.Equal(t, instance != "a", v.client == before, instance)
		i.clients.leave(v)
	}
}

package invoke

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// ledger counts what a server processed, by delivery id.
type ledger struct {
	mu    sync.Mutex
	times map[string]int
}

func (l *ledger) processed(r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.times == nil {
		l.times = map[string]int{}
	}
	l.times[r.Header.Get("Callout-Delivery-Id")]++
}

// fill has n calls of an id each, flight at once, and tells how many failed.
// None of them may be processed twice.
func (l *ledger) fill(t *testing.T, i *Invoker, url string, n, flight int) int {
	t.Helper()
	var failed, slowest atomic.Int64
	var done sync.WaitGroup
	for line := range flight {
		done.Go(func() {
			for k := range n / flight {
				call := callTo(url, func(c *Call) { c.ID, c.Target.Timeout = fmt.Sprint(line, "-", k), 20*time.Second })
				a := i.Do(t.Context(), call)
				if a.Err != nil && failed.Add(1) == 1 {
					t.Log("the first that failed:", a.Err)
				}
				slowest.Store(max(slowest.Load(), int64(a.Duration)))
			}
		})
	}
	done.Wait()
	for id, times := range l.times {
		require.Equal(t, 1, times, id)
	}
	require.GreaterOrEqual(t, len(l.times), n-int(failed.Load()))
	t.Logf("%d of %d calls failed, the slowest took %v", failed.Load(), n, time.Duration(slowest.Load()))
	return int(failed.Load())
}

// A server that closes after each answer without saying so, politely or with a
// reset, fails no call.
func TestServerThatClosesAfterEachAnswer(t *testing.T) {
	ca := newAuthority(t)
	for _, c := range []struct {
		name       string
		tls, reset bool
	}{{"closes", false, false}, {"resets", false, true}, {"closes TLS", true, false}, {"resets TLS", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			var l ledger
			handle := func(conn net.Conn) {
				if r := requestOf(conn); r != nil {
					l.processed(r)
					_, _ = io.WriteString(conn, ok+"Content-Length: 2\r\n\r\n{}")
				}
			}
			scheme := "http://"
			if c.tls {
				scheme, handle = "https://", overTLS(ca.config(), handle)
			}
			address := rawServer(t, func(conn net.Conn) {
				if c.reset {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
				handle(conn)
			})
			i := newInvoker(t, func(o *Options) { o.Installation = believing(ca.pool()) })
			require.Zero(t, l.fill(t, i, scheme+address, 400, 1))
		})
	}
}

// An HTTP/2 server that says GOAWAY after each answer names what it did not
// process, and no call fails.
func TestGoAwayAfterEachAnswer(t *testing.T) {
	var l ledger
	s, trust := http2Server(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		l.processed(r)
		w.Header().Set("Connection", "close") // in HTTP/2 it becomes a GOAWAY
		_, _ = io.WriteString(w, "{}")
	})
	require.Zero(t, l.fill(t, newInvoker(t, trust), s.URL, 800, 80))
}

// A server that refuses every third stream, whoever sends it, fails no call: one that is
// refused is sent until it is taken.
func TestServerThatRefusesEveryThird(t *testing.T) {
	const calls, flight = 1200, 24
	ca := newAuthority(t)
	config := ca.config()
	config.NextProtos = []string{"h2"}
	var streams, taken atomic.Int64
	address := rawServer(t, overTLS(config, speakHTTP2(func(stream uint32) []byte {
		if streams.Add(1)%3 == 0 {
			return reset(stream, codeRefused)
		}
		taken.Add(1)
		return fine(stream)
	})))
	i := newInvoker(t, func(o *Options) { o.Installation = believing(ca.pool()) })
	var done sync.WaitGroup
	for range flight {
		done.Go(func() {
			for range calls / flight {
				a := i.Do(t.Context(), callTo("https://"+address, within(20*time.Second)))
				if a.Err != nil {
					t.Error(a.Err)
				}
			}
		})
	}
	done.Wait()
	require.EqualValues(t, calls, taken.Load(), "each once")
	require.GreaterOrEqual(t, streams.Load(), int64(calls*3/2-1))
}

// What is sent again, and what never is: the server reads whole requests, and
// counts them. A kept connection has carried one before, which was answered.
func TestWhatIsSentAgain(t *testing.T) {
	const hinted = "HTTP/1.1 103 Early Hints\r\n\r\n"
	for _, c := range []struct {
		name string
		kept bool
		meet func(net.Conn) // what the request meets, once it is read
		want int            // requests that were read, the one before included
		code action.Code    // "" = the call succeeds
	}{
		{name: "fresh, closed", meet: func(net.Conn) {}, want: 1, code: action.CodeAnswerBroken},
		{name: "fresh, reset", meet: abort, want: 1, code: action.CodeAnswerBroken},
		{name: "kept, closed", kept: true, meet: func(net.Conn) {}, want: 3},
		{name: "kept, reset", kept: true, meet: abort, want: 3},
		{name: "kept, an answer began", kept: true, meet: say("H"), want: 2, code: action.CodeAnswerBroken},
		{name: "kept, headers came", kept: true, meet: say(ok + "Content-Length: 9\r\n\r\n"), want: 2, code: action.CodeAnswerBroken},
		{name: "kept, hints came", kept: true, meet: say(hinted), want: 2, code: action.CodeAnswerBroken},
		{name: "kept, closed after long", kept: true, meet: func(net.Conn) { <-time.After(deadWithin + 100*time.Millisecond) }, want: 2, code: action.CodeAnswerBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			var requests atomic.Int64
			met := int64(1)
			if c.kept {
				met = 2
			}
			address := rawServer(t, func(conn net.Conn) {
				for readRequest(conn) {
					if requests.Add(1) == met {
						c.meet(conn)
						return
					}
					_, _ = io.WriteString(conn, ok+"Content-Length: 2\r\n\r\n{}")
				}
			})
			i := newInvoker(t)
			if c.kept {
				require.Nil(t, i.Do(t.Context(), callTo("http://"+address)).Err)
			}
			a := i.Do(t.Context(), callTo("http://"+address))
			require.Equal(t, c.code, action.CodeOf(a.Err), "%v", a.Err)
			require.True(t, a.Sent)
			require.EqualValues(t, c.want, requests.Load())
		})
	}
}

func say(text string) func(net.Conn) { return func(c net.Conn) { _, _ = io.WriteString(c, text) } }
func abort(c net.Conn)               { _ = c.(*net.TCPConn).SetLinger(0) }

// A kept connection that is dead costs one repeat, and no more.
func TestADeadConnectionCostsOneRepeat(t *testing.T) {
	var requests atomic.Int64
	address := rawServer(t, func(conn net.Conn) {
		for readRequest(conn) && requests.Add(1) == 1 {
			_, _ = io.WriteString(conn, ok+"Content-Length: 2\r\n\r\n{}")
		}
	})
	i := newInvoker(t)
	require.Nil(t, i.Do(t.Context(), callTo("http://"+address)).Err)
	a := i.Do(t.Context(), callTo("http://"+address))
	require.Equal(t, action.CodeAnswerBroken, action.CodeOf(a.Err))
	require.EqualValues(t, 3, requests.Load())
}

// The same over HTTP/2, where a server can name what it did not process.
func TestWhatIsSentAgainOverHTTP2(t *testing.T) {
	ca := newAuthority(t)
	config := ca.config()
	config.NextProtos = []string{"h2"}
	once := func(f func(stream uint32) []byte) func(uint32, int) []byte {
		return func(stream uint32, n int) []byte {
			if n > 1 {
				return fine(stream)
			}
			return f(stream)
		}
	}
	with := func(code byte) func(uint32) []byte { return func(s uint32) []byte { return reset(s, code) } }
	for _, c := range []struct {
		name string
		kept bool
		meet func(stream uint32, n int) []byte // what the n-th request meets; nil = the connection ends
		want int                               // requests that were read
		code action.Code
	}{
		{name: "refused", meet: once(with(codeRefused)), want: 2},
		{name: "refused, kept", kept: true, meet: once(with(codeRefused)), want: 2},
		{name: "refused for ever", meet: func(s uint32, _ int) []byte { return reset(s, codeRefused) }, want: 1 + maxRepeats, code: action.CodeAnswerBroken},
		{name: "goodbye before it", meet: once(func(uint32) []byte { return goAway(0, codeNone) }), want: 2},
		{name: "goodbye before it, with an error", meet: once(func(uint32) []byte { return goAway(0, codeCalm) }), want: 2},
		{name: "goodbye before it, kept", kept: true, meet: once(func(s uint32) []byte { return goAway(s-2, codeNone) }), want: 2},
		{name: "goodbye after it, and an answer", meet: once(func(s uint32) []byte { return append(goAway(s, codeNone), fine(s)...) }), want: 1},
		{name: "broken protocol", meet: once(with(codeProtocol)), want: 1, code: action.CodeAnswerBroken},
		{name: "broken protocol, kept", kept: true, meet: once(with(codeProtocol)), want: 1, code: action.CodeAnswerBroken},
		{name: "internal error, kept", kept: true, meet: once(with(codeInternal)), want: 1, code: action.CodeAnswerBroken},
		{name: "cancelled, kept", kept: true, meet: once(with(codeCancel)), want: 1, code: action.CodeAnswerBroken},
		{name: "refused after hints", meet: once(func(s uint32) []byte { return append(hints(s), reset(s, codeRefused)...) }), want: 1, code: action.CodeAnswerBroken},
		{name: "fresh, closed", meet: once(func(uint32) []byte { return nil }), want: 1, code: action.CodeAnswerBroken},
		{name: "kept, closed", kept: true, meet: once(func(uint32) []byte { return nil }), want: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var requests atomic.Int64
			begun := !c.kept
			address := rawServer(t, overTLS(config, speakHTTP2(func(stream uint32) []byte {
				if !begun {
					begun = true
					return fine(stream)
				}
				return c.meet(stream, int(requests.Add(1)))
			})))
			i := newInvoker(t, func(o *Options) { o.Installation = believing(ca.pool()) })
			if c.kept {
				require.Nil(t, i.Do(t.Context(), callTo("https://"+address)).Err)
			}
			a := i.Do(t.Context(), callTo("https://"+address))
			require.Equal(t, c.code, action.CodeOf(a.Err), "%v", a.Err)
			require.True(t, a.Sent)
			require.EqualValues(t, c.want, requests.Load())
		})
	}
}

// A target without keep-alive gets a connection for each exchange.
func TestNoKeepAlive(t *testing.T) {
	s, made := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
		if !r.Close {
			t.Error("the server is not told that the connection ends")
		}
		_, _ = io.WriteString(w, "{}")
	})
	i := newInvoker(t)
	for range 5 {
		require.Nil(t, i.Do(t.Context(), callTo(s.URL, func(c *Call) { c.Target.NoKeepAlive = true })).Err)
	}
	require.EqualValues(t, 5, made.Load())
}

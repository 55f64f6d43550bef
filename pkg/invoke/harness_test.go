package invoke

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

func TestMain(m *testing.M) {
	// A proxy nobody may ask, see TestNoProxyFromTheEnvironment. Set before the
	// first request, since net/http reads the environment once.
	os.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	goleak.VerifyTestMain(m)
}

var testKey = sign.NewKey()

// newInvoker is one that may reach loopback.
func newInvoker(t testing.TB, change ...func(*Options)) *Invoker {
	o := Options{AllowLocal: true}
	for _, c := range change {
		c(&o)
	}
	i := New(o)
	t.Cleanup(i.Close)
	return i
}

// callTo is a plain call of kind call.
func callTo(url string, change ...func(*Call)) Call {
	c := Call{
		Target: &action.Target{Name: "hook", Kind: action.CallOut, URL: url, Timeout: 3 * time.Second},
		Owner:  "default", Keys: []string{testKey}, Body: []byte(`{"a":1}`), ID: "01ID", Attempt: 1, ReadBody: true,
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

// believing is an installation that believes a pool.
func believing(pool *x509.CertPool) *Installation { return NewInstallation(Installed{Roots: pool}) }

func within(d time.Duration) func(*Call) { return func(c *Call) { c.Target.Timeout = d } }
func webhook(c *Call)                    { c.ReadBody = false }

// httpServer is a real server that plays by the rules.
func httpServer(t testing.TB, handle http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s
}

// rawServer is a server that need not: it hands every connection to handle and
// closes it afterwards. It gives its address.
func rawServer(t testing.TB, handle func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var (
		mu   sync.Mutex
		open []net.Conn
		wait sync.WaitGroup
	)
	wait.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			wait.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wait.Wait()
	})
	return l.Addr().String()
}

// readRequest reads one whole request off the connection.
func readRequest(c net.Conn) bool { return requestOf(c) != nil }

// requestOf reads one whole request off the connection; nil is none.
func requestOf(c net.Conn) *http.Request {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return nil
	}
	if _, err = io.Copy(io.Discard, req.Body); err != nil {
		return nil
	}
	return req
}

// answering reads a request, writes text, and closes.
func answering(text string) func(net.Conn) {
	return func(c net.Conn) {
		if readRequest(c) {
			_, _ = io.WriteString(c, text)
		}
	}
}

// hold waits until the other side closes.
func hold(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// drip writes text over and over, a piece every 5 ms, until the other side
// closes.
func drip(c net.Conn, text string) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

// flood writes text as fast as it is taken, until the other side closes.
func flood(c net.Conn, text string) {
	raw := []byte(text) // once, since the allocations of a test are counted
	for {
		if _, err := c.Write(raw); err != nil {
			return
		}
	}
}

// clientOf is the client that a target has now.
func clientOf(i *Invoker, owner string, t *action.Target) (*client, *action.Error) {
	v, refused := i.enter("", owner, i.definition(&Call{Target: t, MayAsk: true}))
	if refused == nil {
		i.clients.leave(v)
	}
	return v.client, refused
}

// overTLS speaks TLS as a server before handle sees the connection.
func overTLS(config *tls.Config, handle func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		secure := tls.Server(c, config)
		if secure.Handshake() == nil {
			handle(secure)
			secure.Close()
		}
	}
}

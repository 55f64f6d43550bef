package invoke

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// connectProxy is a real proxy that knows every name under one address, and what it was
// asked for.
type connectProxy struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string // addresses, with the login
	to    string
	says  atomic.Int64 // status; 0 = it connects, 1 = it never answers
}

func newConnectProxy(t *testing.T, to string) *connectProxy {
	p := &connectProxy{to: to}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.Close)
	return p
}

func (p *connectProxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, strings.TrimSpace(r.Method+" "+r.Host+" "+r.Header.Get("Proxy-Authorization")))
	p.mu.Unlock()
	switch status := p.says.Load(); status {
	case 0:
	case 1:
		<-r.Context().Done()
		return
	default:
		w.WriteHeader(int(status))
		return
	}
	far, err := net.Dial("tcp", p.to)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer far.Close()
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer near.Close()
	_, _ = io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
	_, _ = io.Copy(near, far)
}

func (p *connectProxy) takeAsked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.asked
	p.asked = nil
	return all
}

func (p *connectProxy) as(t *testing.T, login string) func(*Options) {
	proxy, err := ReadProxy(p.URL, login)
	require.NoError(t, err)
	return func(o *Options) { o.Proxy, o.AllowLocal = proxy, false }
}

// TestProxy: targets with https and http are reached through it by their names, on kept
// connections too, and nothing of a request is the proxy's to read or repeat.
func TestProxy(t *testing.T) {
	ca := newAuthority(t)
	secure := tlsServer(t, ca.config(forNames("hooks.example")), func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"a":1}`) })
	plain, made := countingServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" || r.URL.IsAbs() {
			t.Error("the target sees something of the proxy")
		}
		_, _ = io.WriteString(w, "{}")
	})
	for url, to := range map[string]string{"https://hooks.example/x": secure.Listener.Addr().String(), "http://hooks.example:8080/x": plain.Listener.Addr().String()} {
		p := newConnectProxy(t, to)
		i := newInvoker(t, p.as(t, "me:hunter2"), func(o *Options) { o.Installation = believing(ca.pool()) })
		for range 3 {
			a := i.Do(t.Context(), callTo(url))
			require.Nil(t, a.Err, "%v", a.Err)
		}
		port := map[bool]string{true: "443", false: "8080"}[strings.HasPrefix(url, "https")]
		require.Equal(t, []string{"CONNECT hooks.example:" + port + " Basic bWU6aHVudGVyMg=="}, p.takeAsked(), "one connection, kept")
	}
	require.EqualValues(t, 1, made.Load())
}

// TestProxyThatDoesNotConnect: nothing was sent, the target's fault is named as one of the
// way to it, and nobody but the operator hears more.
func TestProxyThatDoesNotConnect(t *testing.T) {
	p := newConnectProxy(t, "127.0.0.1:1")
	i := newInvoker(t, p.as(t, "me:hunter2"))
	for status, code := range map[int64]action.Code{http.StatusProxyAuthRequired: action.CodeConnect, http.StatusForbidden: action.CodeConnect, 0: action.CodeConnect, 1: action.CodeTimeout} {
		p.says.Store(status)
		a := i.Do(t.Context(), callTo("https://hooks.example/x", within(300*time.Millisecond)))
		require.NotNil(t, a.Err)
		require.Equal(t, code, a.Err.Code, "%d: %v", status, a.Err)
		require.False(t, a.Sent)
		requireDiscreet(t, a.Err, p.Listener.Addr().String())
		require.NotContains(t, a.Err.Error(), "hunter2")
	}
	p.Close()
	a := i.Do(t.Context(), callTo("https://hooks.example/x"))
	require.Equal(t, action.CodeConnect, action.CodeOf(a.Err))
	require.Contains(t, a.Err.Cause.Error(), "the proxy to the targets: ")
}

// TestProxyUnderTheGuard: what stands in a URL is looked at before the proxy hears of it.
func TestProxyUnderTheGuard(t *testing.T) {
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	p := newConnectProxy(t, s.Listener.Addr().String())
	strict := newInvoker(t, p.as(t, ""))
	for _, host := range []string{
		"127.0.0.1", "127.0.0.1.", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.100.100.200", "168.63.129.16",
		"[::1]", "[::]", "[fd00::1]", "[fe80::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[fd00:ec2::254]",
		"2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "1", "0", "017700000001", "127.0.0.0x1", "10.1",
		"localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback",
		"127.0.0.1%25lo", "localhost%25lo", "10.0.0.1%2525", "[2606:4700::1111%25eth0]", "[2606:4700::1111%25%20127.0.0.1]", "[::1%25lo]", "a<b>.example", "a,127.0.0.1",
	} {
		a := strict.Do(t.Context(), callTo("http://"+host+":8080/"))
		require.NotNil(t, a.Err, host)
		require.Contains(t, []action.Code{action.CodeBlockedAddress, action.CodeBadField}, a.Err.Code, "%s: %v", host, a.Err)
		require.False(t, a.Sent, host)
	}
	require.Empty(t, p.takeAsked(), "the proxy hears of none")
	for _, host := range []string{"8.8.8.8", "[2606:4700::1111]", "hooks.example", "1.example", "0x7f.example"} {
		require.Nil(t, strict.Do(t.Context(), callTo("http://"+host+"/")).Err, host)
	}
	require.Len(t, p.takeAsked(), 5)
	// What the operator allows goes.
	local := newInvoker(t, p.as(t, ""), func(o *Options) { o.AllowLocal = true })
	for _, host := range []string{"127.0.0.1", "localhost", "10.0.0.1", "[::1]"} {
		require.Nil(t, local.Do(t.Context(), callTo("http://"+host+"/")).Err, host)
	}
	require.Equal(t, action.CodeBlockedAddress, action.CodeOf(local.Do(t.Context(), callTo("http://169.254.169.254/")).Err))
}

// TestProxyOfTheEnvironment is never used.
func TestProxyOfTheEnvironment(t *testing.T) {
	p := newConnectProxy(t, "127.0.0.1:1")
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, p.URL)
	}
	s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	require.Nil(t, newInvoker(t).Do(t.Context(), callTo(s.URL)).Err)
	i := newInvoker(t)
	i.resolver = resolverTo(t, net.IPv4(127, 0, 0, 1))
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)
	require.Nil(t, i.Do(t.Context(), callTo("http://hooks.example:"+port)).Err)
	require.Empty(t, p.takeAsked())
}

func TestReadProxy(t *testing.T) {
	for text, address := range map[string]string{"http://proxy.example:3128": "proxy.example:3128", "https://proxy.example": "proxy.example:443", "http://10.0.0.1/": "10.0.0.1:80", "http://[::1]:3128": "[::1]:3128"} {
		p, err := ReadProxy(text, "")
		require.NoError(t, err, text)
		require.Equal(t, address, p.address)
		require.Equal(t, strings.HasPrefix(text, "https"), p.secure != nil)
	}
	for _, text := range []string{"", "proxy.example:3128", "socks5://proxy.example", "http://", "http://me:hunter2@proxy.example", "http://proxy.example/hunter2", "http://proxy.example?x=hunter2", "http://proxy.example:hunter2"} {
		_, err := ReadProxy(text, "")
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// TestProxyOverTLS is believed by the system's authorities alone, and heard of by its
// errors.
func TestProxyOverTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	s.Config.ErrorLog = quiet
	proxy, err := ReadProxy(s.URL, "")
	require.NoError(t, err)
	dial := proxy.dialer(NewGuard(false), time.Second)
	_, err = dial(context.Background(), "tcp", "hooks.example:443")
	require.ErrorContains(t, err, "the proxy to the targets: tls: failed to verify certificate")
	pool := newAuthority(t).pool()
	pool.AddCert(s.Certificate())
	proxy.secure.RootCAs = pool
	_, err = dial(context.Background(), "tcp", "hooks.example:443")
	require.ErrorContains(t, err, "it answers CONNECT with status 404")
}

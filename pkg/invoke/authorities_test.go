package invoke

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// tlsServer is a real one with a certificate of an authority.
func tlsServer(t *testing.T, config *tls.Config, handle http.HandlerFunc) *httptest.Server {
	s := httptest.NewUnstartedServer(handle)
	s.Config.ErrorLog, s.TLS = quiet, config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (a *authority) pem() string { return action.PEM([]*x509.Certificate{a.cert}) }

func forNames(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, names }
}

func by(tls action.TLS) func(*Call) { return func(c *Call) { c.Target.TLS = tls } }

func TestOwnAuthorities(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	asked := make(chan string, 100) // no server waits for a case that fails
	answer := func(w http.ResponseWriter, r *http.Request) {
		asked <- r.TLS.ServerName
		_, _ = io.WriteString(w, "{}")
	}
	atIP, atName := theirs.config(), theirs.config(forNames("hooks.example"))
	old := theirs.config()
	old.MaxVersion = tls.VersionTLS12
	for name, c := range map[string]struct {
		server *tls.Config
		tls    action.TLS
		code   action.Code
		sni    string
	}{
		"of the target":             {atIP, action.TLS{CA: theirs.pem()}, "", ""},
		"two of them":               {atIP, action.TLS{CA: ours.pem() + theirs.pem()}, "", ""},
		"none: the worker's":        {ours.config(), action.TLS{}, "", ""},
		"none: not the worker's":    {atIP, action.TLS{}, action.CodeTLS, ""},
		"in place of the worker's":  {ours.config(), action.TLS{CA: theirs.pem()}, action.CodeTLS, ""},
		"another name":              {atName, action.TLS{CA: theirs.pem()}, action.CodeTLS, ""},
		"the name it is to have":    {atName, action.TLS{CA: theirs.pem(), ServerName: "hooks.example"}, "", "hooks.example"},
		"not the name":              {atName, action.TLS{CA: theirs.pem(), ServerName: "hook.example"}, action.CodeTLS, ""},
		"an address for a name":     {atName, action.TLS{CA: theirs.pem(), ServerName: "127.0.0.1"}, action.CodeTLS, ""},
		"1.2 where that will do":    {old, action.TLS{CA: theirs.pem()}, "", ""},
		"1.2 where 1.3 is the rule": {old, action.TLS{CA: theirs.pem(), MinVersion: "1.3"}, action.CodeTLS, ""},
		"1.3 where 1.3 is the rule": {atIP, action.TLS{CA: theirs.pem(), MinVersion: "1.3"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := tlsServer(t, c.server, answer)
			i := newInvoker(t, func(o *Options) { o.Installation = believing(ours.pool()) })
			a := i.Do(t.Context(), callTo(s.URL, by(c.tls)))
			if c.code != "" {
				require.NotNil(t, a.Err)
				require.Equal(t, c.code, a.Err.Code, "%v", a.Err)
				require.False(t, a.Sent)
				requireDiscreet(t, a.Err, s.Listener.Addr().String())
				return
			}
			require.Nil(t, a.Err)
			require.Equal(t, c.sni, <-asked)
		})
	}
}

// TestAuthoritiesAreApart has two instances with a target of one name and one server, whose
// authority one of them names: what that one has opened and resumed helps the other nothing.
func TestAuthoritiesAreApart(t *testing.T) {
	theirs := newAuthority(t)
	s := tlsServer(t, theirs.config(), func(http.ResponseWriter, *http.Request) {})
	i := newInvoker(t)
	for range 3 {
		require.Nil(t, i.Do(t.Context(), callTo(s.URL, webhook, in("one"), by(action.TLS{CA: theirs.pem()}))).Err)
		refused := i.Do(t.Context(), callTo(s.URL, webhook, in("two")))
		require.NotNil(t, refused.Err)
		require.Equal(t, action.CodeTLS, refused.Err.Code)
	}
	// Nor does it help the same target when it believes somebody else from now on.
	refused := i.Do(t.Context(), callTo(s.URL, webhook, in("one"), by(action.TLS{CA: newAuthority(t).pem()})))
	require.NotNil(t, refused.Err)
	require.Equal(t, action.CodeTLS, refused.Err.Code)
}

func in(instance string) func(*Call) { return func(c *Call) { c.Instance = instance } }

func TestUnreadableAuthorities(t *testing.T) {
	s := httpServer(t, func(http.ResponseWriter, *http.Request) {})
	a := newInvoker(t).Do(t.Context(), callTo(s.URL, by(action.TLS{CA: "hunter2"})))
	require.NotNil(t, a.Err)
	require.Equal(t, action.CodeBadField, a.Err.Code)
	require.Equal(t, "tls.ca", a.Err.Field)
	require.NotContains(t, a.Err.Error(), "hunter2")
}

// TestCertificate has the installation's certificate shown to who asks, for the instance's
// targets alone, and another one as soon as there is one.
func TestCertificate(t *testing.T) {
	servers, clients := newAuthority(t), newAuthority(t)
	s, shown := askingServer(t, servers, clients)
	first, second := clients.client("first"), clients.client("second")
	installation := NewInstallation(Installed{Roots: servers.pool(), Certificate: &first})
	i := newInvoker(t, func(o *Options) { o.Installation = installation })
	ask := func(want string, own bool) {
		t.Helper()
		for _, instance := range []string{"one", "two"} {
			mine := func(c *Call) { c.MayAsk = own }
			require.Nil(t, i.Do(t.Context(), callTo(s.URL, webhook, in(instance), mine)).Err)
			require.Equal(t, want, <-shown, instance)
			require.Nil(t, i.Try(t.Context(), callTo(s.URL, webhook, mine)).Err)
			require.Equal(t, want, <-shown, "a trial")
		}
	}
	ask("first", true)
	ask("", false)
	installation.Set(Installed{Roots: servers.pool(), Certificate: &second})
	ask("second", true)
	installation.Set(Installed{Roots: servers.pool()})
	ask("", true)
	installation.Set(Installed{Roots: clients.pool(), Certificate: &first})
	require.Equal(t, action.CodeTLS, action.CodeOf(i.Do(t.Context(), callTo(s.URL, webhook, in("one"))).Err), "its servers are not believed any more")
}

// TestKeepAliveOfTheServer has kept connections dropped when their server is about to.
func TestKeepAliveOfTheServer(t *testing.T) {
	for header, drops := range map[string]bool{"timeout=1, max=100": true, "max=100": false, "timeout=5": false} {
		t.Run(header, func(t *testing.T) {
			s := httpServer(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Keep-Alive", header) })
			closed := make(chan struct{}, 1)
			i := newInvoker(t)
			i.wrap = func(c net.Conn) net.Conn { return &closing{c, closed} }
			require.Nil(t, i.Do(t.Context(), callTo(s.URL, webhook)).Err)
			require.Nil(t, i.Do(t.Context(), callTo(s.URL, webhook)).Err, "kept, and used again")
			conn := connOf(t, i, s.URL)
			if !drops {
				require.Nil(t, conn.end, "no clock runs")
				return
			}
			require.NotNil(t, conn.end, "a clock runs")
			<-closed
			require.Nil(t, i.Do(t.Context(), callTo(s.URL, webhook)).Err)
		})
	}
}

// connOf makes one more exchange, and gives the connection that it was on.
func connOf(t *testing.T, i *Invoker, at string) *countedConn {
	u, err := url.Parse(at)
	require.NoError(t, err)
	c := callTo(u.String(), webhook)
	v, refused := i.enter(c.Instance, c.Owner, i.definition(&c))
	require.Nil(t, refused)
	defer i.clients.leave(v)
	ex := &exchange{}
	require.Nil(t, i.prepare(t.Context(), ex, v.client, c))
	resp, err := v.client.http.Do(&ex.request)
	require.NoError(t, err)
	ex.heed(resp, v.client.idle)
	resp.Body.Close()
	ex.end()
	return ex.conn.Load()
}

type closing struct {
	net.Conn
	closed chan struct{}
}

func (c *closing) Close() error {
	select {
	case c.closed <- struct{}{}:
	default:
	}
	return c.Conn.Close()
}

func TestKeepAliveTimeout(t *testing.T) {
	for line, want := range map[string]string{
		"timeout=5": "5s", "timeout=5, max=1000": "5s", "max=3, Timeout = \"15\"": "15s", "timeout=0": "0s", "timeout=99999": "1h0m0s",
		"": "", "max=5": "", "timeout": "", "timeout=-1": "", "timeout=1e3": "", "timeout=99999999999999999999": "", "untimeout=3": "",
	} {
		d, ok := keepAliveTimeout([]string{line})
		require.Equal(t, want != "", ok, line)
		if ok {
			require.Equal(t, want, d.String(), line)
		}
	}
}

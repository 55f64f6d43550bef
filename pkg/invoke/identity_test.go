package invoke

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// askingServer asks who calls, and tells the name of it; "" = nobody has said.
func askingServer(t *testing.T, servers, clients *authority) (*httptest.Server, <-chan string) {
	shown := make(chan string, 100)
	config := servers.config()
	config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, clients.pool()
	return tlsServer(t, config, func(w http.ResponseWriter, r *http.Request) {
		name := ""
		if len(r.TLS.PeerCertificates) > 0 {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		shown <- name
		_, _ = io.WriteString(w, "{}")
	}), shown
}

// client is a client certificate of a name.
func (a *authority) client(name string, change ...func(*x509.Certificate)) tls.Certificate {
	return a.config(append([]func(*x509.Certificate){func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}}, change...)...).Certificates[0]
}

// pems are a certificate and its key as they are kept.
func pems(t *testing.T, c tls.Certificate) (certificate, key string) {
	raw, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// as is a call with what a target's TLS says elsewhere.
func as(t *testing.T, ca, certificate, key string) func(*Call) {
	id, err := NewIdentity(ca, certificate, key)
	require.Nil(t, err, "%v", err)
	return func(c *Call) { c.Identity = id }
}

// TestIdentity has a server that demands a client certificate: of its authority, which has
// not ended, and which the target shows in the place of the installation's.
func TestIdentity(t *testing.T) {
	servers, clients, strangers := newAuthority(t), newAuthority(t), newAuthority(t)
	shown := make(chan string, 100) // no server waits for a case that fails
	config := servers.config()
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, clients.pool()
	s := tlsServer(t, config, func(w http.ResponseWriter, r *http.Request) {
		shown <- r.TLS.PeerCertificates[0].Subject.CommonName
		_, _ = io.WriteString(w, "{}")
	})
	yesterday := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	}
	tomorrow := func(c *x509.Certificate) {
		c.NotBefore = time.Now().Add(24 * time.Hour)
		c.NotAfter = c.NotBefore.Add(time.Hour)
	}
	installed := clients.client("installation")
	i := newInvoker(t, func(o *Options) {
		o.Installation = NewInstallation(Installed{Roots: servers.pool(), Certificate: &installed})
	})
	cert, key := pems(t, clients.client("partner"))
	strange, strangeKey := pems(t, strangers.client("stranger"))
	old, oldKey := pems(t, clients.client("old", yesterday))
	early, earlyKey := pems(t, clients.client("early", tomorrow))
	own := func(c *Call) { c.MayAsk = true }
	for name, c := range map[string]struct {
		call []func(*Call)
		name string // that was shown; "" = the exchange fails
		sent bool
		says string
	}{
		"of the target":             {[]func(*Call){as(t, "", cert, key)}, "partner", true, ""},
		"in one text with the key":  {[]func(*Call){as(t, "", "", cert+key)}, "partner", true, ""},
		"before the installation's": {[]func(*Call){own, as(t, "", cert, key)}, "partner", true, ""},
		"the installation's":        {[]func(*Call){own}, "installation", true, ""},
		"and an authority":          {[]func(*Call){own, as(t, servers.pem(), "", "")}, "installation", true, ""},
		"another authority":         {[]func(*Call){own, as(t, clients.pem(), cert, key)}, "", false, ""},
		"none":                      {nil, "", true, ""},
		"of a stranger":             {[]func(*Call){as(t, "", strange, strangeKey)}, "", true, ""},
		"over since yesterday":      {[]func(*Call){as(t, "", old, oldKey)}, "", false, "the certificate is over since "},
		"begins tomorrow":           {[]func(*Call){as(t, "", early, earlyKey)}, "", false, "the certificate begins at "},
	} {
		t.Run(name, func(t *testing.T) {
			for _, instance := range []string{"one", "two"} {
				a := i.Do(t.Context(), callTo(s.URL, append(c.call, in(instance+name))...))
				if c.name != "" {
					require.Nil(t, a.Err, "%v", a.Err)
					require.Equal(t, c.name, <-shown)
					continue
				}
				require.NotNil(t, a.Err)
				require.Equal(t, action.CodeTLS, a.Err.Code, "%v", a.Err)
				require.NotContains(t, a.Err.Message, "certificate is over", "a caller hears nothing of it")
				require.Contains(t, a.Err.Error(), c.says)
				requireDiscreet(t, a.Err, s.Listener.Addr().String())
				require.Empty(t, shown)
			}
		})
	}
}

// TestIdentityIsFollowed has a target's certificate renewed: the next exchange shows the
// new one, and the same one read again costs no connection.
func TestIdentityIsFollowed(t *testing.T) {
	servers, clients := newAuthority(t), newAuthority(t)
	s, shown := askingServer(t, servers, clients)
	i := newInvoker(t, func(o *Options) { o.Installation = believing(servers.pool()) })
	cert, key := pems(t, clients.client("first"))
	next, nextKey := pems(t, clients.client("second"))
	clientOf := func(change func(*Call)) *client {
		c := callTo(s.URL, webhook, change)
		v, refused := i.enter(c.Instance, c.Owner, i.definition(&c))
		require.Nil(t, refused)
		defer i.clients.leave(v)
		return v.client
	}
	first := clientOf(as(t, "", cert, key))
	require.Same(t, first, clientOf(as(t, "", cert, key)), "another worker's map, the same texts")
	require.Nil(t, i.Do(t.Context(), callTo(s.URL, as(t, "", cert, key))).Err)
	require.Equal(t, "first", <-shown)
	require.Nil(t, i.Do(t.Context(), callTo(s.URL, as(t, "", next, nextKey))).Err)
	require.Equal(t, "second", <-shown)
	require.NotSame(t, first, clientOf(as(t, "", next, nextKey)))
	require.Nil(t, i.Do(t.Context(), callTo(s.URL)).Err)
	require.Empty(t, <-shown)
}

// TestUnreadableIdentity: what is kept and cannot be used is said without a part of it.
func TestUnreadableIdentity(t *testing.T) {
	clients := newAuthority(t)
	cert, key := pems(t, clients.client("a"))
	_, other := pems(t, clients.client("b"))
	for says, parts := range map[string][3]string{
		"tls.ca of the target":                   {"hunter2", "", ""},
		"tls.key of the target":                  {"", cert, "hunter2"},
		"tls.certificate of the target":          {"", "hunter2", key},
		"is not that of the certificate":         {"", cert, other},
		"a private key in it and no certificate": {"", "", key},
	} {
		_, err := NewIdentity(parts[0], parts[1], parts[2])
		require.NotNil(t, err, says)
		require.Equal(t, action.CodeInternal, err.Code)
		require.Contains(t, err.Error(), says)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

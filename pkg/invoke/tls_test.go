package invoke

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// authority signs certificates for one test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newECKey(t)
	raw, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(raw)
	require.NoError(t, err)
	return a
}

func newECKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// config is a server's, with a certificate of the authority for 127.0.0.1.
func (a *authority) config(change ...func(*x509.Certificate)) *tls.Config {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	for _, c := range change {
		c(template)
	}
	key := newECKey(a.t)
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(a.t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}
}

func TestBrokenTLS(t *testing.T) {
	ours, other := newAuthority(t), newAuthority(t)
	old := ours.config()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	good := ours.config()
	cases := []struct {
		name  string
		serve func(net.Conn)
		code  action.Code
	}{
		{"trusted", overTLS(good, answering(ok+"\r\n{}")), ""},
		{"expired", overTLS(ours.config(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), hold), action.CodeTLS},
		{"not yet valid", overTLS(ours.config(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), hold), action.CodeTLS},
		{"wrong name", overTLS(ours.config(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} }), hold), action.CodeTLS},
		{"unknown authority", overTLS(other.config(), hold), action.CodeTLS},
		{"only an old version", overTLS(old, answering(ok+"\r\n{}")), action.CodeTLS},
		{"plain HTTP", answering("HTTP/1.1 400 Bad Request\r\n\r\n"), action.CodeTLS},
		{"HTTP at once", func(c net.Conn) { _, _ = io.WriteString(c, ok+"\r\n{}"); hold(c) }, action.CodeTLS},
		{"garbage", func(c net.Conn) { _, _ = io.WriteString(c, strings.Repeat("\x00garbage", 20)); hold(c) }, action.CodeTLS},
		{"closes in the handshake", func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, action.CodeTLS},
		{"never shakes hands", hold, action.CodeTimeout},
		{"closes in the body", overTLS(good, answering(ok+"Content-Length: 100\r\n\r\n{")), action.CodeAnswerBroken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			i := newInvoker(t, func(o *Options) { o.Installation = believing(ours.pool()) })
			address := rawServer(t, c.serve)
			timeout := 5 * time.Second
			if c.code == action.CodeTimeout {
				timeout = 100 * time.Millisecond
			}
			start := time.Now()
			a := i.Do(t.Context(), callTo("https://"+address+"/?token=secret", within(timeout)))
			require.Less(t, time.Since(start), time.Second)
			if c.code == "" {
				require.Nil(t, a.Err)
				return
			}
			require.NotNil(t, a.Err)
			require.Equal(t, c.code, a.Err.Code, "%v", a.Err)
			require.Equal(t, c.code == action.CodeAnswerBroken, a.Sent, "a failed handshake sends nothing of the request")
			requireDiscreet(t, a.Err, address)
		})
	}
}

func TestSelfSignedIsRefusedWithoutAPool(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = quiet
	require.Equal(t, action.CodeTLS, newInvoker(t).Do(t.Context(), callTo(s.URL)).Err.Code)
}

// http2Server is a real one; its certificate is the pool's.
func http2Server(t testing.TB, handle http.HandlerFunc) (*httptest.Server, func(*Options)) {
	s := httptest.NewUnstartedServer(handle)
	s.EnableHTTP2 = true
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s, func(o *Options) { o.Installation = believing(pool) }
}

func TestHTTP2(t *testing.T) {
	protocols := make(chan int, 10)
	s, trusting := http2Server(t, func(w http.ResponseWriter, r *http.Request) {
		protocols <- r.ProtoMajor
		switch r.URL.Path {
		case "/headers":
			for range 100 {
				w.Header().Add("X", strings.Repeat("x", 1<<10))
			}
		case "/header":
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/hang":
			<-r.Context().Done()
		case "/abort":
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, `{"a":1}`)
		}
	})
	i := newInvoker(t, trusting)
	for _, c := range []struct {
		path    string
		timeout time.Duration
		code    action.Code
	}{
		{"/", time.Second, ""},
		{"/headers", time.Second, action.CodeHeadersTooLarge},
		// A single one over the bound is, to HTTP/2, a broken compression.
		{"/header", time.Second, action.CodeAnswerBroken},
		{"/endless", time.Second, action.CodeAnswerTooLarge},
		{"/hang", 50 * time.Millisecond, action.CodeTimeout},
		{"/abort", time.Second, action.CodeAnswerBroken},
		{"/", time.Second, ""},
	} {
		a := i.Do(t.Context(), callTo(s.URL+c.path, within(c.timeout)))
		require.Equal(t, 2, <-protocols, c.path)
		if c.code == "" {
			require.Nil(t, a.Err, c.path)
			require.Equal(t, `{"a":1}`, string(a.Body))
			continue
		}
		require.NotNil(t, a.Err, c.path)
		require.Equal(t, c.code, a.Err.Code, "%s: %v", c.path, a.Err)
	}
}

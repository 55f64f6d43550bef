package dispatch_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	a.key = key
	a.cert, err = x509.ParseCertificate(raw)
	require.NoError(t, err)
	a.write("ca.pem", "CERTIFICATE", raw)
	return a
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(name, kind string, raw []byte) {
	a.t.Helper()
	require.NoError(a.t, os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600))
}

// issue writes the certificate of a name, with its key.
func (a *authority) issue(name string, ends time.Time) {
	a.t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(a.t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: ends,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	a.write(name+".key", "PRIVATE KEY", secret)
	a.write(name+".pem", "CERTIFICATE", raw)
}

func (a *authority) files(name, clientCA string) dispatch.CertificateFiles {
	return dispatch.CertificateFiles{Cert: a.path(name + ".pem"), Key: a.path(name + ".key"), ClientCA: clientCA}
}

// client believes the authority, and shows the certificate of a name if there is one.
func (a *authority) client(name string, http2 bool) *http.Client {
	a.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	config := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if name != "" {
		pair, err := tls.LoadX509KeyPair(a.path(name+".pem"), a.path(name+".key"))
		require.NoError(a.t, err)
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: config, Protocols: new(http.Protocols), DisableKeepAlives: !http2}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetHTTP2(http2)
	a.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func operator() (*dispatch.Access, string) {
	t, text := access.NewToken("operator", access.Scope{}, access.Verbs)
	return &dispatch.Access{Operator: t}, text
}

// get asks for a path and gives the status, 0 when there is no answer.
func get(t *testing.T, c *http.Client, url string, header http.Header) (int, *http.Response) {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t, 10*time.Second), http.MethodGet, url, nil)
	require.NoError(t, err)
	for name, values := range header {
		r.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, nil
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode, resp
}

// TestWhereMayBeListened: off loopback somebody must be asked who he is, or the
// operator must have said that nobody need be, which is said aloud.
func TestWhereMayBeListened(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	only, _ := operator()
	for _, c := range []struct {
		name   string
		listen string
		entry  dispatch.Entry
		fails  string
		says   string
	}{
		{"loopback", "127.0.0.1:0", dispatch.Entry{}, "", ""},
		{"everywhere, and nobody is asked", "0.0.0.0:0", dispatch.Entry{}, "--token-file", ""},
		{"no host", ":0", dispatch.Entry{}, "--token-file", ""},
		{"a name", "example.com:0", dispatch.Entry{}, "--insecure-listen", ""},
		{"everywhere, with tokens in the clear", "0.0.0.0:0", dispatch.Entry{Access: only}, "", "--tls-cert"},
		{"everywhere, and the operator means it", "0.0.0.0:0", dispatch.Entry{OpenToAll: true}, "", "MAY DO EVERYTHING"},
	} {
		log := &lockedBuffer{}
		d, err := dispatch.Start(within(t, 20*time.Second), dispatch.Options{Bus: f.bus(), Log: zerolog.New(log), Listen: c.listen, Entry: c.entry})
		if c.fails != "" {
			require.ErrorContains(t, err, c.fails, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.NoError(t, d.Stop(within(t, 10*time.Second)))
		require.Contains(t, log.String(), c.says, c.name)
		if c.says == "" {
			require.NotContains(t, log.String(), "--tls-cert", c.name)
		}
	}
}

// TestTLS: HTTP/1 and HTTP/2 are spoken over TLS, a request with two ends is refused
// there too, a renewed certificate is shown to who comes next, and one that cannot be
// used takes the place of none.
func TestTLS(t *testing.T) {
	t.Parallel()
	f, ca := newFleet(t), newAuthority(t)
	ca.issue("server", time.Now().Add(time.Hour))
	log := &lockedBuffer{}
	config, err := dispatch.FollowCertificate(ca.files("server", ""), zerolog.New(log))
	require.NoError(t, err)
	d := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{TLS: config}})
	require.True(t, strings.HasPrefix(d.URL(), "https://"))
	for _, http2 := range []bool{false, true} {
		status, resp := get(t, ca.client("", http2), d.URL()+"/readyz", nil)
		require.Equal(t, 200, status)
		require.Equal(t, http2, resp.ProtoMajor == 2)
	}
	status, _ := get(t, http.DefaultClient, d.URL()+"/readyz", nil)
	require.Zero(t, status, "who does not know the authority believes nobody")
	require.Contains(t, twoEnds(t, ca, d.URL()), "400 Bad Request")

	serial := func() string {
		_, resp := get(t, ca.client("", false), d.URL()+"/healthz", nil)
		return resp.TLS.PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	require.NoError(t, os.WriteFile(ca.path("server.pem"), []byte("half a cert"), 0o600))
	require.Eventually(t, func() bool {
		return serial() == before && strings.Contains(log.String(), "the one before stays")
	}, time.Minute, 50*time.Millisecond)
	ca.issue("server", time.Now().Add(time.Hour))
	require.Eventually(t, func() bool { return serial() != before }, time.Minute, 50*time.Millisecond)
	ca.issue("server", time.Now().Add(-time.Minute))
	_, err = dispatch.FollowCertificate(ca.files("server", ""), zerolog.Nop())
	require.ErrorContains(t, err, "is over since")
	_, err = dispatch.FollowCertificate(ca.files("nothing", ""), zerolog.Nop())
	require.ErrorContains(t, err, "nothing.pem")
}

// twoEnds sends a request over TLS that ends in two places, and gives the answer.
func twoEnds(t *testing.T, ca *authority, url string) string {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	c, err := dialer.DialContext(within(t, 10*time.Second), "tcp", strings.TrimPrefix(url, "https://"))
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprint(c, "POST /v1/instances/default/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	require.NoError(t, err)
	line, err := bufio.NewReader(c).ReadString('\n')
	require.NoError(t, err)
	return line
}

// TestClientCertificates: who shows a certificate of the authority is who its subject
// says; one of another authority does not even come in; a token counts beside it.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	f, ca, other := newFleet(t), newAuthority(t), newAuthority(t)
	for _, name := range []string{"server", "core", "nobody"} {
		ca.issue(name, time.Now().Add(time.Hour))
	}
	other.issue("core", time.Now().Add(time.Hour))
	config, err := dispatch.FollowCertificate(ca.files("server", ca.path("ca.pem")), zerolog.Nop())
	require.NoError(t, err)
	only, text := operator()
	only.Certificates = map[string]*access.Principal{
		"CN=core,O=Example": {ID: "core", Scope: access.Scope{Instance: "default"}, Verbs: []access.Verb{access.Publish}}}
	d := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{TLS: config, Access: only}, Prepare: func(ctx context.Context, d *dispatch.Dispatcher) error {
		return d.Instance("default").Ensure(ctx)
	}})
	publish := func(c *http.Client, token string) int {
		r, err := http.NewRequestWithContext(within(t, 10*time.Second), http.MethodPost, d.URL()+"/v1/instances/default/events",
			bytes.NewReader([]byte(`{"aggregateID":"u1","event_type":"user.added"}`)))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := c.Do(r)
		if err != nil {
			return 0
		}
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	for _, http2 := range []bool{false, true} {
		require.Equal(t, 202, publish(ca.client("core", http2), ""))
		require.Equal(t, 401, publish(ca.client("nobody", http2), ""))
		require.Equal(t, 401, publish(ca.client("", http2), ""))
		require.Equal(t, 202, publish(ca.client("", http2), text))
		require.Equal(t, 401, publish(ca.client("core", http2), text[:len(text)-1]), "a token that does not count is no matter of a certificate")
	}
	foreign := ca.client("", false)
	pair, err := tls.LoadX509KeyPair(other.path("core.pem"), other.path("core.key"))
	require.NoError(t, err)
	foreign.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{pair}
	require.Zero(t, publish(foreign, ""))
}

// TestHostAndOrigin: where a token is asked for, a request may name any host, and a
// page must be one of that host; where nobody is asked off loopback, a host is an
// address, since a name may be anybody's.
func TestHostAndOrigin(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	only, text := operator()
	asked := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{Access: only}})
	open := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{OpenToAll: true}})
	for _, c := range []struct {
		host, origin    string
		asked, everyone int
	}{
		{"127.0.0.1", "", 404, 404},
		{"callout.example.com", "", 404, 403},
		{"192.0.2.7:8080", "", 404, 404},
		{"[2001:db8::1]:8080", "", 404, 404},
		{"callout.example.com", "https://callout.example.com", 404, 403},
		{"192.0.2.7:8080", "http://192.0.2.7:8080", 404, 404},
		{"callout.example.com", "https://evil.example", 403, 403},
		{"192.0.2.7:8080", "https://evil.example", 403, 403},
		{"callout.example.com", "null", 403, 403},
	} {
		header := http.Header{"Host": {c.host}, "Authorization": {"Bearer " + text}}
		if c.origin != "" {
			header.Set("Origin", c.origin)
		}
		status, _ := get(t, http.DefaultClient, asked.URL()+"/nothing", header)
		require.Equal(t, c.asked, status, "with a token: %+v", c)
		status, _ = get(t, http.DefaultClient, open.URL()+"/nothing", header)
		require.Equal(t, c.everyone, status, "open to all: %+v", c)
	}
}

// TestTokensOfAFleet: a token that one dispatcher makes counts at another, and none
// when it is revoked, each within a second; that it is used is noted.
func TestTokensOfAFleet(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	only, _ := operator()
	one := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{Access: only}})
	other := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{Access: only}})
	token, text := access.NewToken("core", access.Scope{Instance: "default"}, []access.Verb{access.Publish})
	require.NoError(t, one.AddToken(within(t, 5*time.Second), token))
	status := func() int {
		status, _ := get(t, http.DefaultClient, other.URL()+"/nothing", http.Header{"Authorization": {"Bearer " + text}})
		return status
	}
	require.Eventually(t, func() bool { return status() == 404 }, time.Minute, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		all, err := one.Tokens(within(t, 5*time.Second))
		return err == nil && len(all) == 1 && time.Since(all[0].Used) < time.Minute
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, one.RevokeToken(within(t, 5*time.Second), token.ID))
	require.Eventually(t, func() bool { return status() == 401 }, time.Minute, 10*time.Millisecond)
	open := f.dispatcher()
	code(t, "forbidden", open.AddToken(within(t, 5*time.Second), token))
}

// TestTokensGoWithTheirInstance: a token of an instance that is deleted counts no more,
// nor does it for one that is made again under its id; those of others stay.
func TestTokensGoWithTheirInstance(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	only, _ := operator()
	d := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{Access: only}})
	texts := map[string]string{}
	for name, at := range map[string]access.Scope{"north": {Instance: "north"}, "acme": {Instance: "north", Org: "acme"}, "south": {Instance: "south"}, "all": {}} {
		token, text := access.NewToken(name, at, access.Verbs)
		require.NoError(t, d.AddToken(within(t, 5*time.Second), token))
		texts[name] = text
	}
	for _, id := range []string{"north", "south"} {
		_, err := d.Instance(id).Create(within(t, 20*time.Second))
		require.NoError(t, err)
	}
	_, err := d.Instance("north").Delete(within(t, time.Minute))
	require.NoError(t, err)
	status := func(name string) int {
		status, _ := get(t, http.DefaultClient, d.URL()+"/nothing", http.Header{"Authorization": {"Bearer " + texts[name]}})
		return status
	}
	require.Eventually(t, func() bool { return status("north") == 401 && status("acme") == 401 }, time.Minute, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := d.Instance("north").Create(within(t, 20*time.Second))
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	require.Equal(t, []int{401, 401, 404, 404}, []int{status("north"), status("acme"), status("south"), status("all")})
}

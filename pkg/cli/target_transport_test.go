package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clientPair makes a certificate that is its own authority, for a server and a client, and
// gives it and its key in PEM.
func clientPair(t *testing.T, name string, left time.Duration) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-100 * 24 * time.Hour), NotAfter: time.Now().Add(left), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// TestCertificateOfTheInstallation: a node believes --target-ca and shows --target-cert,
// the new one too once the files hold it, and keeps the old one where that cannot be used.
func TestCertificateOfTheInstallation(t *testing.T) {
	t.Parallel()
	const quarter = 90 * 24 * time.Hour
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	first, firstKey := clientPair(t, "first", quarter)
	second, secondKey := clientPair(t, "second", quarter)
	clients := x509.NewCertPool()
	require.True(t, clients.AppendCertsFromPEM(append(first, second...)))
	serverCert, serverKey := clientPair(t, "server", quarter)
	pair, err := tls.X509KeyPair(serverCert, serverKey)
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"shown":"`+r.TLS.PeerCertificates[0].Subject.CommonName+`"}`)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca, cert, key := write("ca.pem", serverCert), write("client.crt", first), write("client.key", firstKey)
	config := write("callout.yaml", []byte("targets: {hook: {type: call, url: '"+s.URL+"'}}\nrequests: {/s.S/A: {targets: [{target: hook}]}}\n"))
	p := start(t, "callout", nil, "dev", "-f", config, "--data", "", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0",
		"--target-ca", ca, "--target-cert", cert, "--target-key", key)
	shows := func(name string) bool {
		r := run(t, "callout", "target", "test", "hook", "--server", p.ready["http"], "--sample", "request")
		require.Zero(t, r.code, r)
		return strings.Contains(r.out, name)
	}
	require.True(t, shows("first"))
	write("client.crt", second)
	p.log.await(t, "what is new of --target-ca, --target-cert and --target-key cannot be used; what was before stays")
	require.True(t, shows("first"))
	write("client.key", secondKey)
	p.log.await(t, "--target-ca, --target-cert and --target-key are read anew")
	require.True(t, shows("second"))
	require.NotContains(t, p.log.String(), strings.Split(string(firstKey), "\n")[1])
}

// TestFlagsOfTheTransport: what cannot be used is told by flag and file at start, and
// nothing of a key is.
func TestFlagsOfTheTransport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, text ...[]byte) string {
		path := filepath.Join(dir, name)
		var all []byte
		for _, part := range text {
			all = append(all, part...)
		}
		require.NoError(t, os.WriteFile(path, all, 0o600))
		return path
	}
	good, goodKey := clientPair(t, "good", 90*24*time.Hour)
	old, oldKey := clientPair(t, "old", -24*time.Hour)
	cert, key, other := write("good.crt", good), write("good.key", goodKey), write("other.key", oldKey)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--target-key is of no use without --target-cert", []string{"--target-key", key}},
		{"--target-cert " + cert + ": there is no private key in it", []string{"--target-cert", cert}},
		{"--target-key " + other + ": the private key is not that of the certificate", []string{"--target-cert", cert, "--target-key", other}},
		{"the certificate is over since ", []string{"--target-cert", write("old.pem", old, oldKey)}},
		{"--target-cert " + dir + "/none: no such file", []string{"--target-cert", dir + "/none"}},
		{"--target-ca " + key + ": there is a private key in it", []string{"--target-ca", key}},
		{"--egress-proxy: a proxy is given as http://HOST:PORT", []string{"--egress-proxy", "http://me:hunter2@proxy.example"}},
		{"--egress-proxy-login is of no use without --egress-proxy", []string{"--egress-proxy-login", cert}},
		{"it holds USER:PASSWORD, on one line", []string{"--egress-proxy", "http://proxy.example:3128", "--egress-proxy-login", write("login", []byte("hunter2"))}},
	} {
		r := run(t, "worker", append([]string{"--nats", "nats://127.0.0.1:1"}, c.args...)...)
		require.Equal(t, 2, r.code, c.says)
		require.Contains(t, r.err, c.says)
		require.NotContains(t, r.err, "hunter2")
		require.NotContains(t, r.err, strings.Split(string(goodKey), "\n")[1])
	}
}

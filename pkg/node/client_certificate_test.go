package node_test

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
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/callout"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// issuer signs certificates of one test.
type issuer struct {
	*testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{T: t}
	var err error
	i.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, i.key.Public(), i.key)
	require.NoError(t, err)
	i.cert, err = x509.ParseCertificate(raw)
	require.NoError(t, err)
	return i
}

func (i *issuer) pem() string { return action.PEM([]*x509.Certificate{i.cert}) }

func (i *issuer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

// issue gives a certificate that ends after so long, and its key, in PEM.
func (i *issuer) issue(name string, left time.Duration) (certificate, key string) {
	i.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(i, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-365 * 24 * time.Hour), NotAfter: time.Now().Add(left)}
	raw, err := x509.CreateCertificate(rand.Reader, template, i.cert, private.Public(), i.key)
	require.NoError(i, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(i, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// demanding is a server of the issuer that demands a certificate of it, and tells the
// names of who came.
func (i *issuer) demanding() (*httptest.Server, <-chan string) {
	came := make(chan string, 1000)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came <- r.URL.Path + " " + r.TLS.PeerCertificates[0].Subject.CommonName
		_, _ = io.WriteString(w, "{}")
	}))
	cert, key := i.issue("server", time.Hour)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	require.NoError(i, err)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: i.pool()}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	i.Cleanup(s.Close)
	return s, came
}

// named is a target with all of its TLS elsewhere: its authority in a file, certificate and
// key in a secret, and one with a certificate that stands here.
const namedConfig = `
instance: NAME
targets:
  bundle: {type: webhook, url: HOOKS/bundle, retry: {initial: 5ms, max: 20ms}, tls: {ca: {file: ca.pem}, key: {secret: client}}}
  files: {type: webhook, url: HOOKS/files, retry: {initial: 5ms, max: 20ms}, tls: {ca: {file: ca.pem}, certificate: {file: client.crt}, key: {file: client.key}}}
  call:
    type: call
    url: HOOKS/call
    interrupt_on_error: true
    tls:
      ca: {file: ca.pem}
      key: {secret: key}
      certificate: |
        CERTIFICATE
requests: {/s.S/A: {targets: [{target: call}]}}
events:
  user.bundle: {targets: [{target: bundle}]}
  user.files: {targets: [{target: files}]}
`

// secure is an installation whose targets demand client certificates.
type secure struct {
	*vault
	*issuer
	came    map[string]<-chan string
	configs map[string]string
	urls    map[string]string
	hidden  []string // what must be seen nowhere
}

func (s *secure) next(id string) string {
	s.vault.Helper()
	select {
	case came := <-s.came[id]:
		return came
	case <-time.After(time.Minute):
		s.vault.Fatal("nothing came")
	}
	return ""
}

func newSecure(t *testing.T) *secure {
	return &secure{vault: newVault(t), issuer: newIssuer(t), came: map[string]<-chan string{}, configs: map[string]string{}, urls: map[string]string{}}
}

// hides notes a key that must be seen nowhere.
func (s *secure) hides(key string) string {
	block, _ := pem.Decode([]byte(key))
	require.NotNil(s.vault, block)
	s.hidden = append(s.hidden, strings.Split(strings.TrimSpace(key), "\n")[1])
	return key
}

// TestClientCertificates: a target's server is shown what is kept for it, sealed, by calls,
// deliveries and trials; a new one counts without a revision; and nobody is shown a key.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	s, key := newSecure(t), sealKey(t)
	d, _ := s.dispatcher(&key)
	s.keyFile("ca.pem", s.pem())
	for _, id := range twoInstances {
		server, came := s.demanding()
		s.came[id], s.urls[id] = came, server.URL
		bundle, bundleKey := s.issue("bundle of "+id, 24*time.Hour)
		here, hereKey := s.issue("here of "+id, 90*24*time.Hour)
		file, fileKey := s.issue("file of "+id, 90*24*time.Hour)
		s.keyFile("client.crt", file)
		s.keyFile("client.key", s.hides(fileKey))
		s.configs[id] = strings.NewReplacer("NAME", id, "HOOKS", server.URL, "CERTIFICATE", strings.ReplaceAll(strings.TrimSpace(here), "\n", "\n        ")).Replace(namedConfig)
		_, err := api(d).CreateInstance(within(t, 20*time.Second), connect.NewRequest(&calloutv1.CreateInstanceRequest{Instance: id}))
		require.NoError(t, err)
		set := s.setSecret(d, id, "", "client", bundle+s.hides(bundleKey))
		require.True(t, set.GetSecret().GetPem())
		require.WithinDuration(t, time.Now().Add(24*time.Hour), set.GetSecret().GetNotAfter().AsTime(), time.Minute)
		require.Nil(t, s.setSecret(d, id, "", "key", s.hides(hereKey)).GetSecret().GetNotAfter())
		_, err = api(d).Apply(within(t, 20*time.Second), connect.NewRequest(&calloutv1.ApplyRequest{Instance: id, Configuration: s.configs[id]}))
		require.NoError(t, err)
		s.cores[id], err = callout.Connect(within(t, 10*time.Second), callout.Options{URL: s.server.URL(), Instance: id, Log: zerolog.Nop()})
		require.NoError(t, err)
		t.Cleanup(s.cores[id].Close)
	}
	s.worker(key)
	for _, id := range twoInstances {
		s.publish(id, "user.bundle", 1)
		require.Equal(t, "/bundle bundle of "+id, s.next(id))
		s.publish(id, "user.files", 2)
		require.Equal(t, "/files file of "+id, s.next(id))
		_, err := s.cores[id].Request(within(t, 20*time.Second), callout.Call{Method: "/s.S/A", Request: []byte(`{}`)})
		require.NoError(t, err)
		require.Equal(t, "/call here of "+id, s.next(id))
		draft := &calloutv1.Target{Type: "webhook", Url: s.urls[id] + "/draft", Tls: &calloutv1.TLS{Ca: s.pem(), Key: &calloutv1.SecretSource{Secret: "client"}}}
		drafted, err := api(d).TestTarget(within(t, 20*time.Second), connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id, Target: draft}))
		require.NoError(t, err)
		require.EqualValues(t, http.StatusOK, drafted.Msg.GetStatus(), drafted.Msg.GetMessage())
		require.Equal(t, "/draft bundle of "+id, s.next(id))
		draft.Tls.Key = &calloutv1.SecretSource{File: "client.key"}
		_, err = api(d).TestTarget(within(t, 20*time.Second), connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id, Target: draft}))
		require.Equal(t, "target.tls.key", manage.Detail(err).GetField())
		for _, target := range []string{"bundle", "files"} {
			tried, err := api(d).TestTarget(within(t, 20*time.Second), connect.NewRequest(&calloutv1.TestTargetRequest{Instance: id, Name: target}))
			require.NoError(t, err)
			require.EqualValues(t, http.StatusOK, tried.Msg.GetStatus(), tried.Msg.GetMessage())
			require.Contains(t, s.next(id), "/"+target+" ")
		}
		renewed, renewedKey := s.issue("renewed of "+id, 90*24*time.Hour)
		s.setSecret(d, id, "", "client", renewed+s.hides(renewedKey))
		sequence := uint64(2)
		require.Eventually(t, func() bool {
			sequence++
			s.publish(id, "user.bundle", sequence)
			return s.next(id) == "/bundle renewed of "+id
		}, time.Minute, time.Millisecond)
		s.showsNoKey(d, id)
	}
	for _, key := range s.hidden {
		require.NotContains(t, s.log.text(), key)
	}
}

// showsNoKey looks at all that is shown of the targets and the secrets.
func (s *secure) showsNoKey(d *dispatch.Dispatcher, id string) {
	c := api(d)
	var seen strings.Builder
	note := func(m interface{ String() string }, err error) {
		require.NoError(s.vault, err)
		seen.WriteString(m.String())
	}
	ctx := within(s.vault.T, 20*time.Second)
	exported, err := c.Export(ctx, connect.NewRequest(&calloutv1.ExportRequest{Instance: id}))
	note(exported.Msg, err)
	require.Contains(s.vault, exported.Msg.GetConfiguration(), "key: {secret: client}")
	require.Contains(s.vault, exported.Msg.GetConfiguration(), "ca: {file: ca.pem}")
	targets, err := c.ListTargets(ctx, connect.NewRequest(&calloutv1.ListTargetsRequest{Instance: id}))
	note(targets.Msg, err)
	raw, err := protojson.Marshal(targets.Msg)
	require.NoError(s.vault, err)
	require.Contains(s.vault, strings.ReplaceAll(string(raw), " ", ""), `"key":{"secret":"client"}`)
	secrets, err := c.ListSecrets(ctx, connect.NewRequest(&calloutv1.ListSecretsRequest{Instance: id}))
	note(secrets.Msg, err)
	require.Equal(s.vault, []string{"bundle"}, secrets.Msg.GetSecrets()[0].GetUsedBy())
	history, err := c.ListRevisions(ctx, connect.NewRequest(&calloutv1.ListRevisionsRequest{Instance: id}))
	note(history.Msg, err)
	for _, key := range s.hidden {
		require.NotContains(s.vault, seen.String(), key)
	}
	for _, target := range []string{"files", "bundle", "call"} {
		kept, _, err := s.bus.Instance(id).TargetSecrets(ctx, "", target)
		require.NoError(s.vault, err)
		require.True(s.vault, kept.AreSealed(), target)
		require.Len(s.vault, kept.Headers, map[string]int{"files": 3, "bundle": 1, "call": 1}[target])
	}
	named, err := s.bus.Instance(id).NamedSecrets(ctx)
	require.NoError(s.vault, err)
	for _, n := range named {
		require.Contains(s.vault, n.Value, "sealed:")
	}
}

// TestClientCertificatesThatCannotBe are refused by the field they stand in, with what is
// to be done, and without a byte of a key.
func TestClientCertificatesThatCannotBe(t *testing.T) {
	t.Parallel()
	s, key := newSecure(t), sealKey(t)
	d, _ := s.dispatcher(&key)
	cert, private := s.issue("good", 90*24*time.Hour)
	other, otherKey := s.issue("other", 90*24*time.Hour)
	old, oldKey := s.issue("old", -24*time.Hour)
	s.hides(private)
	s.hides(otherKey)
	s.hides(oldKey)
	locked := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}))
	for name, text := range map[string]string{"good.key": private, "good.crt": cert, "old.crt": old, "old.key": oldKey, "other.key": otherKey, "locked.key": locked,
		"nothing": "hunter2", "bundle.pem": cert + private} {
		s.keyFile(name, text)
	}
	at := func(file string) *calloutv1.SecretSource { return &calloutv1.SecretSource{File: file} }
	by := func(name string) *calloutv1.SecretSource { return &calloutv1.SecretSource{Secret: name} }
	for _, id := range twoInstances {
		ctx := within(t, time.Minute)
		_, err := api(d).CreateInstance(ctx, connect.NewRequest(&calloutv1.CreateInstanceRequest{Instance: id}))
		require.NoError(t, err)
		s.setSecret(d, id, "", "line", "one line")
		s.setSecret(d, id, "", "alone", private)
		s.setSecret(d, id, "", "bundle", cert+private)
		for _, c := range []struct {
			tls   *calloutv1.TLS
			field string
			says  string
		}{
			{&calloutv1.TLS{Certificate: cert, Key: at("good.key")}, "", ""},
			{&calloutv1.TLS{Certificate: cert, Key: by("alone")}, "", ""},
			{&calloutv1.TLS{CertificateFrom: at("good.crt"), Key: by("alone")}, "", ""},
			{&calloutv1.TLS{Key: at("bundle.pem")}, "", ""},
			{&calloutv1.TLS{Key: by("bundle"), CaFrom: at("good.crt")}, "", ""},
			{&calloutv1.TLS{Certificate: cert}, "target.tls.key", "of no use without its private key"},
			{&calloutv1.TLS{Certificate: "hunter2", Key: by("alone")}, "target.tls.certificate", "there is no certificate in it"},
			{&calloutv1.TLS{Certificate: cert + private, Key: by("alone")}, "target.tls.certificate", "there is a private key in it"},
			{&calloutv1.TLS{Certificate: cert, CertificateFrom: at("good.crt"), Key: by("alone")}, "target.tls.certificate", "it is one of a text in PEM"},
			{&calloutv1.TLS{Certificate: other, Key: at("good.key")}, "target.tls.key", "is not that of the certificate: name the key that the certificate was made for"},
			{&calloutv1.TLS{Certificate: other, Key: by("alone")}, "target.tls.key.secret", "is not that of the certificate"},
			{&calloutv1.TLS{CertificateFrom: at("good.crt"), Key: at("other.key")}, "target.tls.key", "is not that of the certificate"},
			{&calloutv1.TLS{CertificateFrom: at("old.crt"), Key: at("old.key")}, "target.tls.certificate", "the certificate is over since "},
			{&calloutv1.TLS{Certificate: old, Key: at("old.key")}, "target.tls.certificate", "the certificate is over since "},
			{&calloutv1.TLS{Ca: old}, "target.tls.ca", "the certificate is over since "},
			{&calloutv1.TLS{CaFrom: at("old.crt")}, "target.tls.ca", "the certificate is over since "},
			{&calloutv1.TLS{CaFrom: at("nothing")}, "target.tls.ca", "ca cannot be used: there is no certificate in it"},
			{&calloutv1.TLS{Certificate: cert, Key: at("nothing")}, "target.tls.key", "there is no private key in it"},
			{&calloutv1.TLS{Certificate: cert, Key: at("locked.key")}, "target.tls.key", "is encrypted with a passphrase"},
			{&calloutv1.TLS{Certificate: cert, Key: at("missing")}, "target.tls.key", "tls.key cannot be used"},
			{&calloutv1.TLS{Key: at("good.key")}, "target.tls.key", "no certificate: put the certificate in front of it"},
			{&calloutv1.TLS{Key: by("alone")}, "target.tls.key.secret", "a private key without its certificate"},
			{&calloutv1.TLS{Key: by("line")}, "target.tls.key.secret", "is no private key in PEM: set it by callout secret set line --from-file KEY.pem"},
			{&calloutv1.TLS{Key: by("bundel")}, "target.tls.key.secret", `the instance has no secret "bundel"`},
			{&calloutv1.TLS{Certificate: cert, Key: at("/etc/passwd")}, "target.tls.key.file", "within"},
			{&calloutv1.TLS{Certificate: cert, Key: &calloutv1.SecretSource{Env: "HOME"}}, "target.tls.key.env", "--key-env"},
			{&calloutv1.TLS{CaFrom: by("bundle")}, "", "unknown"},
		} {
			target := &calloutv1.Target{Name: "new", Type: "webhook", Url: "https://127.0.0.1:9/", Tls: c.tls}
			_, err := api(d).CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: id, Target: target, DryRun: true}))
			if c.says == "" {
				require.NoError(t, err)
				continue
			}
			require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), "%v: %v", c.tls, err)
			require.ErrorContains(t, err, c.says)
			if c.field != "" {
				require.Equal(t, c.field, manage.Detail(err).GetField(), "%v", err)
			}
			for _, hidden := range append(s.hidden, "hunter2") {
				require.NotContains(t, err.Error(), hidden)
			}
		}
		header := &calloutv1.Target{Name: "new", Type: "webhook", Url: "https://127.0.0.1:9/", HeaderSources: map[string]*calloutv1.SecretSource{"X-Key": by("alone")}}
		_, err = api(d).CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: id, Target: header}))
		require.ErrorContains(t, err, `the secret "alone" is a private key, which is sent in no header`)
		for says, value := range map[string]string{"the certificate is over since": old + oldKey, "is not that of the certificate": other + private, "is encrypted": cert + locked,
			"cut off or broken": private[:100], "at most 32768 bytes": strings.Repeat(cert, 100) + private, "more than one private key": private + otherKey} {
			_, err := api(d).SetSecret(ctx, connect.NewRequest(&calloutv1.SetSecretRequest{Instance: id, Name: "bundle", Value: value}))
			require.Equal(t, connect.CodeInvalidArgument, connect.CodeOf(err), says)
			require.ErrorContains(t, err, says)
		}
		_, err = api(d).CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: id,
			Target: &calloutv1.Target{Name: "used", Type: "webhook", Url: "https://127.0.0.1:9/", Tls: &calloutv1.TLS{Key: by("bundle")}}}))
		require.NoError(t, err)
		for says, value := range map[string]string{"is no private key in PEM": "one line", "a private key without its certificate": private} {
			_, err := api(d).SetSecret(ctx, connect.NewRequest(&calloutv1.SetSecretRequest{Instance: id, Name: "bundle", Value: value}))
			require.ErrorContains(t, err, "the target used names it: ")
			require.ErrorContains(t, err, says)
		}
		soon, soonKey := s.issue("soon", 24*time.Hour)
		_, err = api(d).CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: id, DryRun: true,
			Target: &calloutv1.Target{Name: "soon", Type: "webhook", Url: "https://127.0.0.1:9/", Tls: &calloutv1.TLS{Certificate: soon, Key: at("good.key")}}}))
		require.ErrorContains(t, err, "is not that of the certificate")
		s.keyFile("soon.key", s.hides(soonKey))
		answer, err := api(d).CreateTarget(ctx, connect.NewRequest(&calloutv1.CreateTargetRequest{Instance: id, DryRun: true,
			Target: &calloutv1.Target{Name: "soon", Type: "webhook", Url: "https://127.0.0.1:9/", Tls: &calloutv1.TLS{Certificate: soon, Key: at("soon.key")}}}))
		require.NoError(t, err)
		require.Contains(t, strings.Join(answer.Msg.GetWarnings(), "\n"), "the certificate ends at ")
	}
}

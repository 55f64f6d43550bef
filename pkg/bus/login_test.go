package bus_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/embed"
)

// scene is a directory with the files of a test.
type scene struct{ dir string }

func newScene(t *testing.T) scene {
	t.Helper()
	return scene{t.TempDir()}
}

func (s scene) at(name string) string { return filepath.Join(s.dir, name) }

func (s scene) write(t *testing.T, name, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(s.at(name), []byte(text), 0o600))
	return s.at(name)
}

// nkey writes the seed of a new user and gives its public key.
func (s scene) nkey(t *testing.T, name string) (public string) {
	t.Helper()
	key, err := nkeys.CreateUser()
	require.NoError(t, err)
	seed, err := key.Seed()
	require.NoError(t, err)
	s.write(t, name, string(seed)+"\n")
	public, err = key.PublicKey()
	require.NoError(t, err)
	return public
}

// certificate writes a certificate for 127.0.0.1 that has signed itself, and its key.
func (s scene) certificate(t *testing.T, name string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, public, private)
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	s.write(t, name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.write(t, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

// server starts a server with a configuration; @DIR@ stands for the scene's, which no key can hold.
func (s scene) server(t *testing.T, listen, config string) *embed.Server {
	t.Helper()
	file := s.write(t, "nats.conf", strings.ReplaceAll(config, "@DIR@", s.dir))
	ns, err := embed.Start(embed.Options{Listen: listen, Config: file, Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(ns.Close)
	return ns
}

// TestLoginWithAnNKey: a server that knows the key lets it in, with a socket and
// without; one that is refused is told so, and which flag to look at.
func TestLoginWithAnNKey(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	ns := sc.server(t, "127.0.0.1:0", "authorization: {users: [{nkey: "+sc.nkey(t, "known.nk")+"}, {user: ada, password: open-sesame}]}")
	sc.nkey(t, "stranger.nk")
	connect := func(o bus.Options) error {
		o.Log = zerolog.Nop()
		b, err := bus.Connect(bustest.Within(t, 5*time.Second), o)
		if err == nil {
			b.Close()
		}
		return err
	}
	known := bus.Login{NKey: sc.at("known.nk")}
	require.NoError(t, connect(bus.Options{URL: ns.URL(), Login: known}))
	require.NoError(t, connect(bus.Options{InProcess: ns, Login: known}))
	require.NoError(t, connect(bus.Options{URL: ns.URL(), NATS: []bus.Option{nats.UserInfo("ada", "open-sesame")}}))
	for o, fix := range map[*bus.Options]string{
		{URL: ns.URL(), Login: bus.Login{NKey: sc.at("stranger.nk")}}:         "check --nats-nkey " + sc.at("stranger.nk"),
		{InProcess: ns, Login: bus.Login{NKey: sc.at("stranger.nk")}}:         "check --nats-nkey",
		{URL: strings.Replace(ns.URL(), "nats://", "nats://ada:hide-me@", 1)}: "a user and a password in --nats",
		{URL: ns.URL()}: "give --nats-creds or --nats-nkey",
	} {
		err := connect(*o)
		var refused *bus.Refused
		require.ErrorAs(t, err, &refused)
		require.ErrorContains(t, err, "refuses this login: ")
		require.ErrorContains(t, err, fix)
		require.NotContains(t, err.Error(), "hide-me")
		require.Error(t, refused.Unwrap())
	}
	open := bustest.Start(t)
	require.ErrorContains(t, connect(bus.Options{URL: open.URL(), Login: known}), "refuses this login: nkeys not supported by the server")
}

// TestFilesOfALogin that cannot be used name the flag, and show nothing of what
// stands in them.
func TestFilesOfALogin(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	seed, err := account.Seed()
	require.NoError(t, err)
	sc.write(t, "account.nk", string(seed))
	sc.write(t, "hide-me", "SUhide-me hide-me")
	sc.certificate(t, "one")
	sc.certificate(t, "two")
	for want, l := range map[string]bus.Login{
		"--nats-creds " + sc.at("none") + ": no such file":                              {Creds: sc.at("none")},
		"--nats-creds " + sc.at("hide-me") + ": is no credentials":                      {Creds: sc.at("hide-me")},
		"--nats-creds " + sc.at("account.nk") + ": is no":                               {Creds: sc.at("account.nk")},
		"--nats-nkey " + sc.dir + ": is a directory":                                    {NKey: sc.dir},
		"--nats-nkey " + sc.at("hide-me") + ": holds no seed":                           {NKey: sc.at("hide-me")},
		"--nats-nkey " + sc.at("account.nk") + ": holds no seed":                        {NKey: sc.at("account.nk")},
		"--nats-ca " + sc.at("hide-me") + ": holds no certificate":                      {CA: sc.at("hide-me")},
		"--nats-cert is missing":                                                        {Key: sc.at("one.key")},
		"--nats-key is missing":                                                         {Cert: sc.at("one.pem")},
		"--nats-cert " + sc.at("one.pem") + ": is no certificate in PEM that goes with": {Cert: sc.at("one.pem"), Key: sc.at("two.key")},
		"--nats-key " + sc.at("none") + ": no such file":                                {Cert: sc.at("one.pem"), Key: sc.at("none")},
		"--nats-nkey cannot be given together with --nats-creds":                        {NKey: "a", Creds: "b"},
	} {
		_, err := bus.Connect(t.Context(), bus.Options{URL: "nats://127.0.0.1:1", Login: l, Log: zerolog.Nop()})
		var bad *bus.BadLogin
		require.ErrorAs(t, err, &bad, want)
		require.Error(t, bad.Unwrap())
		require.ErrorContains(t, err, want)
		require.NotContains(t, strings.ReplaceAll(err.Error(), sc.at("hide-me"), ""), "hide-me")
	}
}

// TestLoginOverTLS: with the right files it works, and without them it is said which
// flag helps.
func TestLoginOverTLS(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	for _, name := range []string{"server", "client", "other"} {
		sc.certificate(t, name)
	}
	tls := `tls: {cert_file: "@DIR@/server.pem", key_file: "@DIR@/server.key", timeout: 1 MORE}`
	for _, tt := range []struct {
		more  string
		login bus.Login
		want  string
	}{
		{"", bus.Login{CA: sc.at("server.pem")}, ""},
		{"", bus.Login{}, "cannot be spoken to over TLS: tls error: tls: failed to verify certificate: x509: certificate signed by unknown authority; give the certificate of who signed the server's with --nats-ca"},
		{"", bus.Login{CA: sc.at("other.pem")}, "--nats-ca"},
		{"", bus.Login{CA: sc.at("server.pem"), TLSFirst: true}, "leave --nats-tls-first out"},
		{", handshake_first: true", bus.Login{CA: sc.at("server.pem"), TLSFirst: true}, ""},
		{", handshake_first: true", bus.Login{CA: sc.at("server.pem")}, "give --nats-tls-first"},
		{`, verify: true, ca_file: "@DIR@/client.pem"`, bus.Login{CA: sc.at("server.pem"), Cert: sc.at("client.pem"), Key: sc.at("client.key")}, ""},
		{`, verify: true, ca_file: "@DIR@/client.pem"`, bus.Login{CA: sc.at("server.pem")}, "--nats-cert and --nats-key"},
		{`, verify: true, ca_file: "@DIR@/client.pem"`, bus.Login{CA: sc.at("server.pem"), Cert: sc.at("other.pem"), Key: sc.at("other.key")}, "--nats-cert and --nats-key"},
	} {
		ns := sc.server(t, "127.0.0.1:0", strings.Replace(tls, "MORE", tt.more, 1))
		b, err := bus.Connect(bustest.Within(t, 10*time.Second), bus.Options{URL: ns.URL(), Login: tt.login, Log: zerolog.Nop()})
		if tt.want == "" {
			require.NoError(t, err, tt)
			b.Close()
			continue
		}
		require.ErrorContains(t, err, tt.want, tt)
	}
	ns := sc.server(t, "127.0.0.1:0", tls[:strings.Index(tls, " MORE")]+"}")
	b, err := bus.Connect(t.Context(), bus.Options{InProcess: ns, Login: bus.Login{CA: sc.at("server.pem"), TLSFirst: true}, Log: zerolog.Nop()})
	require.NoError(t, err, "without a socket there is no TLS")
	b.Close()
	_, err = bus.Connect(t.Context(), bus.Options{URL: bustest.Start(t).URL(), Login: bus.Login{CA: sc.at("server.pem")}, Log: zerolog.Nop()})
	require.ErrorContains(t, err, "it offers none: leave --nats-ca")
}

// TestAPatientLogin is refused for as long as the server does not know it, says so
// once and not at every try, and is let in when the server has learnt of it.
func TestAPatientLogin(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	public := sc.nkey(t, "core.nk")
	ns := sc.server(t, "127.0.0.1:0", "authorization: {users: [{nkey: "+sc.nkey(t, "other.nk")+"}]}")
	listen := ns.Addr().String()
	var log lockedLog
	b, err := bus.Connect(t.Context(), bus.Options{URL: ns.URL(), Login: bus.Login{NKey: sc.at("core.nk")}, Patient: true, Log: zerolog.New(&log)})
	require.NoError(t, err)
	defer b.Close()
	require.Eventually(t, func() bool { return tries(t, ns) >= 4 }, time.Minute, 10*time.Millisecond, "it goes on")
	said := log.String()
	require.Equal(t, 1, strings.Count(strings.ToLower(said), "authorization violation"), said)
	require.Contains(t, said, fmt.Sprintf("the NATS server at nats://%s refuses this login", listen))
	require.Contains(t, said, "check --nats-nkey "+sc.at("core.nk"))
	require.Contains(t, said, "it is tried again")
	require.False(t, b.Connected())
	ns.Close()
	sc.server(t, listen, "authorization: {users: [{nkey: "+public+"}]}")
	require.Eventually(t, b.Connected, 30*time.Second, 10*time.Millisecond)
}

// TestALoginThatIsTakenAway while a process runs is said and tried again, and works
// again when the server takes it again.
func TestALoginThatIsTakenAway(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	with := "authorization: {users: [{nkey: " + sc.nkey(t, "core.nk") + "}]}"
	ns := sc.server(t, "127.0.0.1:0", with)
	listen := ns.Addr().String()
	var log lockedLog
	b, err := bus.Connect(t.Context(), bus.Options{URL: ns.URL(), Login: bus.Login{NKey: sc.at("core.nk")}, Log: zerolog.New(&log)})
	require.NoError(t, err)
	defer b.Close()
	ns.Close()
	other := sc.server(t, listen, "authorization: {users: [{nkey: "+sc.nkey(t, "other.nk")+"}]}")
	require.Eventually(t, func() bool { return tries(t, other) >= 4 }, time.Minute, 10*time.Millisecond, "it goes on")
	require.Equal(t, 1, strings.Count(log.String(), "refuses this login"), log.String())
	other.Close()
	sc.server(t, listen, with)
	require.Eventually(t, b.Connected, 30*time.Second, 10*time.Millisecond)
}

// TestWhatALoginMayNotDo is said once for each thing, however often it is tried.
func TestWhatALoginMayNotDo(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	ns := sc.server(t, "127.0.0.1:0", "authorization: {users: [{nkey: "+sc.nkey(t, "core.nk")+", permissions: {publish: {deny: \"secret.>\"}}}]}")
	var log lockedLog
	b, err := bus.Connect(t.Context(), bus.Options{URL: ns.URL(), Login: bus.Login{NKey: sc.at("core.nk")}, Log: zerolog.New(&log)})
	require.NoError(t, err)
	defer b.Close()
	for _, subject := range []string{"secret.one", "secret.one", "secret.one", "secret.two"} {
		require.NoError(t, b.Conn().Publish(subject, nil))
		require.NoError(t, b.Conn().Flush())
	}
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "secret.two") }, time.Minute, time.Millisecond)
	require.Equal(t, 1, strings.Count(log.String(), "secret.one"), log.String())
}

// tries is how many connections a server was asked for.
func tries(t *testing.T, s *embed.Server) uint64 {
	t.Helper()
	v, err := s.Varz(nil)
	require.NoError(t, err)
	return v.TotalConnections
}

// lockedLog is a log that somebody reads while it is written.
type lockedLog struct {
	mu  sync.Mutex
	log bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

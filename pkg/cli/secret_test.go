package cli_test

import (
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// hidden is in every password of these tests, and in nothing that is printed.
const hidden = "hide-me"

// lockedNATS is a NATS server that asks for a password; stop it and start it
// anew on the same address.
func lockedNATS(t *testing.T, address, dir string) *server.Server {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	require.NoError(t, err)
	port, err := strconv.Atoi(text)
	require.NoError(t, err)
	s, err := server.NewServer(&server.Options{Host: host, Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir, MaxPayload: 4 << 20,
		Username: "user", Password: hidden})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(bound))
	return s
}

// TestNoPasswordIsPrinted runs the programs to their ready line, through the
// loss of the connection and to their end.
func TestNoPasswordIsPrinted(t *testing.T) {
	t.Parallel()
	address, dir := free(t), t.TempDir()
	s := lockedNATS(t, address, dir)
	url := "nats://user:" + hidden + "@" + address
	first := start(t, "dispatcher", nil, "--nats", url, "--make-instances", "--listen", "127.0.0.1:0", "--log-level", "debug")
	second := start(t, "worker", []string{"CALLOUT_NATS=" + url + ",nats://" + hidden + "@" + free(t)}, "--log-level", "debug")
	require.Equal(t, "nats://"+address, first.ready["nats"])
	require.Regexp(t, "^nats://"+address+",nats://127.0.0.2:[0-9]+$", second.ready["nats"])
	s.Shutdown()
	s.WaitForShutdown()
	first.log.await(t, "NATS connection lost")
	second.log.await(t, "NATS connection lost")
	lockedNATS(t, address, dir)
	first.log.await(t, "NATS connection is back")
	second.log.await(t, "NATS connection is back")
	for _, p := range []*process{first, second} {
		p.stop(t, terminate)
		require.Contains(t, p.log.String(), `"server":"nats://`+address)
		require.NotContains(t, p.out.String()+p.log.String(), hidden)
	}
}

// TestNoPasswordIsInAnError gives the programs URLs that lead nowhere.
func TestNoPasswordIsInAnError(t *testing.T) {
	t.Parallel()
	away, locked := free(t), free(t)
	lockedNATS(t, locked, t.TempDir())
	for name, url := range map[string]string{
		"nobody answers":               "nats://user:" + hidden + "@" + away,
		"a token":                      "nats://" + hidden + "@" + away,
		"the wrong password":           "nats://user:" + hidden + "-not@" + locked,
		"several":                      "nats://user:" + hidden + "@" + away + ",nats://" + hidden + "@" + away,
		"several, one broken":          "nats://user:" + hidden + "@" + away + ",nats://user:" + hidden + "/@" + away,
		"a slash":                      "nats://user:" + hidden + "/it@" + away,
		"a slash in a token":           "nats://" + hidden + "/it@" + away,
		"a percent sign":               "nats://user:" + hidden + "%zz@" + away,
		"a space":                      "nats://user:" + hidden + " it@" + away,
		"a quotation mark":             `nats://user:` + hidden + `"it@` + away,
		"a question mark":              "nats://user:" + hidden + "?it@" + away,
		"no scheme":                    "user:" + hidden + "@" + away,
		"a web socket":                 "ws://user:" + hidden + "@" + away,
		"TLS, which is spoken by none": "tls://user:" + hidden + "@" + locked,
		"another scheme":               "http://user:" + hidden + "@" + away,
	} {
		for _, program := range []string{"dispatcher", "worker"} {
			t.Run(program+"/"+name, func(t *testing.T) {
				t.Parallel()
				got := run(t, program, "--nats", url, "--log-level", "debug")
				require.NotZero(t, got.code)
				require.NotContains(t, got.out+got.err, hidden)
				require.True(t, strings.HasPrefix(got.err, "callout: "), got.err)
			})
		}
	}
}

// TestNoPasswordOfADispatcherIsPrinted: --server may have one too.
func TestNoPasswordOfADispatcherIsPrinted(t *testing.T) {
	t.Parallel()
	began := time.Now()
	config := []string{"CALLOUT_CONFIG=" + filepath.Join(t.TempDir(), "config.yaml")}
	url := "http://user:" + hidden + "@" + free(t)
	file := configuration(t, "targets: {}\n")
	for _, args := range [][]string{
		{"get", "targets", "--server", url, "-o", "json"},
		{"get", "targets", "--server", "http://" + hidden + "@" + free(t), "-o", "json"},
		{"get", "targets", "--server", "http://user:" + hidden + "%zz@" + free(t)},
		{"get", "targets", "--server", "ftp://user:" + hidden + "@" + free(t)},
		{"apply", "-f", file, "--server", url, "-o", "json"},
		{"export", "--server", url},
		{"events", "tail", "--server", url, "-o", "json"},
		{"events", "publish", "--server", url, "-f", file, "-o", "json"},
		{"context", "set", "one", "--server", url},
		{"context", "list"},
		{"context", "list", "-o", "json"},
		{"get", "targets", "-o", "json"}, // by the context
		{"trigger", "request", "/s.S/M", "--url", "http://user:" + hidden + "%zz@" + free(t)},
		{"trigger", "request", "/s.S/M", "--url", url},
		{"listen", "--forward-to", "ftp://user:" + hidden + "@" + free(t)},
		{"demo", "--ldap", "ldap://user:" + hidden + "@" + free(t)},
		{url},
		{"get", url},
		{"get", "targets", "--limit", url},
		{"dev", "--max-object", url},
	} {
		got := runWith(t, "callout", runOptions{env: config}, args...)
		require.NotContains(t, got.out+got.err, hidden, "%v", args)
	}
	t.Logf("in %s", time.Since(began).Round(time.Millisecond))
}

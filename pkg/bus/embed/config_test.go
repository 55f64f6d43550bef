package embed_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus/embed"
)

// written is a configuration in a file of its own.
func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// TestAConfigurationSaysWhoMayLogIn: users of accounts may, nobody else, and the
// settings that the embedded server has from elsewhere stay as they are.
func TestAConfigurationSaysWhoMayLogIn(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	s, err := embed.Start(embed.Options{Data: dir, Listen: "127.0.0.1:0", Log: zerolog.New(&log), Config: written(t, `
		port: 1, server_name: other, max_payload: 1000, jetstream: {store_dir: "/nowhere", max_file: 1}
		accounts: {A: {jetstream: enabled, users: [{user: ada, password: open-sesame}]}, SYS: {}}
		system_account: SYS
		http: "127.0.0.1:-1"`)})
	require.NoError(t, err)
	defer s.Close()
	for _, word := range []string{`"port (--nats-listen)"`, "max_payload (--max-object)", "jetstream (--data"} {
		require.Contains(t, log.String(), word)
	}
	_, err = nats.Connect(s.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	nc, err := nats.Connect(s.URL(), nats.UserInfo("ada", "open-sesame"))
	require.NoError(t, err)
	defer nc.Close()
	require.Equal(t, "callout", nc.ConnectedServerName())
	require.EqualValues(t, 2<<20+128<<10, nc.MaxPayload())
	js, err := nc.JetStream()
	require.NoError(t, err)
	_, err = js.AddStream(&nats.StreamConfig{Name: "S", MaxBytes: 100})
	require.NoError(t, err)
	require.DirExists(t, filepath.Join(dir, "nats", "jetstream", "A", "streams", "S"))
	answer, err := http.Get("http://" + s.MonitorAddr().String() + "/healthz")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

// TestListeningBeyondThisMachine needs that everybody is asked who he is.
func TestListeningBeyondThisMachine(t *testing.T) {
	for config, listens := range map[string]bool{
		"":                    false,
		"max_connections: 10": false,
		"authorization: {users: [{user: a, password: open-sesame}]}":                  true,
		"authorization: {token: open-sesame-two}":                                     true,
		"accounts: {A: {users: [{user: a, password: open-sesame}]}}":                  true,
		"accounts: {A: {users: [{user: a, password: open-sesame}]}}\nno_auth_user: a": false,
		"accounts: {A: {jetstream: enabled}}":                                         false,
	} {
		o := embed.Options{Listen: "0.0.0.0:0"}
		if config != "" {
			o.Config = written(t, config)
		}
		s, err := embed.Start(o)
		if !listens {
			require.ErrorContains(t, err, "--nats-config", config)
			require.ErrorContains(t, err, "not a loopback address", config)
			continue
		}
		require.NoError(t, err, config)
		s.Close()
	}
}

// TestConfigurationsThatAreRefused name the setting, or the place.
func TestConfigurationsThatAreRefused(t *testing.T) {
	for config, want := range map[string]string{
		"cluster: {port: -1}":               "cluster is not for an embedded NATS",
		"LeafNodes: {port: -1}":             "LeafNodes is not for an embedded NATS",
		"websocket: {port: -1}":             "websocket is not for an embedded NATS",
		"jetstream: {domain: hub}":          "jetstream.domain is not for an embedded NATS",
		"authorization: {":                  "",
		"authorisation: {users: []}":        "authorisation",
		"accounts: {A: {users: [{user: 1}]": "",
	} {
		file := written(t, config)
		_, err := embed.Start(embed.Options{Listen: "127.0.0.1:0", Config: file})
		var bad *embed.BadConfig
		require.ErrorAs(t, err, &bad, config)
		require.ErrorContains(t, err, "--nats-config "+file, config)
		require.ErrorContains(t, err, want, config)
		require.Error(t, bad.Unwrap())
	}
	_, err := embed.Start(embed.Options{Listen: "127.0.0.1:0", Config: filepath.Join(t.TempDir(), "none.conf")})
	require.ErrorContains(t, err, "none.conf")
}

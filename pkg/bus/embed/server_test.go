package embed_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus/embed"
)

func TestEmbeddedServerLocksItsDirectoryAndPort(t *testing.T) {
	dir := t.TempDir()
	s, err := embed.Start(embed.Options{Data: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	var inUse *embed.InUse
	_, err = embed.Start(embed.Options{Data: dir, Listen: "127.0.0.1:0"})
	require.ErrorAs(t, err, &inUse)
	require.ErrorContains(t, err, dir)
	_, err = embed.Start(embed.Options{Data: t.TempDir(), Listen: s.Addr().String()})
	require.ErrorAs(t, err, &inUse)
	require.ErrorContains(t, err, "--nats-listen")
	require.Error(t, inUse.Unwrap(), "why the port cannot be taken")
	s.Close()
	s, err = embed.Start(embed.Options{Data: dir, Listen: "127.0.0.1:0"})
	require.NoError(t, err, "the lock goes with its process")
	s.Close()
}

func TestAddressesOfTheEmbeddedServer(t *testing.T) {
	for listen, want := range map[string]string{
		"4222":             "host:port",
		"127.0.0.1:":       "has no port",
		"127.0.0.1:70000":  "has no port",
		"127.0.0.1:-1":     "has no port",
		"0.0.0.0:4222":     "not a loopback address",
		"example.com:4222": "not a loopback address",
		":4222":            "not a loopback address",
	} {
		_, err := embed.Start(embed.Options{Listen: listen})
		require.ErrorContains(t, err, want, listen)
	}
	for _, listen := range []string{"localhost:0", "127.0.0.2:0"} {
		s, err := embed.Start(embed.Options{Listen: listen})
		require.NoError(t, err, listen)
		require.Contains(t, s.URL(), "nats://127.")
		s.Close()
	}
}

// TestServerWithoutADirectory keeps nothing: what it wrote goes with it.
func TestServerWithoutADirectory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, err := embed.Start(embed.Options{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Len(t, left, 1)
	s.Close()
	left, err = os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left)
}

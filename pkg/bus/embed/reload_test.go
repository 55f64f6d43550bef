package embed_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus/embed"
)

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(words string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), words)
}

func (l *lines) count(words string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), words)
}

const inForce = "read anew, and in force"

// TestAConfigurationIsReadAnew: who is added to the file may log in without a restart, and
// who stays is not disturbed; a broken file, or one that would ask nobody, changes nothing
// and is said; SIGHUP has a file read that the file includes.
func TestAConfigurationIsReadAnew(t *testing.T) {
	const user = `{user: %, password: open-sesame}`
	config := func(users ...string) string {
		var all []string
		for _, u := range users {
			all = append(all, strings.ReplaceAll(user, "%", u))
		}
		return "include ./more.conf\naccounts: {A: {jetstream: enabled, users: [" + strings.Join(all, ", ") + "]}, SYS: {}}\nsystem_account: SYS\n"
	}
	file := written(t, config("ada"))
	more := filepath.Join(filepath.Dir(file), "more.conf")
	require.NoError(t, os.WriteFile(more, []byte("max_connections: 1000\n"), 0o600))
	var log lines
	s, err := embed.Start(embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Log: zerolog.New(&log), Config: file})
	require.NoError(t, err)
	defer s.Close()
	enters := func(user string) bool {
		nc, err := nats.Connect(s.URL(), nats.UserInfo(user, "open-sesame"))
		if err == nil {
			nc.Close()
		}
		return err == nil
	}
	stays, err := nats.Connect(s.URL(), nats.UserInfo("ada", "open-sesame"), nats.NoReconnect())
	require.NoError(t, err)
	defer stays.Close()
	js, err := stays.JetStream()
	require.NoError(t, err)
	_, err = js.AddStream(&nats.StreamConfig{Name: "S"})
	require.NoError(t, err)
	write := func(file, text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file+".new", []byte(text), 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	eventually := func(is func() bool, why string) {
		t.Helper()
		require.Eventually(t, is, time.Minute, 20*time.Millisecond, why)
	}
	require.False(t, enters("bob"))
	write(file, config("ada", "bob"))
	eventually(func() bool { return enters("bob") }, "bob is added")

	write(file, "accounts: {A: {users: [")
	eventually(func() bool { return log.has("is not taken: the last good one stays in force") }, "it is said")
	require.True(t, enters("bob"))
	write(file, config("ada", "bob", "eve"))
	eventually(func() bool { return enters("eve") }, "the next good one counts")
	write(file, config("ada", "bob"))
	eventually(func() bool { return !enters("eve") }, "eve is taken away")

	// A connection over the bound is closed, whichever that is: none but one is to be there
	// before the server reads, nor while it does.
	eventually(func() bool { return s.NumClients() == 1 }, "those that entered have gone")
	before := log.count(inForce)
	require.NoError(t, os.WriteFile(more, []byte("max_connections: 1\n"), 0o600))
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	eventually(func() bool { return log.count(inForce) > before }, "it is said")
	require.False(t, enters("bob"), "no more than one may be there")
	require.True(t, stays.IsConnected())
	eventually(func() bool { // JetStream is away for a moment while the server reads
		_, err := js.StreamInfo("S")
		return err == nil
	}, "streams and their connection stay")
}

// TestAReloadOpensNoDoor: a server that is reached from elsewhere goes on asking.
func TestAReloadOpensNoDoor(t *testing.T) {
	file := written(t, "authorization: {user: ada, password: open-sesame}\n")
	s, err := embed.Start(embed.Options{Listen: "0.0.0.0:0", Log: zerolog.Nop(), Config: file})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, os.WriteFile(file, []byte("max_connections: 10\n"), 0o600))
	var bad *embed.BadConfig
	require.ErrorAs(t, s.Reload(), &bad)
	_, err = nats.Connect(s.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
}

package bus_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
)

// The server takes a wait back when a heartbeat comes behind it. However the two
// meet, the wait comes last.
func TestNoHeartbeatBehindAWait(t *testing.T) {
	server, b := prepared(t, bus.Options{})
	nc, err := nats.Connect(server.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	var mu sync.Mutex
	said, beats := map[string][]string{}, 0
	_, err = nc.Subscribe("told.>", func(m *nats.Msg) {
		mu.Lock()
		word, _, _ := strings.Cut(string(m.Data), " ")
		said[m.Subject] = append(said[m.Subject], word)
		if word == "+WPI" {
			beats++
		}
		mu.Unlock()
		_ = m.Respond(nil)
	})
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	const waits, each = 64, 200
	var all sync.WaitGroup
	for w := range waits {
		all.Go(func() {
			for i := range each {
				assert.NoError(t, bus.WaitBesideHeartbeat(b, fmt.Sprintf("told.%d.%d", w, i), time.Duration(i%40)*time.Microsecond/4))
			}
		})
	}
	all.Wait()
	require.NoError(t, nc.Flush())
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, said, waits*each)
	require.NotZero(t, beats, "no heartbeat was sent beside a wait")
	for subject, words := range said {
		require.Equal(t, "-NAK", words[len(words)-1], subject)
	}
}

package node_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/node"
)

// TestFullDeadLettersAreWaitedFor: a delivery that was given up waits while the dead
// letters are full, longer each time, and readiness names what is full. It is not
// sent again, and goes on when there is room.
func TestFullDeadLettersAreWaitedFor(t *testing.T) {
	t.Parallel()
	hooks := newTargets(t)
	hooks.answerHere("hook", status(400, ""))
	log := &lockedBuffer{}
	r := run(t, hooks, oneHook, func(o *node.Options) { o.Log = zerolog.New(log) })
	js := jetStreamOf(t, r)
	name := r.bus.Instance("default").Dead
	stream, err := js.Stream(within(t, 10*time.Second), name)
	require.NoError(t, err)
	cfg := stream.CachedInfo().Config
	cfg.MaxMsgs = 1
	_, err = js.UpdateStream(within(t, 10*time.Second), cfg)
	require.NoError(t, err)
	r.publish(t, event("u", "user.added", 1), event("u", "user.added", 2))
	require.Eventually(t, func() bool { return strings.Contains(log.text(), `"again_in_ms":2`) }, time.Minute, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		resp, err := http.Get(r.HTTPURL() + "/readyz")
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		raw, err := io.ReadAll(resp.Body)
		return err == nil && resp.StatusCode == http.StatusOK && strings.Contains(string(raw), name+" is 100 % full")
	}, time.Minute, 20*time.Millisecond)
	require.Len(t, r.deadLetters(t, 1), 1)
	cfg.MaxMsgs = -1
	_, err = js.UpdateStream(within(t, 10*time.Second), cfg)
	require.NoError(t, err)
	require.Len(t, r.deadLetters(t, 2), 2)
	r.drained(t)
	require.Len(t, hooks.got("hook"), 2)
}

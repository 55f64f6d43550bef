package cli_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBacklog holds a target in the middle and compares what the server counts
// with what the test knows: published, less what the target has answered.
func TestBacklog(t *testing.T) {
	t.Parallel()
	const answered, published = 37, 200
	release := make(chan struct{})
	tg := newTarget(t, nil)
	tg.answer = func(_ http.ResponseWriter, a arrival) {
		if a.path != "/held" || len(only(tg.seen(), "/held")) <= answered {
			return
		}
		select {
		case <-release:
		case <-a.done:
		case <-tg.closing:
		}
	}
	f := newFleet(t, tg, `
targets:
  held: {type: webhook, url: "URL/held", timeout: 60s, KEY}
  free: {type: webhook, url: "URL/free", KEY}
events:
  order.placed: {targets: [{target: held}, {target: free}]}
  "*": {targets: [{target: free}]}
`, 3)
	_, err := f.publish(t.Context(), "order.placed", 0, published)
	require.NoError(t, err)
	tg.await(t, bound, "the target is held", func(all []arrival) bool { return len(only(all, "/held")) == answered+1 })
	held := f.line(t, "held")
	awaitLag(t, held, published-answered)

	// The line of another target for the same events is not held up.
	tg.await(t, bound, "the other target has all", func(all []arrival) bool { return len(only(all, "/free")) == published })
	info, err := held.Info(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, info.NumAckPending, "an ordered line has one in work")
	require.Equal(t, "order.placed to held", info.Config.Description)

	// What comes on top is counted on top.
	_, err = f.publish(t.Context(), "order.placed", published, 10)
	require.NoError(t, err)
	awaitLag(t, held, published+10-answered)
	close(release)
	tg.await(t, bound, "all events", func(all []arrival) bool { return len(only(all, "/held")) >= published+10 })
	awaitLag(t, held, 0)
	for i, a := range only(tg.seen(), "/held") {
		require.True(t, strings.HasSuffix(a.body, strconv.Itoa(i)+"}}"), "request %d is %s", i, a.body)
	}
	f.twin.check(t, tg, "", everywhere("/held", "/free"))
	for _, w := range f.workers {
		code, took := w.stop(t, terminate)
		require.Zero(t, code)
		require.Less(t, took, stopIn)
	}
	code, took := f.dispatcher.stop(t, terminate)
	require.Zero(t, code)
	require.Less(t, took, stopIn)
}

package callout

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/node"
)

// atOnce is how long a call may take that cannot be made. The caller's own time
// is ten times that.
const atOnce = time.Second

// request runs one call, which must not take long.
func request(t *testing.T, c *Client, method string) action.Result {
	t.Helper()
	began := time.Now()
	result, err := c.Request(within(t, 10*atOnce), Call{Method: method, Request: []byte(`{}`)})
	require.NoError(t, err)
	require.Less(t, time.Since(began), atOnce)
	return result
}

func isLoaded(c *Client) bool {
	select {
	case <-c.Loaded():
		return true
	default:
		return false
	}
}

// TestUntilConditionsAreKnown has no NATS at all, one that takes connections
// and says nothing, and one without Callout.
func TestUntilConditionsAreKnown(t *testing.T) {
	t.Parallel()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer mute.Close()
	for name, url := range map[string]string{
		"nobody listens":  "nats://" + freeAddress(t),
		"nobody speaks":   "nats://" + mute.Addr().String(),
		"nobody resolves": "nats://nats.invalid:4222",
	} {
		t.Run(name, func(t *testing.T) {
			for onUnknown, want := range map[action.OnUnavailable]action.Outcome{
				"": action.Unavailable, action.UnavailableFail: action.Unavailable, action.UnavailableContinue: action.Continue,
			} {
				began := time.Now()
				c := connect(t, Options{URL: url, OnUnknown: onUnknown})
				require.Less(t, time.Since(began), 10*time.Second, "connecting is bounded")
				result := request(t, c, "/t.S/M")
				require.Equal(t, want, result.Outcome)
				require.Equal(t, want == action.Continue, len(result.Warnings) == 1, "going on is never silent: %+v", result)
				require.False(t, isLoaded(c))
				require.True(t, c.Configured(action.Request, "/t.S/M", ""))
				function, err := c.Function(within(t, 10*atOnce), "create_id_token", []byte(`{}`))
				require.NoError(t, err)
				require.Equal(t, want, function.Outcome)
			}
		})
	}
}

// TestConnectWithNoTimeLeft must not keep the client away for ever.
func TestConnectWithNoTimeLeft(t *testing.T) {
	t.Parallel()
	url, _ := newTarget(t, "")
	n, _ := startNode(t, url, "targets: {it: {type: webhook, url: HOOK}}\nrequests: {'*': {targets: [{target: it}]}}", nil)
	spent, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	c, err := Connect(spent, Options{URL: n.NATSURL()})
	require.NoError(t, err)
	defer c.Close()
	require.Eventually(t, func() bool { return isLoaded(c) }, time.Minute, time.Millisecond)
	require.Equal(t, action.Continue, request(t, c, "/t.S/M").Outcome)
}

// TestNATSComesLateGoesAndReturnsChanged follows one client through all of it.
// The configuration that comes back is another, so the client must follow.
func TestNATSComesLateGoesAndReturnsChanged(t *testing.T) {
	t.Parallel()
	url, bodies := newTarget(t, "")
	address, data := freeAddress(t), t.TempDir()
	run := func(config string) (stop func()) {
		_, stop = startNode(t, url, config, func(o *node.Options) { o.NATSListen, o.Data = address, data })
		return stop
	}
	c := connect(t, Options{URL: "nats://" + address})
	require.Equal(t, action.Unavailable, request(t, c, "/t.S/Other").Outcome)

	stop := run(`
targets: {must: {type: webhook, url: HOOK, interrupt_on_error: true}, may: {type: webhook, url: HOOK}}
requests: {/t.S/Must: {targets: [{target: must}]}, /t.S/May: {targets: [{target: may}]}}
`)
	require.Eventually(t, func() bool { return isLoaded(c) }, time.Minute, time.Millisecond)
	require.Equal(t, action.Continue, request(t, c, "/t.S/Must").Outcome)
	require.Len(t, bodies(), 1)
	require.Equal(t, action.Result{Outcome: action.Continue, Revision: 1}, request(t, c, "/t.S/Other"))

	stop()
	// What is on its way when the connection breaks is not answered.
	require.Eventually(t, func() bool { return !c.bus.Connected() }, time.Minute, time.Millisecond)
	require.Equal(t, action.Unavailable, request(t, c, "/t.S/Must").Outcome)
	may := request(t, c, "/t.S/May")
	require.Equal(t, action.Continue, may.Outcome)
	require.Equal(t, action.CodeUnavailable, may.Warnings[0].Code)
	require.Equal(t, action.Result{Outcome: action.Continue, Revision: 1}, request(t, c, "/t.S/Other"), "nothing was configured for it")
	require.Len(t, bodies(), 1)

	run(`
targets: {must: {type: webhook, url: HOOK, interrupt_on_error: true}}
requests: {/t.S/Other: {targets: [{target: must}]}}
`)
	require.Eventually(t, func() bool { return c.Configured(action.Request, "/t.S/Other", "") }, time.Minute, 5*time.Millisecond,
		"the new conditions have arrived")
	require.False(t, c.Configured(action.Request, "/t.S/Must", ""))
	require.Eventually(t, func() bool { return request(t, c, "/t.S/Other").Outcome == action.Continue }, time.Minute, 10*time.Millisecond)
	require.Len(t, bodies(), 2)
}

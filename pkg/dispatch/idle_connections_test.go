package dispatch_test

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// TestIdleConnectionsHarmNobody: two thousand connections on which not a byte comes, from
// one address and from several, cost a bounded piece of memory, slow nobody down who
// asks, from the same address too, and are closed by the dispatcher.
func TestIdleConnectionsHarmNobody(t *testing.T) {
	for name, addresses := range map[string][]string{
		"one address":       {"127.0.0.1"},
		"several addresses": {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7", "127.0.0.8"},
	} {
		t.Run(name, func(t *testing.T) { idle(t, addresses) })
	}
}

// idleConnections is how many there are, a few less than one address may have.
const idleConnections = 2000

func idle(t *testing.T, addresses []string) {
	t.Helper()
	f := newFleet(t)
	only, text := operator()
	d := f.dispatcherWith(f.bus(), dispatch.Options{Entry: dispatch.Entry{Access: only}})
	_, wrong := access.NewToken("x", access.Scope{}, access.Verbs)
	served := func(token string) func() time.Duration {
		return func() time.Duration {
			began := time.Now()
			status, _ := get(t, http.DefaultClient, d.URL()+"/nothing", http.Header{"Authorization": {"Bearer " + token}})
			require.Contains(t, []int{404, 401, 429}, status)
			return time.Since(began)
		}
	}
	quiet := median(200, served(text))
	before := inUse()
	held := make([]net.Conn, 0, idleConnections)
	for n := range idleConnections {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addresses[n%len(addresses)])}}
		c, err := dialer.DialContext(within(t, time.Minute), "tcp", strings.TrimPrefix(d.URL(), "http://"))
		if err != nil && len(addresses) > 1 {
			t.Skipf("not all of 127.0.0.0/8 is this machine's own: %v", err)
		}
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		held = append(held, c)
	}
	each := (inUse() - before) / idleConnections
	beside := median(200, served(text))
	strange := median(50, served(wrong))
	t.Logf("%d connections without a byte from %d addresses: %d bytes each with both ends; median of who has a token %s, beside them %s, of a stranger %s", idleConnections, len(addresses), each, quiet, beside, strange)
	require.Less(t, each, int64(64<<10), "no connection costs much")
	require.Less(t, beside, 10*quiet+20*time.Millisecond, "who asks is served as he was")
	for _, c := range held { // behind the time that the head of a request has
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err := c.Read(make([]byte, 1))
		require.Error(t, err)
		var slow net.Error
		require.False(t, errors.As(err, &slow) && slow.Timeout(), "the dispatcher keeps a connection on which nothing comes")
	}
}

package dispatch_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/node"
)

// caller opens connections from an address of this machine.
type caller struct {
	t    *testing.T
	from string
	to   string
}

func (c caller) dial() (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}, Timeout: 20 * time.Second}
	return d.Dial("tcp", c.to)
}

// begin opens a request with a body of so many bytes, and sends none of it.
func (c caller) begin(path string, length int) net.Conn {
	c.t.Helper()
	conn, err := c.dial()
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(c.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, length)
	require.NoError(c.t, err)
	return conn
}

// answer reads the answer to a request.
func (c caller) answer(conn net.Conn) (status int, body string) {
	c.t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(c.t, err)
	raw, err := io.ReadAll(r.Body)
	require.NoError(c.t, err)
	return r.StatusCode, string(raw)
}

func (c caller) healthy() bool {
	conn := c.begin("/v1/instances/nobody/events", 2)
	_, err := conn.Write([]byte("{}"))
	require.NoError(c.t, err)
	status, _ := c.answer(conn)
	return status == http.StatusNotFound
}

func doorOf(t *testing.T) (*dispatch.Dispatcher, caller, caller) {
	t.Helper()
	d := newFleet(t).dispatcher().Dispatcher
	to := strings.TrimPrefix(d.URL(), "http://")
	return d, caller{t, "127.0.0.1", to}, caller{t, "127.0.0.2", to}
}

// TestADrippingBodyIsCut on every route: what comes a byte at a time is told that
// it is too slow, and one that keeps the pace goes on for longer than that.
func TestADrippingBodyIsCut(t *testing.T) {
	t.Parallel()
	d, c, _ := doorOf(t)
	d.HurryBodies(time.Second)
	for _, id := range bothIDs {
		_, err := d.Instance(id).Apply(within(t, 10*time.Second), oneLineOf(t, id))
		require.NoError(t, err)
	}
	there := "/v1/instances/" + url.PathEscape(bothIDs[1])
	for _, path := range []string{
		there + "/events", there + "/calls/request", there + "/calls/functions/f", "/v1/instances/nobody/events", "/nothing",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			c := caller{t, c.from, c.to}
			conn := c.begin(path, 1<<20)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					if _, err := conn.Write([]byte(" ")); err != nil {
						return
					}
					time.Sleep(20 * time.Millisecond) // it drips: that is the fault
				}
			}()
			select { // the connection is closed, whatever was answered
			case <-ended:
			case <-time.After(30 * time.Second):
				t.Fatal("it goes on")
			}
		})
	}
	t.Run("a body that keeps its pace", func(t *testing.T) {
		t.Parallel()
		c := caller{t, c.from, c.to}
		conn := c.begin(there+"/events", 64<<10)
		for range 16 {
			_, err := conn.Write(make([]byte, 4<<10))
			require.NoError(t, err)
			time.Sleep(100 * time.Millisecond) // its pace, slow and steady
		}
		status, body := c.answer(conn)
		require.Equal(t, http.StatusBadRequest, status, body)
	})
}

// TestBodiesHaveABound: one address cannot hold more than its share of a
// dispatcher's memory, and takes nothing from another.
func TestBodiesHaveABound(t *testing.T) {
	t.Parallel()
	d, c, other := doorOf(t)
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, id := range bothIDs {
		_, err := d.Instance(id).Apply(within(t, 10*time.Second), oneLineOf(t, id))
		require.NoError(t, err)
	}
	const each = 4 << 20
	var busy atomic.Int64
	var all sync.WaitGroup
	for n := range 150 {
		conn := c.begin("/v1/instances/"+url.PathEscape(bothIDs[n%2])+"/events", each+1)
		all.Go(func() {
			if _, err := conn.Write(make([]byte, each)); err != nil { // the last byte never comes
				busy.Add(1)
			}
		})
	}
	all.Wait()
	_, _, bytes := d.AtTheDoor()
	require.LessOrEqual(t, bytes, int64(128<<20))
	runtime.GC()
	runtime.ReadMemStats(&during)
	t.Logf("150 bodies of 4 MiB: %d MiB counted, %d MiB of heap more, %d cut", bytes>>20, (int64(during.HeapAlloc)-int64(before.HeapAlloc))>>20, busy.Load())
	require.True(t, other.healthy(), "another address is served")
}

// TestConnectionsHaveABound for each address, and say so.
func TestConnectionsHaveABound(t *testing.T) {
	t.Parallel()
	d, c, other := doorOf(t)
	open := make([]net.Conn, 2048)
	var dialling sync.WaitGroup // many at once: those that say nothing are closed after a while
	for part := range 32 {
		dialling.Go(func() {
			for n := part; n < len(open); n += 32 {
				var err error
				open[n], err = c.dial()
				assert.NoError(t, err)
			}
		})
	}
	dialling.Wait()
	defer func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}()
	status, body := c.answer(c.begin("/healthz", 0))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, `"busy"`)
	require.True(t, other.healthy())
	for _, conn := range open {
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { n, _, _ := d.AtTheDoor(); return n < 10 }, time.Minute, 10*time.Millisecond, "what is closed gives its place back")
	require.True(t, c.healthy())
}

// TestABodyThatIsTooLargeIsNotCounted on any route, while it is still read so that
// its client is told why.
func TestABodyThatIsTooLargeIsNotCounted(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	b := f.bus()
	d := f.dispatcherWith(b, dispatch.Options{Mount: node.Mount(zerolog.Nop())}).Dispatcher
	c := caller{t, "127.0.0.1", strings.TrimPrefix(d.URL(), "http://")}
	for _, id := range bothIDs {
		_, err := d.Instance(id).Apply(within(t, 10*time.Second), oneLineOf(t, id))
		require.NoError(t, err)
	}
	for path, limit := range map[string]int{
		"/v2/actions/targets": 1 << 20,
		"/v1/instances/" + url.PathEscape(bothIDs[0]) + "/calls/functions/f": b.MaxBody(),
		"/v1/instances/" + url.PathEscape(bothIDs[1]) + "/calls/functions/f": b.MaxBody(),
	} {
		conn := c.begin(path, 2*limit)
		_, err := conn.Write(make([]byte, 2*limit-1))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			_, requests, bytes := d.AtTheDoor()
			return requests == 1 && bytes == 0
		}, time.Minute, 5*time.Millisecond, path)
		_, err = conn.Write([]byte{' '})
		require.NoError(t, err)
		status, body := c.answer(conn)
		require.Equal(t, http.StatusRequestEntityTooLarge, status, body)
	}
}

// TestRequestsHaveABound for each address, on every route, and say so; those of
// another address are taken. Each gives its place back, however it ends.
func TestRequestsHaveABound(t *testing.T) {
	t.Parallel()
	d, c, other := doorOf(t)
	require.True(t, d.TakeRequests(c.from, 4096))
	require.False(t, d.TakeRequests(c.from, 1))
	for _, id := range bothIDs {
		for _, path := range []string{eventsOf(id), "/healthz", "/nothing"} {
			got := c.post(path, anEvent, isJSON)
			require.Equal(t, http.StatusServiceUnavailable, got.status, path)
			require.Contains(t, got.body, `"code":"busy"`)
			require.Equal(t, "1", got.header.Get("Retry-After"))
			require.Equal(t, http.StatusNotFound, other.post(eventsOf(id), anEvent, isJSON).status)
		}
	}
	require.True(t, d.TakeRequests(c.from, -4096))
	require.Equal(t, http.StatusNotFound, c.post(eventsOf(bothIDs[0]), anEvent, isJSON).status)
	require.Eventually(t, func() bool { _, requests, bytes := d.AtTheDoor(); return requests == 0 && bytes == 0 }, time.Minute, 5*time.Millisecond)
}

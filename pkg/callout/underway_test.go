package callout

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// link passes connections on to a server until it is cut.
type link struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
	done  sync.WaitGroup
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &link{Listener: listener}
	l.done.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, near, far)
			l.mu.Unlock()
			l.done.Go(func() { _, _ = io.Copy(far, near); far.Close() })
			l.done.Go(func() { _, _ = io.Copy(near, far); near.Close() })
		}
	})
	t.Cleanup(func() {
		l.Close()
		l.cut()
		l.done.Wait()
	})
	return l
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}

// TestACallUnderWayWhenTheConnectionBreaks must not wait for an answer that
// may never come, even if the connection is back at once.
func TestACallUnderWayWhenTheConnectionBreaks(t *testing.T) {
	t.Parallel()
	reached, release := make(chan struct{}), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(reached)
		<-release
	}))
	defer slow.Close()
	defer close(release)
	n, _ := startNode(t, slow.URL, "targets: {slow: {type: webhook, url: HOOK, timeout: 20s, interrupt_on_error: true}}\nrequests: {'*': {targets: [{target: slow}]}}", nil)
	l := newLink(t, strings.TrimPrefix(n.NATSURL(), "nats://"))
	c := connect(t, Options{URL: "nats://" + l.Addr().String()})
	type ended struct {
		result action.Result
		err    error
	}
	done := make(chan ended, 1)
	go func() {
		result, err := c.Request(context.Background(), Call{Method: "/t.S/M", Request: []byte(`{}`)})
		done <- ended{result, err}
	}()
	<-reached
	cut := time.Now()
	l.cut()
	select {
	case e := <-done:
		require.NoError(t, e.err)
		require.Equal(t, action.Unavailable, e.result.Outcome)
		require.Less(t, time.Since(cut), time.Second)
	case <-time.After(10 * time.Second):
		require.Fail(t, "the call hangs")
	}
	require.Eventually(t, c.bus.Connected, 10*time.Second, time.Millisecond)
}

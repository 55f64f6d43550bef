package cli_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAServerThatBreaksOff is one that is away, for commands too: a watch waits for
// it.
func TestAServerThatBreaksOff(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*net.TCPConn) error{
		"reset":  func(c *net.TCPConn) error { return c.SetLinger(0) },
		"closed": func(*net.TCPConn) error { return nil },
	} {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.AcceptTCP()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 1<<10))
				_ = end(c)
				_ = c.Close()
			}
		}()
		got := runWith(t, "callout", runOptions{}, "get", "targets", "--server", "http://"+l.Addr().String())
		require.Equal(t, 3, got.code, "%s: %s", name, got.err)
		require.Contains(t, got.err, "no dispatcher answers at http://", name)
	}
}

package cli_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAServerThatBreaksOff is one that is away, and no stranger: what a watch waits
// for.
func TestAServerThatBreaksOff(t *testing.T) {
	t.Parallel()
	read := func(c *net.TCPConn) { _, _ = c.Read(make([]byte, 1<<10)) }
	for name, end := range map[string]func(*net.TCPConn){
		"reset":        func(c *net.TCPConn) { read(c); _ = c.SetLinger(0) },
		"closed":       read,
		"closed early": func(*net.TCPConn) {},
		"reset early":  func(c *net.TCPConn) { _ = c.SetLinger(0) },
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
				end(c)
				_ = c.Close()
			}
		}()
		for range 5 {
			got := runWith(t, "callout", runOptions{}, "get", "targets", "--server", "http://"+l.Addr().String())
			require.Equal(t, 3, got.code, "%s: %s", name, got.err)
			require.Contains(t, got.err, "no dispatcher answers at http://", name)
		}
	}
}

package invoke

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// heed keeps a connection for no longer than its server says in the Keep-Alive of an
// HTTP/1.1 answer (RFC 2068, 19.7.1; what servers send today is timeout=SECONDS): a
// request that is sent into a close of the server's would cost a second try.
func (ex *exchange) heed(resp *http.Response, idle time.Duration) {
	conn := ex.conn.Load()
	if conn == nil || resp.ProtoMajor != 1 {
		return
	}
	said, ok := keepAliveTimeout(resp.Header["Keep-Alive"])
	if !ok {
		return
	}
	if said -= min(time.Second, said/2); said < idle { // its clock began before ours
		conn.idle.Store(int64(max(said, time.Millisecond)))
	} else {
		conn.idle.Store(0)
	}
}

// keepAliveTimeout reads timeout=SECONDS; ok is false where there is none. More than an
// hour is an hour.
func keepAliveTimeout(lines []string) (d time.Duration, ok bool) {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if !strings.EqualFold(strings.TrimSpace(name), "timeout") {
				continue
			}
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
			if err != nil {
				return 0, false
			}
			return min(time.Duration(n)*time.Second, time.Hour), true
		}
	}
	return 0, false
}

// left is called when an exchange has left the connection: from when nothing is on it,
// it is kept as long as its server said.
func (c *countedConn) left() {
	if c.users.Add(-1) > 0 {
		return
	}
	idle := time.Duration(c.idle.Load())
	if idle == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != nil {
		c.end.Reset(idle)
		return
	}
	c.end = time.AfterFunc(idle, c.closeIdle)
}

// taken is called when an exchange is on the connection.
func (c *countedConn) taken() int64 {
	c.mu.Lock()
	if c.end != nil {
		c.end.Stop()
	}
	c.mu.Unlock()
	return c.users.Add(1)
}

// closeIdle closes a connection that nothing is on. A request that is about to be sent on
// it meets a closed one, has written nothing, and goes out once more.
func (c *countedConn) closeIdle() {
	if c.users.Load() == 0 {
		_ = c.Close()
	}
}

package invoke

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// countedConn counts the bytes written to a connection, below TLS. They count
// from before the write, since the answer can be here before the write returns.
type countedConn struct {
	net.Conn
	written atomic.Int64
}

func (c *countedConn) Write(p []byte) (int, error) {
	c.written.Add(int64(len(p)))
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n - len(p)))
	return n, err
}

// exchange watches one request on its way, to know afterwards whether the
// target may have got something of it. The hooks may still be called after the
// exchange is over (a dial outlives its request), so all fields are atomic.
type exchange struct {
	conn      atomic.Pointer[countedConn]
	before    atomic.Int64 // bytes written to conn when it was given to us
	tlsFailed atomic.Bool
}

type exchangeKey struct{}

// watch returns a context in which net/http reports to ex.
func (ex *exchange) watch(ctx context.Context) context.Context {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			conn := info.Conn
			if secure, ok := conn.(*tls.Conn); ok {
				conn = secure.NetConn()
			}
			if counted, ok := conn.(*countedConn); ok {
				ex.before.Store(counted.written.Load())
				ex.conn.Store(counted)
			}
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				ex.tlsFailed.Store(true)
			}
		},
	})
	return context.WithValue(ctx, exchangeKey{}, ex)
}

// sent tells whether anything was written to the connection since it was given
// to this exchange. On a connection shared by several requests (HTTP/2), and
// when TLS said goodbye on it, this errs on the side of true.
func (ex *exchange) sent() bool {
	conn := ex.conn.Load()
	return conn != nil && conn.written.Load() != ex.before.Load()
}

// onlyUnsent is the retry policy: a second try is right when a connection was
// given and died before anything was written to it, as kept ones do. A failed
// dial is not repeated; everything else is decided by whoever owns the retries.
func onlyUnsent(ctx context.Context, _ *http.Response, err error) (bool, error) {
	ex, ok := ctx.Value(exchangeKey{}).(*exchange)
	return ok && err != nil && ctx.Err() == nil && ex.conn.Load() != nil && !ex.sent(), nil
}

// atOnce is the wait before that second try. It never looks at the answer:
// Retry-After is for whoever owns the retries.
func atOnce(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }

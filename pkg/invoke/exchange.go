package invoke

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
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

// exchange is one request on its way. It is the request's context, and watches
// what becomes of it, to know afterwards whether the target may have got
// something. The hooks may still be called after the exchange is over (a dial
// outlives its request), so what they set is atomic.
type exchange struct {
	context.Context // of the request, with the hooks

	conn      atomic.Pointer[countedConn]
	before    atomic.Int64 // bytes written to conn when it was given to us
	tlsFailed atomic.Bool

	hooks   httptrace.ClientTrace
	request retryablehttp.Request
	header  http.Header
	values  [maxHeaders]string // the header's
	named   int                // of values in use

	body   []byte
	reader bytes.Reader // of body, for the first try
	opened int          // how often open was called
}

type exchangeKey struct{}

// begin makes ex the context of its request: net/http reports to it.
func (ex *exchange) begin(ctx context.Context) {
	ex.hooks.GotConn = ex.gotConn
	ex.hooks.TLSHandshakeDone = ex.shookHands
	ex.Context = httptrace.WithClientTrace(ctx, &ex.hooks)
}

// Value finds the exchange in a context made from it.
func (ex *exchange) Value(key any) any {
	if _, ours := key.(exchangeKey); ours {
		return ex
	}
	return ex.Context.Value(key)
}

func (ex *exchange) gotConn(info httptrace.GotConnInfo) {
	conn := info.Conn
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if counted, ok := conn.(*countedConn); ok {
		ex.before.Store(counted.written.Load())
		ex.conn.Store(counted)
	}
}

func (ex *exchange) shookHands(_ tls.ConnectionState, err error) {
	if err != nil {
		ex.tlsFailed.Store(true)
	}
}

// open gives a reader of the body, which is never copied. It is called once to
// learn the length and once for each try. A second try needs a reader of its
// own: net/http may still hold the first one.
func (ex *exchange) open() (io.Reader, error) {
	if ex.opened++; ex.opened > 2 {
		return bytes.NewReader(ex.body), nil
	}
	ex.reader.Reset(ex.body)
	return &ex.reader, nil
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

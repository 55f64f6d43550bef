package invoke

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// countedConn counts the bytes written to a connection, below TLS. They count
// from before the write, since the answer can be here before the write returns.
type countedConn struct {
	net.Conn
	written atomic.Int64
	users   atomic.Int64 // exchanges that are on it, several over HTTP/2
	idle    atomic.Int64 // nanoseconds that its server keeps it for; 0 = no less than we do

	mu  sync.Mutex
	end *time.Timer // when nothing is on it; nil = its server has not said
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
	kept      atomic.Bool  // conn was kept from an earlier request, and nothing else was on it when it was given to us
	given     atomic.Int64 // when it was, in nanoseconds since began
	answered  atomic.Bool  // a byte of an answer came
	tlsFailed atomic.Bool

	began time.Time
	tries int             // on a connection or on the way to one
	left  bool            // a try before this one may have sent something
	apart *http.Transport // of this try; nil = the target's

	hooks   httptrace.ClientTrace
	request retryablehttp.Request
	header  http.Header
	few     [usualHeaders]string
	values  []string // the header's: few, or more where there may be more
	named   int      // of values in use

	body   []byte
	reader bytes.Reader // of body, for the first try
	opened int          // how often open was called
}

type exchangeKey struct{}

// begin makes ex the context of its request, over TLS or not: net/http reports to it.
// end must follow.
func (ex *exchange) begin(ctx context.Context, secure bool) {
	ex.began = time.Now()
	ex.hooks.GotConn = ex.gotConn
	ex.hooks.GotFirstResponseByte = ex.gotAnswer
	if secure {
		ex.hooks.TLSHandshakeDone = ex.shookHands
	}
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
	secure, _ := conn.(*tls.Conn)
	if secure != nil {
		conn = secure.NetConn()
	}
	if counted, ok := conn.(*countedConn); ok {
		ex.leave()
		// Over HTTP/1 nobody is on it with us: who was may not have left yet.
		alone := counted.taken() == 1 || secure == nil || secure.ConnectionState().NegotiatedProtocol != "h2"
		ex.kept.Store(info.Reused && alone)
		ex.given.Store(int64(time.Since(ex.began)))
		ex.before.Store(counted.written.Load())
		ex.conn.Store(counted)
	}
}

// leave is called when the exchange is on its connection no more.
func (ex *exchange) leave() {
	if conn := ex.conn.Load(); conn != nil {
		conn.left()
	}
}

// end gives back what the exchange holds.
func (ex *exchange) end() {
	ex.leave()
	if ex.apart != nil {
		ex.apart.CloseIdleConnections()
	}
}

func (ex *exchange) gotAnswer() { ex.answered.Store(true) }

func (ex *exchange) shookHands(_ tls.ConnectionState, err error) {
	if err != nil {
		ex.tlsFailed.Store(true)
	}
}

// open gives a reader of the body, which is never copied. It is called once to
// learn the length and once for each try. A later try needs a reader of its
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

// reached tells whether the target may have got something of the request, by
// this try or one before it.
func (ex *exchange) reached() bool { return ex.left || ex.sent() }

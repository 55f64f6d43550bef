package dispatch

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// A request of HTTP/1 that has a Content-Length and a Transfer-Encoding has two
// ends. Who stands between a client and us may take the other one, and what is
// a body there is another request here. The server of net/http takes the second
// and forgets the first, so the heads are read on their way to it.

// framedListener reads along with what it accepts.
type framedListener struct{ net.Listener }

func (l framedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &framedConn{Conn: c}, nil
}

// framedConn knows which request of a connection is the first that has two ends.
// Behind that one, and behind one that comes in chunks, it looks no more: with
// them the connection ends.
type framedConn struct {
	net.Conn
	served int // requests so far; for the one goroutine that serves them

	mu    sync.Mutex // a read may go on while a request is served
	head  framedHead
	body  int64 // bytes that are left of the body
	heads int
	twice int // the number of the head with two ends; 0 = none
	over  bool
}

func (c *framedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	for read := p[:n]; len(read) > 0 && !c.over; {
		if c.body > 0 {
			passed := min(c.body, int64(len(read)))
			c.body -= passed
			read = read[passed:]
			continue
		}
		var whole bool
		if read, whole = c.head.read(read); whole {
			c.begin()
		}
	}
	return n, err
}

// CloseWrite tells the client that all is said: closed while something is unread, it
// would be told of a reset, and might lose the answer.
func (c *framedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// begin passes from a head to its body.
func (c *framedConn) begin() {
	c.heads++
	if c.head.chunked && c.head.sized || c.head.strange {
		c.twice = c.heads
	}
	c.over = c.head.chunked || c.head.strange || c.head.other
	c.body = c.head.length
	c.head = framedHead{}
}

// next counts a request that is about to be served, and tells whether it has two
// ends.
func (c *framedConn) next() (twice bool) {
	c.served++
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.twice != 0 && c.served >= c.twice
}

// framedHead is the head of a request as far as it has come.
type framedHead struct {
	line    [96]byte // the beginning of the line
	filled  int
	lines   int
	sized   bool
	chunked bool
	other   bool // what follows is not HTTP/1
	strange bool // its length is one that we cannot read
	length  int64
}

// read takes what belongs to the head, and gives back what is left. whole tells
// that the head has come to its end.
func (h *framedHead) read(from []byte) (left []byte, whole bool) {
	end := bytes.IndexByte(from, '\n')
	part, left := from, from[len(from):]
	if end >= 0 {
		part, left = from[:end], from[end+1:]
	}
	h.filled += copy(h.line[h.filled:], part)
	if end < 0 {
		return nil, false
	}
	line := string(bytes.TrimSuffix(h.line[:h.filled], []byte{'\r'}))
	cut := h.filled == len(h.line)
	h.filled = 0
	if line == "" && h.lines > 0 { // empty lines before a request are passed over
		return left, true
	}
	if line != "" {
		h.lines++
		h.field(line, cut)
	}
	return left, false
}

func (h *framedHead) field(line string, cut bool) {
	if h.lines == 1 {
		h.other = strings.HasPrefix(line, "PRI * HTTP/2")
		return
	}
	name, value, _ := strings.Cut(line, ":")
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "transfer-encoding":
		h.chunked = true
	case "content-length":
		length, err := strconv.ParseUint(strings.TrimSpace(value), 10, 63)
		h.strange = h.strange || err != nil || cut || h.sized && h.length != int64(length)
		h.sized, h.length = true, int64(length)
	}
}

type framedKey struct{}

// rememberConn lets the requests of a connection find it.
func rememberConn(ctx context.Context, c net.Conn) context.Context {
	if framed, ok := c.(*framedConn); ok {
		return context.WithValue(ctx, framedKey{}, framed)
	}
	return ctx
}

// refusedFor is how long what is left of a request with two ends is read, so that
// its client sees the answer and not a reset.
const refusedFor = 200 * time.Millisecond

// framed refuses a request that has two ends, and ends its connection. So does a
// body in chunks, once it is answered.
func (d *Dispatcher) framed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(framedKey{}).(*framedConn); ok && r.ProtoMajor == 1 {
			if len(r.TransferEncoding) > 0 {
				w.Header().Set("Connection", "close")
			}
			if c.next() {
				w.Header().Set("Connection", "close")
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedFor)) // its body may never come
				d.refuse(w, action.NewError(action.CodeMalformed, action.StageDecode,
					"a request has a Content-Length or a Transfer-Encoding, not both").WithField("Transfer-Encoding"))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

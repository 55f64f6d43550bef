package dispatch

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/share"
)

// What one address may have of a dispatcher while no other has any; all together
// have at most half as much again.
const (
	maxConnections = 2048
	maxRequests    = 4096
	maxBodies      = 128 << 20 // bytes of bodies in hand
	maxStreams     = 250       // on one connection of HTTP/2, whoever else there is
)

// A body must come at this pace at least, and at last come to its end. Who is
// slower for once has the time that was saved before.
const (
	bodyBegins = 10 * time.Second // without a byte
	bodyPace   = 8 << 10          // bytes in a second
	bodyEnds   = 5 * time.Minute
)

// door holds what clients share before anything is known of them but their
// address.
type door struct {
	connections, requests, bodies *share.Pool
	begins                        time.Duration // bodyBegins but in tests
}

func newDoor() *door {
	return &door{share.New(maxConnections), share.New(maxRequests), share.New(maxBodies), bodyBegins}
}

// addressOf is whose share something is.
func addressOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}

func tooMany(what string) *action.Error {
	return action.NewError(action.CodeBusy, action.StageDecode, "this address has as many "+what+" as it may at this dispatcher: try again in a moment")
}

// bound gives a request its share, and its body an end, on every route.
func (d *Dispatcher) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address := addressOf(r.RemoteAddr)
		if !d.door.requests.Take(address, 1) {
			d.refuse(w, tooMany("requests under way"))
			return
		}
		defer d.door.requests.Give(address, 1)
		if r.Body != nil && r.Body != http.NoBody {
			b := &boundBody{ReadCloser: r.Body, address: address, door: d.door, control: http.NewResponseController(w), began: time.Now()}
			defer b.end()
			b.hurry() // what the handler leaves unread is read behind it
			r.Body = b
		}
		next.ServeHTTP(w, r)
	})
}

// boundBody is a body whose bytes are counted while its request lasts, and which
// must keep its pace.
type boundBody struct {
	io.ReadCloser
	address string
	door    *door
	control *http.ResponseController
	began   time.Time
	read    int64
	until   time.Time
	wasted  bool // nobody keeps what is read from here on

	mu   sync.Mutex
	held int64
	over bool
}

func (b *boundBody) Read(p []byte) (int, error) {
	b.hurry()
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if errors.Is(err, io.EOF) {
		_ = b.control.SetReadDeadline(time.Time{}) // who waits for the answer has time
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = action.NewError(action.CodeDeadline, action.StageDecode, "the body comes too slowly").WithCause(err)
	}
	if n > 0 && !b.wasted && !b.take(int64(n)) {
		return 0, tooMany("bytes of bodies in hand")
	}
	return n, err
}

// hurry moves the deadline with what was read. It is set now and then only:
// that is a call of the system.
func (b *boundBody) hurry() {
	until := b.began.Add(min(b.door.begins+time.Duration(b.read)*time.Second/bodyPace, bodyEnds))
	if until.Sub(b.until) < b.door.begins/10 {
		return
	}
	b.until = until
	_ = b.control.SetReadDeadline(until) // where it cannot be set there is no connection to hold
}

func (b *boundBody) take(n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over || !b.door.bodies.Take(b.address, n) {
		return false
	}
	b.held += n
	return true
}

// Waste gives back what was read, and counts no more.
func (b *boundBody) Waste() {
	b.wasted = true
	b.mu.Lock()
	defer b.mu.Unlock()
	b.door.bodies.Give(b.address, b.held)
	b.held = 0
}

// end gives back what is held. A handler that has ended may have left somebody
// who reads.
func (b *boundBody) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	b.door.bodies.Give(b.address, b.held)
	b.held = 0
}

// fullHouse is the answer to a connection that is over its address's share.
const fullHouse = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" +
	`{"error":{"code":"busy","stage":"decode","message":"this address has as many connections as it may at this dispatcher"}}` + "\n"

// boundListener lets each address have its share of the connections.
type boundListener struct {
	net.Listener
	pool     *share.Pool
	refusing chan struct{} // a place for each that is told so; others are closed without a word
}

func newBoundListener(l net.Listener, pool *share.Pool) boundListener {
	return boundListener{l, pool, make(chan struct{}, 64)}
}

func (l boundListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := addressOf(c.RemoteAddr().String())
		if l.pool.Take(address, 1) {
			return &boundConn{Conn: c, leave: func() { l.pool.Give(address, 1) }}, nil
		}
		select {
		case l.refusing <- struct{}{}:
			go func() { refuseConnection(c); <-l.refusing }()
		default:
			_ = c.Close()
		}
	}
}

// refuseConnection says why. It reads what the client sends first: closed before
// that, the client would be told of a reset in the place of the answer.
func refuseConnection(c net.Conn) {
	defer func() { _ = c.Close() }() // it is refused, however it ends
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.Read(make([]byte, 4<<10))
	_, _ = io.WriteString(c, fullHouse)
}

// boundConn gives its place back when it is closed.
type boundConn struct {
	net.Conn
	once  sync.Once
	leave func()
}

// CloseWrite ends what is said and goes on listening, see framedConn.
func (c *boundConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *boundConn) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}

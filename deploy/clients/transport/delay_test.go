package transport

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// oneWay is how long a byte is on its way, and the end of a connection as well.
const oneWay = 25 * time.Millisecond

// far puts a server far away: what either side sends arrives oneWay later. It counts what
// was sent to a server that had closed the connection, as it sees that: too late.
type far struct {
	net.Listener
	to   string
	late atomic.Int64 // connections on which a request met a close
	made atomic.Int64 // connections
}

func putFar(t *testing.T, to string) *far {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &far{Listener: listener, to: to}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { f.carry(near.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() { _ = listener.Close() })
	return f
}

func (f *far) carry(near *net.TCPConn) {
	f.made.Add(1)
	defer near.Close()
	time.Sleep(2 * oneWay) // a handshake goes there and back
	dialled, err := net.Dial("tcp4", f.to)
	if err != nil {
		return
	}
	server := dialled.(*net.TCPConn)
	defer server.Close()
	var closed atomic.Bool // by the server
	var both sync.WaitGroup
	both.Go(func() { carry(near, server, func() { closed.Store(true) }, nil) })
	both.Go(func() {
		var once sync.Once
		carry(server, near, nil, func() {
			if closed.Load() {
				once.Do(func() { f.late.Add(1) })
			}
		})
	})
	both.Wait()
}

// carry carries bytes, and the end, to where they arrive oneWay later. ended is called
// when from has ended, arrives before something arrives.
func carry(to, from *net.TCPConn, ended, arrives func()) {
	type piece struct {
		at    time.Time
		bytes []byte // nil = the end
	}
	underway := make(chan piece, 1000)
	go func() {
		defer close(underway)
		for {
			buffer := make([]byte, 32<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				underway <- piece{time.Now().Add(oneWay), buffer[:n]}
			}
			if err != nil {
				if ended != nil {
					ended()
				}
				underway <- piece{time.Now().Add(oneWay), nil}
				return
			}
		}
	}()
	for p := range underway {
		time.Sleep(time.Until(p.at))
		if p.bytes == nil {
			_ = to.CloseWrite()
			continue
		}
		if arrives != nil {
			arrives()
		}
		if _, err := to.Write(p.bytes); err != nil { // the other side has gone: it answers with a reset, which takes as long
			time.Sleep(oneWay)
			_ = from.SetLinger(0)
			_ = from.Close()
		}
	}
}

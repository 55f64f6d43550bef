package demo

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// door is the socket in front of the embedded LDAP server. It holds the port
// from the beginning, so that the server can be down for a while and come up at
// the same address, and it knows every connection, so that it can end them.
type door struct {
	listener net.Listener
	inner    string // where the server itself listens
	open     atomic.Bool

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

// newDoor takes a loopback port and leads from it to inner. It is shut until
// open is set.
func newDoor(inner string) (*door, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d := &door{listener: l, inner: inner, conns: map[net.Conn]struct{}{}}
	d.wg.Go(d.accept)
	return d, nil
}

func (d *door) accept() {
	for {
		c, err := d.listener.Accept()
		if err != nil {
			return
		}
		if !d.open.Load() || !d.keep(c) {
			_ = c.Close()
			continue
		}
		d.wg.Go(func() { d.lead(c) })
	}
}

// lead copies between c and the server until either side ends.
func (d *door) lead(c net.Conn) {
	defer d.drop(c)
	s, err := net.Dial("tcp", d.inner)
	if err != nil || !d.keep(s) {
		return
	}
	defer d.drop(s)
	done := make(chan struct{})
	d.wg.Go(func() {
		defer close(done)
		_, _ = io.Copy(s, c)
		_ = s.Close()
	})
	_, _ = io.Copy(c, s)
	_ = c.Close()
	<-done
}

// keep remembers c; it is false, and c closed, once the door is closed.
func (d *door) keep(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		_ = c.Close()
		return false
	}
	d.conns[c] = struct{}{}
	return true
}

func (d *door) drop(c net.Conn) {
	_ = c.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, c)
}

// close ends every connection and waits until nothing of the door is left.
func (d *door) close() {
	_ = d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for c := range d.conns {
		_ = c.Close()
	}
	d.mu.Unlock()
	d.wg.Wait()
}

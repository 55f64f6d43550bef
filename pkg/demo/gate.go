package demo

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// gate is the socket in front of the embedded LDAP server. It holds the port
// from the beginning, so that the server can be down for a while and come up at
// the same address, and it knows every connection, so that it can end them.
type gate struct {
	listener net.Listener
	inner    string // where the server itself listens
	open     atomic.Bool

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

// newGate takes a loopback port and leads from it to inner. It is shut until
// open is set.
func newGate(inner string) (*gate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gate{listener: l, inner: inner, conns: map[net.Conn]struct{}{}}
	g.wg.Go(g.accept)
	return g, nil
}

func (g *gate) accept() {
	for {
		c, err := g.listener.Accept()
		if err != nil {
			return
		}
		if !g.open.Load() || !g.keep(c) {
			_ = c.Close()
			continue
		}
		g.wg.Go(func() { g.pass(c) })
	}
}

// pass copies between c and the server until either side ends.
func (g *gate) pass(c net.Conn) {
	defer g.drop(c)
	s, err := net.Dial("tcp", g.inner)
	if err != nil || !g.keep(s) {
		return
	}
	defer g.drop(s)
	done := make(chan struct{})
	g.wg.Go(func() {
		defer close(done)
		_, _ = io.Copy(s, c)
		_ = s.Close()
	})
	_, _ = io.Copy(c, s)
	_ = c.Close()
	<-done
}

// keep remembers c; it is false, and c closed, once the gate is closed.
func (g *gate) keep(c net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = c.Close()
		return false
	}
	g.conns[c] = struct{}{}
	return true
}

func (g *gate) drop(c net.Conn) {
	_ = c.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
}

// close ends every connection and waits until nothing of the gate is left.
func (g *gate) close() {
	_ = g.listener.Close()
	g.mu.Lock()
	g.closed = true
	for c := range g.conns {
		_ = c.Close()
	}
	g.mu.Unlock()
	g.wg.Wait()
}

package bustest

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Proxy stands between a client and the server. What the server says can be held
// up on its way; what the client says always arrives.
type Proxy struct {
	listener net.Listener
	server   string
	all      sync.WaitGroup
	mu       sync.Mutex
	open     *sync.Cond
	held     bool
	away     bool
	conns    []net.Conn
}

// Proxy starts one. It ends with the test.
func (s *Server) Proxy(t testing.TB) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &Proxy{listener: listener, server: s.options.Listen}
	p.open = sync.NewCond(&p.mu)
	p.all.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.Release()
		p.Cut()
		p.all.Wait()
	})
	return p
}

// URL is where clients connect.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// Hold keeps back what the server says from now on.
func (p *Proxy) Hold() { p.set(true) }

// Release lets it through, all that was kept back first.
func (p *Proxy) Release() { p.set(false) }

func (p *Proxy) set(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	p.open.Broadcast()
}

// Away ends the connections that stand, and takes no new one.
func (p *Proxy) Away() {
	p.mu.Lock()
	p.away = true
	p.mu.Unlock()
	p.Cut()
}

// Back takes connections again.
func (p *Proxy) Back() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = false
}

// Cut ends the connections that stand.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := p.through(client)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.all.Go(func() { _, _ = io.Copy(server, client); _ = server.Close() })
		p.all.Go(func() { p.bring(client, server); _ = client.Close() })
	}
}

// through is the other half of a connection.
func (p *Proxy) through(client net.Conn) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return nil, net.ErrClosed
	}
	server, err := net.Dial("tcp", p.server)
	if err == nil {
		p.conns = append(p.conns, client, server)
	}
	return server, err
}

// bring carries what the server says.
func (p *Proxy) bring(client, server net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := server.Read(buffer)
		p.mu.Lock()
		for p.held {
			p.open.Wait()
		}
		p.mu.Unlock()
		if n > 0 {
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

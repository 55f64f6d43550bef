package work

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
)

// arrival is one request that reached a target.
type arrival struct {
	target string
	header http.Header
	body   string
}

// n is the sequence that the publisher gave an event.
func (a arrival) n(t testing.TB) (n int) {
	t.Helper()
	_, rest, found := strings.Cut(a.body, `"sequence":`)
	require.True(t, found, "%s", a.body)
	_, err := fmt.Sscanf(rest, "%d", &n)
	require.NoError(t, err)
	return n
}

// targets is one HTTP server that plays any number of targets, by path.
type targets struct {
	*httptest.Server
	mu       sync.Mutex
	answers  map[string]http.HandlerFunc
	arrivals []arrival
}

func newTargets(t testing.TB) *targets {
	s := &targets{answers: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *targets) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	name := strings.TrimPrefix(r.URL.Path, "/")
	s.mu.Lock()
	s.arrivals = append(s.arrivals, arrival{target: name, header: r.Header, body: string(body)})
	answer := s.answers[name]
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
	}
}

func (s *targets) answer(name string, do http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[name] = do
}

func (s *targets) got(name string) []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []arrival
	for _, a := range s.arrivals {
		if a.target == name {
			out = append(out, a)
		}
	}
	return out
}

// cut is a wire to the broker that can be cut and joined again.
type cut struct {
	net.Listener
	mu   sync.Mutex
	to   string
	open []net.Conn
	off  bool
	ends sync.WaitGroup
}

func newCut(t testing.TB, to string) *cut {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cut{Listener: l, to: to}
	c.ends.Go(c.serve)
	t.Cleanup(func() { _ = l.Close(); c.set(true); c.ends.Wait() })
	return c
}

func (c *cut) url() string { return "nats://" + c.Addr().String() }

func (c *cut) serve() {
	for {
		from, err := c.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		to, err := net.Dial("tcp", c.to)
		if err != nil || c.off {
			_ = from.Close()
			if to != nil {
				_ = to.Close()
			}
			c.mu.Unlock()
			continue
		}
		c.open = append(c.open, from, to)
		c.mu.Unlock()
		for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
			c.ends.Go(func() { _, _ = io.Copy(way[0], way[1]); _ = way[0].Close(); _ = way[1].Close() })
		}
	}
}

// set cuts the wire, or joins it.
func (c *cut) set(off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
	if off {
		for _, conn := range c.open {
			_ = conn.Close()
		}
		c.open = nil
	}
}

// logged may be written to while it is read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// signedWith holds the signatures of a request against a key.
func signedWith(t testing.TB, a arrival, key string) {
	t.Helper()
	require.NoError(t, sign.VerifyZitadel(a.header.Get(sign.HeaderZitadel), []byte(a.body), time.Now(), key))
}

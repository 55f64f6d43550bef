package dispatch_test

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/wire"
)

// cable leads to a broker. It may stall, so that nothing arrives any more and no
// connection ends; be cut, so that all connections end and new ones may be made;
// or end for good behind a write, which is how a dispatcher dies between two of
// them as everybody else sees it.
type cable struct {
	url    string
	broker string

	mu      sync.Mutex
	flows   chan struct{} // closed while nothing is held up
	conns   map[net.Conn]bool
	dead    bool
	counted string   // the instance whose writes are counted
	steps   []string // those that were let through
	last    int      // how many are
	lastOf  string   // or which kind is the last
	until   string   // or which kind is let through no more
	severed chan struct{}
}

func newCable(t *testing.T, broker string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{url: "nats://" + l.Addr().String(), broker: strings.TrimPrefix(broker, "nats://"), flows: make(chan struct{}),
		conns: map[net.Conn]bool{}, severed: make(chan struct{})}
	close(c.flows)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", c.broker)
			if err != nil || !c.hold(near, far) {
				_ = near.Close()
				continue
			}
			all.Go(func() {
				if !c.carryOut(far, near) {
					c.drop(near, far)
				}
			})
			all.Go(func() { defer c.drop(near, far); c.carryIn(near, far) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); c.kill(); c.goOn(); all.Wait() })
	return c
}

// hold keeps the ends of a connection, unless the cable is dead.
func (c *cable) hold(ends ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range ends {
		if c.conns[end] = true; c.dead {
			_ = end.Close()
		}
	}
	return !c.dead
}

func (c *cable) drop(ends ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, end := range ends {
		_ = end.Close()
		delete(c.conns, end)
	}
}

// stall holds everything up until goOn.
func (c *cable) stall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flows = make(chan struct{})
}

func (c *cable) goOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.flows:
	default:
		close(c.flows)
	}
}

// cut ends all connections.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutLocked()
}

func (c *cable) cutLocked() {
	for end := range c.conns {
		_ = end.Close()
	}
}

// kill ends all connections, and those that come.
func (c *cable) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	c.cutLocked()
}

// killBehind ends the cable for good behind so many writes that are about an
// instance.
func (c *cable) killBehind(instance string, writes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counted, c.steps, c.last, c.lastOf, c.until = wire.Token(instance), nil, writes, "", ""
}

// killBehindFirst ends the cable for good behind the first write of a kind that
// is about an instance.
func (c *cable) killBehindFirst(instance, step string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counted, c.steps, c.last, c.lastOf, c.until = wire.Token(instance), nil, math.MaxInt, step, ""
}

// killBeforeFirst ends the cable for good before the first write of a kind that
// is about an instance.
func (c *cable) killBeforeFirst(instance, step string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counted, c.steps, c.last, c.lastOf, c.until = wire.Token(instance), nil, math.MaxInt, "", step
}

// passes tells whether a write is let through, and whether it is the last.
func (c *cable) passes(instance, step string) (passes, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counted == "" || instance != c.counted || step == "" {
		return !c.dead, false
	}
	if len(c.steps) >= c.last || step == c.until {
		return false, true
	}
	c.steps = append(c.steps, step)
	return true, len(c.steps) == c.last || step == c.lastOf
}

// written lists the writes that were let through.
func (c *cable) written() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.steps...)
}

func (c *cable) wait() {
	c.mu.Lock()
	flows := c.flows
	c.mu.Unlock()
	<-flows
}

// carryIn carries what the broker says.
func (c *cable) carryIn(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		c.wait()
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// carryOut carries what the client says, one message of its protocol at a time.
// severed tells that the cable ends here: the broker ends the connection when it
// has read all.
func (c *cable) carryOut(to, from net.Conn) (severed bool) {
	in := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return false
		}
		instance, step := "", ""
		if fields := strings.Fields(string(line)); len(fields) > 2 && (fields[0] == "PUB" || fields[0] == "HPUB") {
			size, err := strconv.Atoi(fields[len(fields)-1])
			if err != nil {
				return false
			}
			body := make([]byte, size+len("\r\n"))
			if _, err := io.ReadFull(in, body); err != nil {
				return false
			}
			line = append(line, body...)
			instance, step = stepOf(fields[1], body)
		}
		c.wait()
		passes, last := c.passes(instance, step)
		if passes {
			if _, err := to.Write(line); err != nil {
				return false
			}
		}
		if last {
			c.sever(to)
			return true
		}
	}
}

// sever ends the cable, once the broker has read what was sent.
func (c *cable) sever(to net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dead {
		close(c.severed)
	}
	c.dead = true
	_ = to.(*net.TCPConn).CloseWrite() // not Close, which throws away what is unread
}

// stepOf names a write by what it changes, and of which instance. "" is nothing
// of an edit.
func stepOf(subject string, body []byte) (instance, step string) {
	tokens := strings.Split(subject, ".")
	stream := func(prefix string) (string, bool) {
		name, ok := strings.CutPrefix(subject, prefix)
		name, _, _ = strings.Cut(name, ".")
		_, of, found := strings.Cut(strings.TrimPrefix(name, "CALLOUT_"), "_")
		return of, ok && found && strings.HasPrefix(name, "CALLOUT_")
	}
	switch {
	case strings.HasPrefix(subject, "$KV.callout_catalog."):
		return tokens[2], tokens[3] // rev, chunk or root
	case strings.HasPrefix(subject, "$KV.callout_secrets."):
		return tokens[2], "key"
	case strings.HasPrefix(subject, "$KV.callout_conditions."):
		return tokens[2], "conditions"
	case strings.HasPrefix(subject, "$KV.callout_lines."):
		return tokens[2], "book " + tokens[3]
	case strings.HasPrefix(subject, "$KV.callout_jobs."):
		return tokens[2], "job"
	case strings.HasPrefix(subject, "callout.catalog."):
		return tokens[2], "marker"
	}
	if filter, ok := strings.CutPrefix(subject, "$JS.API.STREAM.PURGE.KV_callout_"); ok { // a key that is swept away
		_, rest, _ := strings.Cut(string(body), "$KV.callout_"+filter+".")
		of, _, _ := strings.Cut(rest, "\"")
		of, _, _ = strings.Cut(of, ".")
		return of, "sweep " + filter
	}
	for prefix, step := range map[string]string{"$JS.API.STREAM.DELETE.": "stream goes", "$JS.API.STREAM.CREATE.": "stream", "$JS.API.CONSUMER.CREATE.": "consumer",
		"$JS.API.CONSUMER.DURABLE.CREATE.": "consumer", "$JS.API.CONSUMER.PAUSE.": "pause", "$JS.API.CONSUMER.DELETE.": "consumer goes"} {
		if of, ok := stream(prefix); ok && (step != "consumer" || bytes.Contains(body, []byte(`"durable_name"`))) {
			return of, step
		}
	}
	return "", ""
}

package demo

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cable is a TCP proxy that can be cut and mended.
type cable struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	cut   bool
	ends  map[net.Conn]struct{}
	plugs sync.WaitGroup
}

// newCable leads to the host of a nats:// URL until the test ends.
func newCable(t *testing.T, to string) *cable {
	t.Helper()
	u, err := url.Parse(to)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	c := &cable{listener: l, to: u.Host, ends: map[net.Conn]struct{}{}}
	c.plugs.Go(c.accept)
	t.Cleanup(func() {
		c.pull(true)
		_ = l.Close()
		c.plugs.Wait()
	})
	return c
}

func (c *cable) url() string { return "nats://" + c.listener.Addr().String() }

func (c *cable) accept() {
	for {
		near, err := c.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", c.to)
		if err != nil || !c.keep(near, far) {
			_ = near.Close()
			continue
		}
		c.plugs.Go(func() { _, _ = io.Copy(far, near); _ = far.Close(); _ = near.Close() })
		c.plugs.Go(func() { _, _ = io.Copy(near, far); _ = far.Close(); _ = near.Close() })
	}
}

func (c *cable) keep(near, far net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		_ = far.Close()
		return false
	}
	c.ends[near], c.ends[far] = struct{}{}, struct{}{}
	return true
}

// pull ends all connections; with cut, new ones end at once too.
func (c *cable) pull(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	for end := range c.ends {
		_ = end.Close()
		delete(c.ends, end)
	}
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = false
}

// playPulled plays with a cable between core and NATS, which is pulled while the
// step that moment names is being drawn.
func playPulled(t *testing.T, moment string, pull func(*cable)) (string, error) {
	t.Helper()
	out := &watched{}
	var c *cable
	out.on(moment, func() { pull(c) })
	err := Run(t.Context(), Options{
		Out: out, StepTimeout: 4 * time.Second,
		CoreNATS: func(url string) string {
			c = newCable(t, url)
			return c.url()
		},
	})
	return out.String(), err
}

// The connection is cut when the user is stored and its event is not yet
// published: the event has its id, so the core tries until the line is back.
func TestDemoRecoversFromAnOutage(t *testing.T) {
	t.Parallel()
	out, err := playPulled(t, "Store events", func(c *cable) { c.pull(false) })
	require.NoError(t, err, out)
}

// The line comes back only after a while.
func TestDemoRecoversFromALongerOutage(t *testing.T) {
	t.Parallel()
	mended := make(chan struct{})
	out, err := playPulled(t, "Store events", func(c *cable) {
		c.pull(true)
		time.AfterFunc(500*time.Millisecond, func() { c.mend(); close(mended) })
	})
	require.NoError(t, err, out)
	<-mended
}

// It never comes back: the step that stood still is named, soon.
func TestDemoNamesTheStepOfAnOutage(t *testing.T) {
	t.Parallel()
	for moment, step := range map[string]Arrow{
		"Get request execution":  requestInfo,
		"Store events":           eventStored,
		"Get response execution": responseInfo,
	} {
		t.Run(moment, func(t *testing.T) {
			began := time.Now()
			out, err := playPulled(t, moment, func(c *cable) { c.pull(true) })
			requireStep(t, err, stepName(step), "did not happen")
			if step != responseInfo { // an async hook alone does not stop the answer
				require.Contains(t, out, "Core--xClient: refused")
			}
			require.Less(t, time.Since(began), 15*time.Second)
		})
	}
}

// stepName is how an error names a step: those of background parties have an
// attempt, the first of which is not said.
func stepName(a Arrow) string { return key{Arrow: a, attempt: 1}.String() }

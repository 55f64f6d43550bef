package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/embed"
)

// mebibyte is a server with the max_payload of a NATS server that nobody has
// configured.
func mebibyte(t *testing.T) *embed.Server {
	t.Helper()
	s, err := embed.Start(embed.Options{Listen: "127.0.0.1:0", MaxObject: (1<<20 - 128<<10) / 2, Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func TestAServerWithoutRoomForAnObjectIsRefused(t *testing.T) {
	t.Parallel()
	s := mebibyte(t)
	_, err := bus.Connect(bustest.Within(t, 5*time.Second), bus.Options{URL: s.URL()})
	for _, word := range []string{"1048576", "1114112", "max_payload", "--max-object", "983040"} {
		require.ErrorContains(t, err, word)
	}
	_, err = bus.Connect(bustest.Within(t, 5*time.Second), bus.Options{URL: s.URL(), MaxObject: 983041})
	require.ErrorContains(t, err, "983040")
	b, err := bus.Connect(bustest.Within(t, 5*time.Second), bus.Options{URL: s.URL(), MaxObject: 983040})
	require.NoError(t, err)
	require.Equal(t, []int{983040, 1 << 20}, []int{b.MaxObject(), b.MaxBody()})
	b.Close()
}

func TestWhoCannotConnectIsTold(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	_, err := bus.Connect(bustest.Within(t, 5*time.Second), bus.Options{URL: s.URL(), AckWait: time.Millisecond})
	require.ErrorContains(t, err, "at least 500ms")

	var away *bus.Unreachable
	_, err = bus.Connect(bustest.Within(t, 5*time.Second), bus.Options{URL: "nats://callout:open-sesame@127.0.0.1:1"})
	require.ErrorAs(t, err, &away)
	require.Error(t, away.Unwrap())
	require.NotContains(t, err.Error(), "open-sesame")
	require.ErrorContains(t, err, "127.0.0.1:1")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = bus.Connect(ended, bus.Options{URL: s.URL()})
	require.ErrorIs(t, err, context.Canceled)
}

// TestPatientConnects has a server come later.
func TestPatientConnects(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	var b *bus.Bus
	s.Restart(t, func() {
		b = s.Connect(t, bus.Options{URL: s.URL(), Patient: true})
		require.False(t, b.Connected())
	})
	require.Eventually(t, b.Connected, 10*time.Second, time.Millisecond)
}

// TestRenewed tells who waits that the connection has been made anew: what was
// asked on the old one is forgotten.
func TestRenewed(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	p := s.Proxy(t)
	b := s.Connect(t, bus.Options{URL: p.URL()})
	session, end := b.Session(t.Context(), time.Now().Add(time.Minute))
	defer end()
	renewed := b.Renewed()
	require.NoError(t, session.Err())
	p.Cut()
	select {
	case <-renewed:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody is told")
	}
	<-session.Done()
	require.ErrorContains(t, context.Cause(session), "made anew")
	next, end := b.Session(t.Context(), time.Now().Add(time.Minute))
	require.NoError(t, next.Err())
	end()
	require.ErrorIs(t, next.Err(), context.Canceled)
	late, end := b.Session(t.Context(), time.Now())
	defer end()
	<-late.Done()
	require.ErrorIs(t, context.Cause(late), context.DeadlineExceeded)
}

// TestAnErrorShowsNoPassword of a core that gives its URL wrongly, whichever way
// the client would have repeated it.
func TestAnErrorShowsNoPassword(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	for _, url := range []string{
		"nats://user:hide-me@" + address, "nats://hide-me@" + address, "user:hide-me@" + address,
		"nats://user:hide-me/it@" + address, "nats://user:hide-me%zz@" + address, "nats://127.9.8.7/hide-me@" + address, // nobody listens there, as a server might at the default port of 127.0.0.1
		"nats://user:hide-me@" + address + ", nats://user:hide-me?it@" + address,
	} {
		_, err := bus.Connect(bustest.Within(t, 5*time.Second), bus.Options{URL: url, Log: zerolog.Nop()})
		var away *bus.Unreachable
		require.ErrorAs(t, err, &away, url)
		for of := err; of != nil; of = errors.Unwrap(of) {
			require.NotContains(t, fmt.Sprintf("%v %+v %q", of, of, of), "hide-me", url)
		}
		require.Contains(t, away.URL, address)
	}
}

package lines_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// The server takes a wait back when a heartbeat comes behind it. However the two
// meet, the wait comes last.
func TestNoHeartbeatBehindAWait(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, nc := s.Connect(t, bus.Options{}), s.Plain(t)
	var mu sync.Mutex
	said, beats := map[string][]string{}, 0
	_, err := nc.Subscribe("told.>", func(m *nats.Msg) {
		mu.Lock()
		word, _, _ := strings.Cut(string(m.Data), " ")
		said[m.Subject] = append(said[m.Subject], word)
		if word == "+WPI" {
			beats++
		}
		mu.Unlock()
		_ = m.Respond(nil)
	})
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	const waits, each = 64, 200
	var all sync.WaitGroup
	for w := range waits {
		all.Go(func() {
			for i := range each {
				assert.NoError(t, lines.WaitBesideHeartbeat(b, fmt.Sprintf("told.%d.%d", w, i), time.Duration(i%40)*time.Microsecond/4))
			}
		})
	}
	all.Wait()
	require.NoError(t, nc.Flush())
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, said, waits*each)
	require.NotZero(t, beats, "no heartbeat was sent beside a wait")
	for subject, words := range said {
		require.Equal(t, "-NAK", words[len(words)-1], subject)
	}
}

// TestLeaseOfAMachineThatWasSuspended has lapsed, though the monotonic clock
// stood meanwhile; and no heartbeat brings it back.
func TestLeaseOfAMachineThatWasSuspended(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, nc := s.Connect(t, bus.Options{}), s.Plain(t)
	_, err := nc.Subscribe("told", func(m *nats.Msg) { _ = m.Respond(nil) })
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	for name, c := range map[string]struct {
		since         time.Time
		held, renewed bool
	}{
		"just now":                     {time.Now(), true, true},
		"long ago":                     {time.Now().Add(-time.Hour), false, false},
		"long ago, by the wall clock":  {bustest.Apart(time.Now().Add(-time.Hour), time.Hour), false, false},
		"long ago, by the other clock": {bustest.Apart(time.Now(), -time.Hour), false, false},
		"nobody knows":                 {time.Time{}, false, false},
	} {
		held, renewed := lines.HeldSince(b, "told", c.since, time.Minute)
		require.Equal(t, []bool{c.held, c.renewed}, []bool{held, renewed}, name)
	}
}

func TestHeartbeatsKeepALongDelivery(t *testing.T) {
	const ackWait = 2 * time.Second
	for name, told := range map[string]time.Duration{"as the worker was told": ackWait, "shorter than the worker was told": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bustest.Both(t, bus.Options{AckWait: ackWait}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
				for _, unordered := range []bool{false, true} {
					l := line(t, i, "user.added", func(l *lines.Line) {
						if l.Unordered = unordered; unordered {
							l.Name, l.Condition = "unordered", onEvent("user.changed")
						}
					})
					var seen bustest.Noted
					for range 2 {
						consume(t, s.Connect(t, bus.Options{AckWait: told}), func(ctx context.Context, d *lines.Delivery) {
							seen.Add(string(d.Body))
							select {
							case <-time.After(3 * ackWait / 2):
							case <-ctx.Done():
								t.Error("the lease lapsed although heartbeats went out: ", context.Cause(ctx))
							}
							if err := d.Ack(); err != nil {
								t.Error(err)
							}
						}, l)
					}
					bustest.Publish(t, i, "a "+l.Name, "u", l.Condition.Match)
					seen.Await(t, 1)
					lag(t, i, l, 0)
					require.Len(t, seen.Get(), 1, "one arrival")
				}
			})
		})
	}
}

// TestLeaseLapsesWithoutTheServer holds deliveries while the server is away:
// nothing may be acknowledged with them afterwards.
func TestLeaseLapsesWithoutTheServer(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{AckWait: bus.MinAckWait}))
	entered, lapsed := make(chan struct{}, 2), make(chan error, 2)
	away := make(chan struct{})
	handle := func(ctx context.Context, d *lines.Delivery) {
		entered <- struct{}{}
		<-away
		select {
		case <-ctx.Done():
			lapsed <- context.Cause(ctx)
		case <-time.After(20 * time.Second):
			lapsed <- nil
		}
		for _, err := range []error{d.Ack(), d.Wait(time.Second), d.HandBack()} {
			if !errors.Is(err, lines.ErrLapsed) {
				t.Error("it may still be ended: ", err)
			}
		}
		if d.Held() {
			t.Error("it is still held")
		}
	}
	c := lines.NewConsumer(pair[0].Bus, 8, handle)
	for _, i := range pair {
		c.Start(context.Background(), line(t, i, "user.added", nil))
		bustest.Publish(t, i, "a", "u", "user.added")
		<-entered
	}
	require.NoError(t, s.DisableJetStream()) // heartbeats are confirmed no longer
	close(away)
	for range pair {
		require.ErrorIs(t, <-lapsed, lines.ErrLapsed)
	}
	c.Stop()
}

// TestALeaseOfNothingKeepsNobodyBusy: an AckWait that somebody wrote into a
// consumer or an entry is no reason to look at all leases without a pause.
func TestALeaseOfNothingKeepsNobodyBusy(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{AckWait: 20 * time.Second})
	for ackWait, want := range map[time.Duration]time.Duration{
		0: bus.MinAckWait / 20, 1: bus.MinAckWait / 20, -time.Hour: bus.MinAckWait / 20, 10 * time.Second: time.Second / 2, time.Hour: time.Second,
	} {
		require.Equal(t, want, lines.Tick(b, ackWait), ackWait)
	}
}

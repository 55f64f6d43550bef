package lines_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// far is a worker whose server's words can be held up on their way.
func far(t *testing.T, s *bustest.Server, ackWait time.Duration) (*bus.Bus, *bustest.Proxy) {
	t.Helper()
	p := s.Proxy(t)
	return s.Connect(t, bus.Options{URL: p.URL(), AckWait: ackWait}), p
}

// asked waits until so many requests for a line's deliveries stand.
func asked(t *testing.T, s *bustest.Server, i bus.Instance, l lines.Line, want int) {
	t.Helper()
	js := s.JetStream(t)
	require.Eventually(t, func() bool {
		c, err := js.Consumer(bustest.Within(t, 10*time.Second), i.Events, l.Name)
		return err == nil && c.CachedInfo().NumWaiting == want
	}, time.Minute, time.Millisecond)
}

// TestDeliveryThatWasLongOnItsWay: by the time it arrives another worker has it.
// Who gets it late knows at once, and ends nothing.
func TestDeliveryThatWasLongOnItsWay(t *testing.T) {
	t.Parallel()
	const ackWait = time.Second
	for name, flowing := range map[string]bool{"first of a line": false, "behind another": true} {
		t.Run(name, func(t *testing.T) {
			bustest.Both(t, bus.Options{AckWait: ackWait}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
				for _, unordered := range []bool{false, true} {
					l := line(t, i, "user.added", func(l *lines.Line) {
						if l.Unordered = unordered; unordered {
							l.Name, l.Condition = "unordered", onEvent("user.changed")
						}
					})
					longOnItsWay(t, s, i, l, ackWait, flowing)
				}
			})
		})
	}
}

func longOnItsWay(t *testing.T, s *bustest.Server, i bus.Instance, l lines.Line, ackWait time.Duration, flowing bool) {
	late := bustest.Body(i, "late "+l.Name)
	var inHand, most atomic.Int64
	var seen, farSeen bustest.Noted
	took, release := make(chan struct{}, 10), make(chan struct{})
	goOn := sync.OnceFunc(func() { close(release) })
	defer goOn()
	b, p := far(t, s, ackWait)
	one := consume(t, b, func(ctx context.Context, d *lines.Delivery) {
		if string(d.Body) != late {
			p.Hold()
			if err := d.Ack(); err != nil {
				t.Error(err)
			}
			seen.Add(string(d.Body))
			return
		}
		if d.Held() {
			most.Store(max(most.Load(), inHand.Add(1)))
			defer inHand.Add(-1)
			t.Error("it takes the delivery for its own")
			farSeen.Add(string(d.Body))
			return
		}
		<-ctx.Done()
		assert.ErrorIs(t, context.Cause(ctx), lines.ErrLapsed)
		assert.ErrorIs(t, d.Ack(), lines.ErrLapsed)
		assert.ErrorIs(t, d.HandBack(), lines.ErrLapsed)
		farSeen.Add(string(d.Body))
	}, l)
	if flowing {
		bustest.Publish(t, i, "early "+l.Name, "u", l.Condition.Match)
		seen.Await(t, 1)
		lag(t, i, l, 0) // what is in work below is not the early one
	} else {
		asked(t, s, i, l, 1)
		p.Hold()
	}
	bustest.Publish(t, i, "late "+l.Name, "u", l.Condition.Match)
	require.Eventually(t, func() bool { // it is on its way
		standing, err := lines.Of(i).Standing(bustest.Within(t, 10*time.Second), l)
		return err == nil && standing.InWork == 1
	}, time.Minute, time.Millisecond)
	two := consume(t, s.Connect(t, bus.Options{AckWait: ackWait}), func(ctx context.Context, d *lines.Delivery) {
		most.Store(max(most.Load(), inHand.Add(1)))
		defer inHand.Add(-1)
		took <- struct{}{}
		<-release
		acked(t, &seen)(ctx, d)
	}, l)
	<-took
	p.Release()
	require.Equal(t, late, farSeen.Await(t, 1)[0])
	goOn()
	lag(t, i, l, 0)
	one.Stop()
	two.Stop()
	require.Equal(t, late, seen.Get()[len(seen.Get())-1])
	require.Equal(t, 1, strings.Count(strings.Join(seen.Get(), "\n"), late), "it is ended once")
	require.EqualValues(t, 1, most.Load(), "nothing is in flight twice")
}

// TestDeliveryThatWasShortOnItsWay is the worker's own.
func TestDeliveryThatWasShortOnItsWay(t *testing.T) {
	t.Parallel()
	const ackWait = 20 * time.Second
	bustest.Both(t, bus.Options{AckWait: ackWait}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		l := line(t, i, "user.added", nil)
		var seen bustest.Noted
		b, p := far(t, s, ackWait)
		consume(t, b, acked(t, &seen), l)
		asked(t, s, i, l, 1)
		p.Hold()
		bustest.Publish(t, i, "a", "u", "user.added")
		require.Eventually(t, func() bool {
			standing, err := lines.Of(i).Standing(bustest.Within(t, 10*time.Second), l)
			return err == nil && standing.InWork == 1
		}, time.Minute, time.Millisecond)
		p.Release()
		require.Equal(t, bustest.Bodies(i, "a"), seen.Await(t, 1))
	})
}

// TestLeaseFollowsTheConsumer, whose AckWait is shorter than the worker was
// told: the worker lets go before another one takes over.
func TestLeaseFollowsTheConsumer(t *testing.T) {
	t.Parallel()
	const ackWait, told = 2 * time.Second, time.Minute
	bustest.Both(t, bus.Options{AckWait: ackWait}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		l := line(t, i, "user.added", nil)
		b, p := far(t, s, told)
		var holds atomic.Pointer[lines.Delivery]
		lapsed := make(chan error, 10)
		consume(t, b, func(ctx context.Context, d *lines.Delivery) {
			p.Hold()
			holds.Store(d)
			<-ctx.Done()
			lapsed <- context.Cause(ctx)
		}, l)
		bustest.Publish(t, i, "a", "u", "user.added")
		require.Eventually(t, func() bool { return holds.Load() != nil }, time.Minute, time.Millisecond)
		var seen bustest.Noted
		consume(t, s.Connect(t, bus.Options{AckWait: told}), func(ctx context.Context, d *lines.Delivery) {
			if holds.Load().Held() {
				t.Error("two hold it")
			}
			acked(t, &seen)(ctx, d)
		}, l)
		require.Equal(t, bustest.Bodies(i, "a"), seen.Await(t, 1))
		require.ErrorIs(t, <-lapsed, lines.ErrLapsed)
		p.Release()
	})
}

// told reads what workers have said of a line's deliveries so far.
func told(t *testing.T, nc *nats.Conn, sub *nats.Subscription, word string) (count int) {
	t.Helper()
	require.NoError(t, nc.Flush())
	for left, _, _ := sub.Pending(); left > 0; left-- {
		m, err := sub.NextMsg(time.Second)
		require.NoError(t, err)
		if strings.HasPrefix(string(m.Data), word) {
			count++
		}
	}
	return count
}

// TestLeftBehindByAWorkerThatStops: what was on its way to it is handed back,
// unless another worker may have it by now.
func TestLeftBehindByAWorkerThatStops(t *testing.T) {
	for name, c := range map[string]struct {
		ackWait   time.Duration
		over      bool // another worker has taken over
		unordered bool
	}{
		"surely ours":                    {20 * time.Second, false, false},
		"surely ours, unordered":         {20 * time.Second, false, true},
		"another worker's":               {time.Second, true, false},
		"another worker's, of unordered": {time.Second, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bustest.Both(t, bus.Options{AckWait: c.ackWait}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
				l := line(t, i, "user.added", func(l *lines.Line) { l.Unordered = c.unordered })
				b, p := far(t, s, c.ackWait)
				var wrong, seen bustest.Noted
				one := consume(t, b, func(_ context.Context, d *lines.Delivery) { wrong.Add(string(d.Body)) }, l)
				asked(t, s, i, l, 1)
				nc := s.Plain(t)
				words, err := nc.SubscribeSync("$JS.ACK." + i.Events + "." + l.Name + ".>")
				require.NoError(t, err)
				require.NoError(t, nc.Flush())
				p.Hold()
				bustest.Publish(t, i, "a", "u", "user.added")
				require.Eventually(t, func() bool {
					standing, err := lines.Of(i).Standing(bustest.Within(t, 10*time.Second), l)
					return err == nil && standing.InWork == 1
				}, time.Minute, time.Millisecond)
				took, release := make(chan struct{}, 10), make(chan struct{})
				goOn := sync.OnceFunc(func() { close(release) })
				defer goOn()
				take := func() {
					consume(t, s.Connect(t, bus.Options{AckWait: c.ackWait}), func(ctx context.Context, d *lines.Delivery) {
						took <- struct{}{}
						<-release
						acked(t, &seen)(ctx, d)
					}, l)
				}
				if c.over {
					take()
					<-took
				}
				one.TakeNothing()
				p.Release()
				one.Stop()
				require.NoError(t, b.Conn().Flush())
				back := told(t, nc, words, "-NAK")
				require.Empty(t, wrong.Get())
				if c.over {
					require.Zero(t, back, "who has it is not disturbed")
				} else {
					require.Equal(t, 1, back)
					take()
				}
				goOn()
				require.Equal(t, bustest.Bodies(i, "a"), seen.Await(t, 1))
				lag(t, i, l, 0)
			})
		})
	}
}

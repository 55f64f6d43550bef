package bus_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
)

func plain(t *testing.T, s *embed.Server) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(s.URL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	return js
}

// TestConsumerLeftBehindIsAdopted adds a line whose consumer is there already:
// a dispatcher made it, and died before it told anybody. Then it could still
// have had to stand, or to begin elsewhere.
func TestConsumerLeftBehindIsAdopted(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]func(*bus.Line){
		"as it is to be":  func(*bus.Line) {},
		"standing":        func(l *bus.Line) { l.Fenced = true },
		"begun elsewhere": func(l *bus.Line) { l.Cut = 4 },
		"of another kind": func(l *bus.Line) { l.Unordered = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := prepared(t, bus.Options{})
			l := bus.Line{Name: "line", Instance: instance, Target: "hook", Lanes: 1, Condition: onEvent("user.added"), Cut: 2}
			before := l
			left(&before)
			ctx := within(t, 10*time.Second)
			require.NoError(t, b.AddLine(ctx, before))
			lines, err := plain(t, s).KeyValue(ctx, "callout_lines")
			require.NoError(t, err)
			require.NoError(t, lines.Purge(ctx, "default.line.line"))

			for _, id := range []string{"a", "b", "c", "d"} { // from sequence 2 on
				publish(t, b, id, "u", "user.added")
			}
			require.NoError(t, b.AddLine(ctx, l))
			var seen took
			consume(t, b, l, func(_ context.Context, d *bus.Delivery) { seen.add(string(d.Body)); require.NoError(t, d.Ack()) })
			require.Equal(t, []string{`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`, `{"id":"d"}`}, seen.await(t, 4))
		})
	}
}

// TestLineStartedAgainWhileItStops stops a line with a delivery in hand, and
// starts it again at once, as when it is removed and made again.
func TestLineStartedAgainWhileItStops(t *testing.T) {
	t.Parallel()
	_, b := prepared(t, bus.Options{})
	l := line(t, b, "user.added", nil)
	entered, release := make(chan struct{}, 1), make(chan struct{})
	var seen took
	c := consume(t, b, l, func(_ context.Context, d *bus.Delivery) {
		if string(d.Body) == `{"id":"a"}` {
			entered <- struct{}{}
			<-release
		}
		require.NoError(t, d.Ack())
		seen.add(string(d.Body))
	})
	publish(t, b, "a", "u", "user.added")
	<-entered
	ended := c.StopLine(l.Name)
	c.Start(context.Background(), l)
	select {
	case <-ended:
		t.Fatal("ended with a delivery in hand")
	default:
	}
	close(release)
	<-ended
	publish(t, b, "b", "u", "user.added")
	require.Equal(t, []string{`{"id":"a"}`, `{"id":"b"}`}, seen.await(t, 2))
}

// TestLineThatLosesItsOrder starts a line again that keeps no order any more:
// what waits then holds up nobody.
func TestLineThatLosesItsOrder(t *testing.T) {
	t.Parallel()
	_, b := prepared(t, bus.Options{})
	l := line(t, b, "user.added", nil)
	entered, release := make(chan struct{}, 1), make(chan struct{})
	var seen took
	c := consume(t, b, l, func(_ context.Context, d *bus.Delivery) {
		if string(d.Body) == `{"id":"b"}` {
			entered <- struct{}{}
			<-release
		}
		require.NoError(t, d.Ack())
		seen.add(string(d.Body))
	})
	t.Cleanup(sync.OnceFunc(func() { close(release) })) // else the line never stops
	publish(t, b, "a", "u", "user.added")
	seen.await(t, 1)
	l.Unordered = true
	require.NoError(t, b.EnsureLine(within(t, 5*time.Second), l))
	c.Start(context.Background(), l)
	publish(t, b, "b", "u", "user.added")
	publish(t, b, "c", "u", "user.added")
	<-entered
	require.Equal(t, []string{`{"id":"a"}`, `{"id":"c"}`}, seen.await(t, 2))
}

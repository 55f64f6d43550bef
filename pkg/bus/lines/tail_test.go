package lines_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// tailed reads events until the test ends.
func tailed(t *testing.T, i bus.Instance, o lines.TailOptions) (<-chan lines.StoredEvent, uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events, from, ended := make(chan lines.StoredEvent, 1000), make(chan uint64, 1), make(chan error, 1)
	go func() {
		ended <- lines.Of(i).Tail(ctx, o, func(first uint64) error { from <- first; return nil },
			func(e lines.StoredEvent) error { events <- e; return nil })
	}()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	select {
	case first := <-from:
		return events, first
	case <-time.After(10 * time.Second):
		t.Fatal("it does not begin")
		return nil, 0
	}
}

func everything() lines.TailOptions {
	return lines.TailOptions{Type: action.Condition{Phase: action.OnEvent, Match: "*"}}
}

func next(t *testing.T, events <-chan lines.StoredEvent) lines.StoredEvent {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("no event comes")
		return lines.StoredEvent{}
	}
}

// TestTailOutlivesTheBroker, and the consumer that the server keeps for it: no
// event is left out and none comes twice.
func TestTailOutlivesTheBroker(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, time.Minute)
	var tails [2]<-chan lines.StoredEvent
	for n, i := range pair {
		events, from := tailed(t, i, everything())
		tails[n] = events
		require.Equal(t, from, bustest.Publish(t, i, "a", "u", "user.added").StreamSequence)
		first := next(t, events)
		require.Equal(t, []any{"u", "acme", "user.added", bustest.Body(i, "a")}, []any{first.Aggregate, first.Org, first.Type, string(first.Body)})

		stream, err := s.JetStream(t).Stream(ctx, i.Events)
		require.NoError(t, err)
		deleted := 0
		for name := range stream.ConsumerNames(ctx).Name() {
			require.NoError(t, stream.DeleteConsumer(ctx, name))
			deleted++
		}
		require.Equal(t, 1, deleted)
		bustest.Publish(t, i, "b", "u", "user.changed")
		require.Equal(t, first.Sequence+1, next(t, events).Sequence)
	}
	s.Restart(t, func() {})
	require.Eventually(t, pair[0].Connected, 20*time.Second, 10*time.Millisecond)
	for n, i := range pair {
		last := bustest.Publish(t, i, "c", "u", "user.removed")
		got := next(t, tails[n])
		require.Equal(t, []any{last.StreamSequence, bustest.Body(i, "c")}, []any{got.Sequence, string(got.Body)})
	}
}

// TestTailKeepsUp reads many more than are asked for at once, in their order.
func TestTailKeepsUp(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		for n := range 100 {
			bustest.Publish(t, i, fmt.Sprint(n), fmt.Sprint("u", n), "user.added")
		}
		o := everything()
		o.From = 1
		events, _ := tailed(t, i, o)
		for n := range 200 {
			if n >= 100 {
				bustest.Publish(t, i, fmt.Sprint(n), "u", "user.added")
			}
			require.Equal(t, bustest.Body(i, fmt.Sprint(n)), string(next(t, events).Body))
		}
	})
}

// TestTailChooses events of a type, and of an organization.
func TestTailChooses(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		events, _ := tailed(t, i, lines.TailOptions{Type: onEvent("user.*")})
		none, _ := tailed(t, i, lines.TailOptions{Type: onEvent("*"), Org: "another"})
		bustest.Publish(t, i, "a", "u", "org.added")
		bustest.Publish(t, i, "b", "u", "user.added")
		require.Equal(t, bustest.Body(i, "b"), string(next(t, events).Body))
		require.Empty(t, none)
	})
}

func TestTailFromTheFuture(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		o := everything()
		o.From = 3 // the marker is 1
		bustest.Code(t, action.CodeBadField, lines.Of(i).Tail(bustest.Within(t, 20*time.Second), o, nil, nil))
		enough := errors.New("enough")
		o.From = 1
		bustest.Publish(t, i, "a", "u", "user.added")
		ctx, begun := bustest.Within(t, 20*time.Second), func(uint64) error { return nil }
		require.ErrorIs(t, lines.Of(i).Tail(ctx, o, func(uint64) error { return enough }, nil), enough)
		require.ErrorIs(t, lines.Of(i).Tail(ctx, o, begun, func(lines.StoredEvent) error { return enough }), enough)
		bustest.Code(t, action.CodeMissing, lines.Of(i.Bus.Instance("nobody")).Tail(ctx, o, begun, nil))
	})
}

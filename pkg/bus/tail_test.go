package bus_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
)

// tailed reads events until the test ends.
func tailed(t *testing.T, b *bus.Bus, o bus.TailOptions) (<-chan bus.StoredEvent, uint64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events, from, ended := make(chan bus.StoredEvent, 1000), make(chan uint64, 1), make(chan error, 1)
	go func() {
		ended <- b.Tail(ctx, instance, o, func(first uint64) error { from <- first; return nil },
			func(e bus.StoredEvent) error { events <- e; return nil })
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

func everything() bus.TailOptions {
	return bus.TailOptions{Type: action.Condition{Phase: action.OnEvent, Match: "*"}}
}

func next(t *testing.T, events <-chan bus.StoredEvent) bus.StoredEvent {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("no event comes")
		return bus.StoredEvent{}
	}
}

// TestTailOutlivesTheBroker, and the consumer that the server keeps for it: no
// event is left out and none comes twice.
func TestTailOutlivesTheBroker(t *testing.T) {
	o := embed.Options{Data: t.TempDir(), Listen: "127.0.0.1:0", Log: zerolog.Nop()}
	s, err := embed.Start(o)
	require.NoError(t, err)
	b := connect(t, s, bus.Options{})
	require.NoError(t, b.EnsureInstallation(within(t, 5*time.Second)))
	require.NoError(t, b.EnsureInstance(within(t, 5*time.Second), instance))
	events, from := tailed(t, b, everything())
	first := publish(t, b, "a", "u", "user.added")
	require.Equal(t, from, first.StreamSequence)
	require.Equal(t, "u", next(t, events).Aggregate)

	nc, err := nats.Connect(s.URL())
	require.NoError(t, err)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	stream, err := js.Stream(within(t, 5*time.Second), bus.EventStream(instance))
	require.NoError(t, err)
	deleted := 0
	for name := range stream.ConsumerNames(within(t, 5*time.Second)).Name() {
		require.NoError(t, stream.DeleteConsumer(within(t, 5*time.Second), name))
		deleted++
	}
	require.Equal(t, 1, deleted)
	nc.Close()
	publish(t, b, "b", "u", "user.changed")
	require.Equal(t, first.StreamSequence+1, next(t, events).Sequence)

	o.Listen = strings.TrimPrefix(s.URL(), "nats://")
	s.Close()
	s, err = embed.Start(o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.Eventually(t, b.Connected, 10*time.Second, 10*time.Millisecond)
	last := publish(t, b, "c", "u", "user.removed")
	require.Equal(t, last.StreamSequence, next(t, events).Sequence)
}

// TestTailKeepsUp reads many more than are asked for at once, in their order.
func TestTailKeepsUp(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	for i := range 100 {
		publish(t, b, fmt.Sprint(i), fmt.Sprint("u", i), "user.added")
	}
	o := everything()
	o.From = 1
	events, _ := tailed(t, b, o)
	for i := range 200 {
		if i >= 100 {
			publish(t, b, fmt.Sprint(i), "u", "user.added")
		}
		require.Equal(t, fmt.Sprintf(`{"id":"%d"}`, i), string(next(t, events).Body))
	}
}

func TestTailFromTheFuture(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	o := everything()
	o.From = 3 // the marker is 1
	err := b.Tail(within(t, 5*time.Second), instance, o, nil, nil)
	code(t, action.CodeBadField, err)
}

package bus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/wire"
)

func TestReadinessIsARealPublish(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx, b := bustest.Within(t, 30*time.Second), pair[0].Bus
	require.NoError(t, b.Ready(ctx, bustest.IDs[:]...))
	err := b.Ready(ctx, bustest.IDs[0], "nobody")
	bustest.Code(t, action.CodeMissing, err)
	require.ErrorContains(t, err, b.Instance("nobody").Events)
	for _, i := range pair {
		last, err := i.LastSequence(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, last, "nothing is stored among the events")
	}
	require.NoError(t, s.JetStream(t).DeleteStream(ctx, "CALLOUT_READY"))
	err = b.Ready(ctx)
	bustest.Code(t, action.CodeMissing, err)
	require.ErrorContains(t, err, "CALLOUT_READY")
}

func TestAnotherTransformIsRefused(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, js := s.Connect(t, bus.Options{}), s.JetStream(t)
	for _, id := range bustest.IDs {
		i, ctx := b.Instance(id), bustest.Within(t, 20*time.Second)
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: i.Events, Subjects: []string{"callout.event." + i.Token + ".*.*.>"}})
		require.NoError(t, err)
		require.ErrorContains(t, i.EnsureStreams(ctx), "another subject transform")
	}
}

func TestSequenceAtATime(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		first := bustest.Publish(t, i, "a", "u", "user.added").StreamSequence
		var second uint64
		stored := func(sequence uint64) time.Time {
			stream, err := s.JetStream(t).Stream(ctx, i.Events)
			require.NoError(t, err)
			raw, err := stream.GetMsg(ctx, sequence)
			require.NoError(t, err)
			return raw.Time
		}
		second = bustest.Publish(t, i, "b", "u", "user.added").StreamSequence
		for at, want := range map[time.Time]uint64{stored(first).Add(-time.Hour): first, stored(first): first, stored(second): second,
			stored(second).Add(time.Hour): second + 1} {
			got, err := i.SequenceAt(ctx, at)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		_, err := s.JetStream(t).Publish(ctx, wire.Marker(i.ID), []byte(`{}`))
		require.NoError(t, err)
		got, err := i.SequenceAt(ctx, stored(second).Add(time.Nanosecond))
		require.NoError(t, err)
		require.Equal(t, second+2, got, "a marker is no event")
	})
}

// TestNamesOfStreams stay within what the server takes, and are unlike.
func TestNamesOfStreams(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Connect(t, bus.Options{})
	long := x(190)
	seen := map[string]bool{}
	for _, id := range []string{"default", "default.größe 2", "default-größe 2", long + "1", long + "2", "ä" + x(100)} {
		i := b.Instance(id)
		for _, name := range []string{i.Events, i.Dead, i.Async} {
			require.False(t, seen[name], name)
			require.LessOrEqual(t, len(name), 255)
			seen[name] = true
		}
		require.NoError(t, i.EnsureStreams(bustest.Within(t, 20*time.Second)), id)
		require.NoError(t, i.EnsureStreams(bustest.Within(t, 20*time.Second)), "twice changes nothing")
	}
}

package bus_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

func configOf(t *testing.T, js jetstream.JetStream, stream string) jetstream.StreamConfig {
	t.Helper()
	s, err := js.Stream(bustest.Within(t, 5*time.Second), stream)
	require.NoError(t, err)
	return s.CachedInfo().Config
}

// TestWhoStartsBringsItsSettings: the newest start is obeyed, and a look after
// what is missing changes nothing of what is there.
func TestWhoStartsBringsItsSettings(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{MaxStream: 8 << 20}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, 20*time.Second), s.JetStream(t)
		other := s.Connect(t, bus.Options{MaxStream: 4 << 20}).Instance(i.ID)
		for _, stream := range []string{i.Events, i.Dead, i.Async} {
			cfg := configOf(t, js, stream)
			cfg.Duplicates, cfg.Description, cfg.MaxConsumers = time.Minute, "", 10 // as an older version made it
			cfg.Metadata = map[string]string{"theirs": "stays"}
			_, err := js.UpdateStream(ctx, cfg)
			require.NoError(t, err)

			require.NoError(t, other.EnsureStreams(ctx))
			require.EqualValues(t, 8<<20, configOf(t, js, stream).MaxBytes, "who looks after what is missing changes nothing")
		}
		require.NoError(t, other.SettleStreams(ctx))
		for _, stream := range []string{i.Events, i.Dead, i.Async} {
			cfg := configOf(t, js, stream)
			require.EqualValues(t, 4<<20, cfg.MaxBytes)
			require.NotEmpty(t, cfg.Description)
			require.NotEqual(t, 10, cfg.MaxConsumers)
			require.NotEqual(t, time.Minute, cfg.Duplicates)
			require.Equal(t, []string{"stays", i.ID, fmt.Sprint(action.Format)},
				[]string{cfg.Metadata["theirs"], cfg.Metadata["callout_instance"], cfg.Metadata["callout_format"]})
		}
		require.NoError(t, i.SettleStreams(ctx))
		require.EqualValues(t, 8<<20, configOf(t, js, i.Events).MaxBytes)
	})
}

// TestASizeThatDoesNotFitIsRefused with both numbers, and changes nothing.
func TestASizeThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{MaxStream: 8 << 20}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, 20*time.Second), s.JetStream(t)
		for n := range 40 {
			_, err := i.Publish(ctx, bus.NewEvent{ID: fmt.Sprint(n), AggregateID: "u", Type: "a", Body: make([]byte, 4<<10)})
			require.NoError(t, err)
		}
		stream, err := js.Stream(ctx, i.Events)
		require.NoError(t, err)
		held := stream.CachedInfo().State.Bytes
		err = s.Connect(t, bus.Options{MaxStream: 100 << 10}).Instance(i.ID).SettleStreams(ctx)
		bustest.Code(t, action.CodeStreamFull, err)
		for _, word := range []string{i.Events, fmt.Sprint(held), fmt.Sprint(100 << 10), "--max-stream"} {
			require.ErrorContains(t, err, word)
		}
		require.EqualValues(t, 8<<20, configOf(t, js, i.Events).MaxBytes)

		const all = math.MaxInt64 / 2 // of what the server has, and some is taken
		err = s.Connect(t, bus.Options{MaxStream: all}).Instance(i.ID).SettleStreams(ctx)
		bustest.Code(t, action.CodeStreamFull, err)
		for _, word := range []string{fmt.Sprint(8 << 20), fmt.Sprint(int64(all)), "max_file_store"} {
			require.ErrorContains(t, err, word)
		}
	})
}

// TestAnOperatorsSettingsStay: replicas need three servers, so that bounds and
// compression stand for what an operator sets.
func TestAnOperatorsSettingsStay(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, js, ctx := s.Connect(t, bus.Options{}), s.JetStream(t), bustest.Within(t, 20*time.Second)
	bustest.Pair(t, b)
	for _, stream := range b.Needed(bustest.IDs[:]...) {
		cfg := configOf(t, js, stream)
		cfg.Compression = jetstream.S2Compression
		if cfg.MaxBytes < 0 {
			cfg.MaxBytes = 64 << 20
		}
		cfg.Metadata["theirs"], cfg.Description = "stays", "changed"
		_, err := js.UpdateStream(ctx, cfg)
		require.NoError(t, err)
	}
	require.NoError(t, b.SettleInstallation(ctx))
	require.NoError(t, b.EnsureInstallation(ctx))
	for _, stream := range b.Needed() {
		cfg := configOf(t, js, stream)
		require.EqualValues(t, 64<<20, cfg.MaxBytes, stream)
		require.Equal(t, "stays", cfg.Metadata["theirs"], stream)
		require.NotEqual(t, "changed", cfg.Description, stream)
		require.Equal(t, jetstream.S2Compression, cfg.Compression, stream)
	}
}

// TestNewerStreamsAreRefusedByName, at a start and while all runs.
func TestNewerStreamsAreRefusedByName(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, js, ctx := s.Connect(t, bus.Options{}), s.JetStream(t), bustest.Within(t, 20*time.Second)
	pair := bustest.Pair(t, b)
	for _, stream := range b.Needed(bustest.IDs[:]...) {
		require.NoError(t, b.Ready(ctx, bustest.IDs[:]...))
		was := configOf(t, js, stream)
		cfg := configOf(t, js, stream)
		cfg.Metadata["callout_format"] = fmt.Sprint(action.Format + 1)
		_, err := js.UpdateStream(ctx, cfg)
		require.NoError(t, err)
		refused := []error{b.Ready(ctx, bustest.IDs[:]...)}
		if i := pair[0]; stream == i.Events || stream == i.Dead || stream == i.Async {
			refused = append(refused, i.EnsureStreams(ctx), i.SettleStreams(ctx), b.Readable(ctx, stream))
			require.NoError(t, pair[1].EnsureStreams(ctx), "the other instance is none the worse")
		} else if stream != pair[1].Events && stream != pair[1].Dead && stream != pair[1].Async {
			refused = append(refused, b.EnsureInstallation(ctx), b.SettleInstallation(ctx), b.CheckFormats(ctx))
		}
		for _, err := range refused {
			bustest.Code(t, action.CodeNewer, err)
			require.ErrorContains(t, err, stream)
		}
		_, err = js.UpdateStream(ctx, was)
		require.NoError(t, err)
	}
}

// TestReadyNamesWhatIsMissing, all of it.
func TestReadyNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, js, ctx := s.Connect(t, bus.Options{}), s.JetStream(t), bustest.Within(t, 20*time.Second)
	bustest.Pair(t, b)
	gone := []string{}
	for _, stream := range b.Needed(bustest.IDs[:]...) {
		require.NoError(t, js.DeleteStream(ctx, stream))
		gone = append(gone, stream)
		err := b.Ready(ctx, bustest.IDs[:]...)
		bustest.Code(t, action.CodeMissing, err)
		for _, name := range gone {
			require.ErrorContains(t, err, name)
		}
		select {
		case <-b.Missed():
		case <-ctx.Done():
			t.Fatal("nobody is told")
		}
	}
}

// TestAStreamGoesOnWithItsSequences when it is made again: a target takes what
// is older than what it had for a repetition.
func TestAStreamGoesOnWithItsSequences(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js := bustest.Within(t, 20*time.Second), s.JetStream(t)
		_, err := i.State(ctx, i.Events)
		require.NoError(t, err)
		last := bustest.Publish(t, i, "one", "u", "user.added").StreamSequence
		require.NoError(t, js.DeleteStream(ctx, i.Events))
		_, err = i.Publish(ctx, bus.NewEvent{ID: "two", AggregateID: "u", Type: "a"})
		bustest.Code(t, action.CodeMissing, err)
		require.ErrorContains(t, err, i.Events)
		require.NoError(t, i.EnsureStreams(ctx))
		require.Greater(t, bustest.Publish(t, i, "three", "u", "user.added").StreamSequence, last)
	})
}

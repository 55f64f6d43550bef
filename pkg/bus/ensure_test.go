package bus_test

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestASizeThatTheThirdStreamCannotHaveIsTakenBack from the first two: whoever is
// refused has changed nothing.
func TestASizeThatTheThirdStreamCannotHaveIsTakenBack(t *testing.T) {
	t.Parallel()
	const twice = math.MaxInt64 / 5 // the server has room for two of it, and not for three
	s := bustest.Start(t)
	js, ctx := s.JetStream(t), bustest.Within(t, 30*time.Second)
	for _, i := range bustest.Pair(t, s.Connect(t, bus.Options{MaxStream: 8 << 20})) {
		var before []jetstream.StreamConfig
		streams := []string{i.Events, i.Dead, i.Async}
		for _, stream := range streams {
			cfg := configOf(t, js, stream)
			cfg.Description, cfg.Metadata["theirs"] = "as it was", "stays"
			_, err := js.UpdateStream(ctx, cfg)
			require.NoError(t, err)
			before = append(before, configOf(t, js, stream))
		}
		for range 2 { // a second try finds it as the first
			err := s.Connect(t, bus.Options{MaxStream: twice}).Instance(i.ID).SettleStreams(ctx)
			bustest.Code(t, action.CodeStreamFull, err)
			for _, word := range []string{i.Async, fmt.Sprint(8 << 20), fmt.Sprint(int64(twice))} {
				require.ErrorContains(t, err, word)
			}
			for n, stream := range streams {
				require.Equal(t, before[n], configOf(t, js, stream))
			}
		}
		require.NoError(t, s.Connect(t, bus.Options{MaxStream: 16 << 20}).Instance(i.ID).SettleStreams(ctx))
		for _, stream := range streams {
			require.EqualValues(t, 16<<20, configOf(t, js, stream).MaxBytes)
		}
	}
}

// TestManyDispatchersStartAtOnce, each told another size: one makes the streams,
// and nobody is refused.
func TestManyDispatchersStartAtOnce(t *testing.T) {
	t.Parallel()
	s, ctx := bustest.Start(t), bustest.Within(t, time.Minute)
	var all sync.WaitGroup
	for n := range 8 {
		b := s.Connect(t, bus.Options{MaxStream: int64(n+1) << 20, Remember: time.Duration(n+1) * time.Hour})
		all.Go(func() {
			assert.NoError(t, b.EnsureInstallation(ctx))
			for _, id := range bustest.IDs {
				assert.NoError(t, b.Instance(id).EnsureStreams(ctx))
			}
			assert.NoError(t, b.Ready(ctx, bustest.IDs[:]...))
		})
	}
	all.Wait()
}

// TestAskedAckWait is that of the dispatcher which was started last, whoever asks.
// Where nobody has asked, or not for what can be, each goes by its own.
func TestAskedAckWait(t *testing.T) {
	t.Parallel()
	s, ctx := bustest.Start(t), bustest.Within(t, 30*time.Second)
	js := s.JetStream(t)
	one, other := s.Connect(t, bus.Options{AckWait: 7 * time.Second}), s.Connect(t, bus.Options{})
	require.Equal(t, []time.Duration{7 * time.Second, bus.DefaultAckWait}, []time.Duration{one.AckWait(), other.AckWait()})
	_, err := one.AskedAckWait(ctx)
	bustest.Code(t, action.CodeMissing, err)
	asked := func(of, another time.Duration) {
		t.Helper()
		for b, want := range map[*bus.Bus]time.Duration{one: of, other: another} {
			got, err := b.AskedAckWait(ctx)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
	require.NoError(t, one.SettleInstallation(ctx))
	asked(7*time.Second, 7*time.Second)
	require.NoError(t, other.EnsureInstallation(ctx))
	asked(7*time.Second, 7*time.Second)
	require.NoError(t, other.SettleInstallation(ctx))
	asked(bus.DefaultAckWait, bus.DefaultAckWait)
	for _, spoilt := range []string{"", "soon", "1ms", "-1h"} {
		cfg := configOf(t, js, bus.BucketStream(bus.BucketLines))
		cfg.Metadata["callout_ack_wait"] = spoilt
		_, err := js.UpdateStream(ctx, cfg)
		require.NoError(t, err)
		asked(7*time.Second, bus.DefaultAckWait)
	}
}

// TestWhatAnOlderVersionMadeHasNoMetadata, and is given what is ours.
func TestWhatAnOlderVersionMadeHasNoMetadata(t *testing.T) {
	t.Parallel()
	s, ctx := bustest.Start(t), bustest.Within(t, 30*time.Second)
	b, js := s.Connect(t, bus.Options{Remember: 2 * time.Hour}), s.JetStream(t)
	for _, stream := range []string{bus.BucketStream(bus.BucketLines), bus.BucketStream(bus.BucketCatalog)} {
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{
			Name: stream, Subjects: []string{"$KV." + stream[len("KV_"):] + ".>"}, MaxMsgsPerSubject: 1, AllowRollup: true, AllowDirect: true,
		})
		require.NoError(t, err)
	}
	require.NoError(t, b.SettleInstallation(ctx))
	lines, catalog := configOf(t, js, bus.BucketStream(bus.BucketLines)), configOf(t, js, bus.BucketStream(bus.BucketCatalog))
	require.Equal(t, []string{"5s", fmt.Sprint(action.Format)}, []string{lines.Metadata["callout_ack_wait"], lines.Metadata["callout_format"]})
	require.Equal(t, []any{true, 2 * time.Hour, false, time.Duration(0)},
		[]any{lines.AllowMsgTTL, lines.SubjectDeleteMarkerTTL, catalog.AllowMsgTTL, catalog.SubjectDeleteMarkerTTL})
	for _, id := range bustest.IDs { // what was removed is remembered from now on
		key := b.Instance(id).Token + ".key"
		require.NoError(t, b.Bucket(bus.BucketLines).Put(ctx, key, nil))
		require.NoError(t, b.Bucket(bus.BucketLines).Purge(ctx, key))
	}
}

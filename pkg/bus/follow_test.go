package bus_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestALostBucketIsToldSo: who follows hears within seconds that its bucket was
// made again or emptied, that nobody has removed what stood in it, and what is
// stored from then on, also under a lower number than before.
func TestALostBucketIsToldSo(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, js, ctx := s.Connect(t, bus.Options{}), s.JetStream(t), bustest.Within(t, time.Minute)
	require.NoError(t, b.EnsureInstallation(ctx))
	k := b.Bucket(bus.BucketSecrets)
	told := &bustest.Noted{}
	<-k.Follow(ctx, ">", func(v bus.Value) { told.Add(fmt.Sprintf("%s=%s %t", v.Key, v.Bytes, v.Lost)) })
	for n := range 5 { // one after the other: what is overwritten before it was sent is not told
		require.NoError(t, k.Put(ctx, "a.b", fmt.Appendf(nil, "%d", n)))
		told.Await(t, n+1)
	}
	require.NoError(t, k.Put(ctx, "gone", []byte("x")))
	told.Await(t, 6)
	require.NoError(t, k.Purge(ctx, "gone"))
	require.Equal(t, "gone= false", last(told.Await(t, 7)))

	said := func(from int, what string) func() bool {
		return func() bool { return slices.Contains(told.Get()[from:], what) }
	}
	for name, lose := range map[string]func(){
		"made again": func() {
			require.NoError(t, js.DeleteStream(ctx, bus.BucketStream(bus.BucketSecrets)))
			require.NoError(t, b.EnsureInstallation(ctx))
		},
		"emptied": func() {
			stream, err := js.Stream(ctx, bus.BucketStream(bus.BucketSecrets))
			require.NoError(t, err)
			require.NoError(t, stream.Purge(ctx))
		},
		"emptied, and written to at once": func() {
			stream, err := js.Stream(ctx, bus.BucketStream(bus.BucketSecrets))
			require.NoError(t, err)
			require.NoError(t, stream.Purge(ctx))
			require.NoError(t, k.Put(ctx, "next", []byte(".")))
		},
	} {
		before := len(told.Get())
		lose()
		require.Eventually(t, said(before, "a.b= true"), 10*time.Second, 5*time.Millisecond, name)
		require.NoError(t, k.Put(ctx, "a.b", []byte(name)))
		require.Eventually(t, said(before, "a.b="+name+" false"), 10*time.Second, 5*time.Millisecond, name)
	}
}

func last(all []string) string { return all[len(all)-1] }

// TestNothingNewerIsRead: what was read before stays, and what comes is read when
// the number is one that is known again.
func TestNothingNewerIsRead(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, js, ctx := s.Connect(t, bus.Options{}), s.JetStream(t), bustest.Within(t, time.Minute)
	require.NoError(t, b.EnsureInstallation(ctx))
	k, stream := b.Bucket(bus.BucketConditions), bus.BucketStream(bus.BucketConditions)
	told := &bustest.Noted{}
	<-k.Follow(ctx, ">", func(v bus.Value) { told.Add(string(v.Bytes)) })
	require.NoError(t, k.Put(ctx, "a", []byte("known")))
	told.Await(t, 1)
	cfg := configOf(t, js, stream)
	cfg.Metadata["callout_format"] = fmt.Sprint(action.Format + 1)
	_, err := js.UpdateStream(ctx, cfg)
	require.NoError(t, err)
	late, cancel := b.Bucket(bus.BucketConditions), bustest.Within(t, 5*time.Second)
	first := late.Follow(cancel, ">", func(v bus.Value) { told.Add("late " + string(v.Bytes)) })
	require.Eventually(t, func() bool {
		kv, err := js.KeyValue(ctx, bus.BucketConditions)
		require.NoError(t, err)
		before := len(told.Get())
		_, err = kv.Put(ctx, "a", []byte("unknown"))
		require.NoError(t, err)
		select { // two looks of who follows
		case <-first:
			t.Fatal("it is read")
		case <-time.After(2500 * time.Millisecond):
		}
		return len(told.Get()) == before
	}, time.Minute, time.Millisecond)
	require.False(t, slices.ContainsFunc(told.Get(), func(s string) bool { return s == "late unknown" }))
	cfg.Metadata["callout_format"] = fmt.Sprint(action.Format)
	_, err = js.UpdateStream(ctx, cfg)
	require.NoError(t, err)
	_, err = jetstream.KeyValue.Put(s.Bucket(t, bus.BucketConditions), ctx, "a", []byte("known again"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return slices.Contains(told.Get(), "known again") }, time.Minute, 10*time.Millisecond)
}

// TestAMemoryPutsBackWhatWasLost, and neither what was removed nor what is there.
func TestAMemoryPutsBackWhatWasLost(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, js, ctx := s.Connect(t, bus.Options{}), s.JetStream(t), bustest.Within(t, time.Minute)
	require.NoError(t, b.EnsureInstallation(ctx))
	k := b.Bucket(bus.BucketSecrets)
	memory, first := k.Remember(ctx, func(bus.Value) error { return nil })
	<-first
	for _, key := range []string{"i.a", "i.b", "i.c", "i.no", "other.a"} {
		require.NoError(t, k.Put(ctx, key, []byte("was "+key)))
	}
	require.NoError(t, k.Purge(ctx, "i.b"))
	remembers := func(prefix string) int {
		there := map[string]bool{}
		return len(memory.Lost(prefix, there))
	}
	require.Eventually(t, func() bool { return remembers("") == 4 }, time.Minute, time.Millisecond)
	require.NoError(t, js.DeleteStream(ctx, bus.BucketStream(bus.BucketSecrets)))
	require.NoError(t, b.EnsureInstallation(ctx))
	require.NoError(t, k.Put(ctx, "i.c", []byte("newer")))
	for range 2 {
		n, err := memory.PutBack(ctx, "i.", func(key string, _ []byte) bool { return key != "i.no" })
		require.NoError(t, err)
		require.LessOrEqual(t, n, 1)
	}
	var stands []string
	require.NoError(t, k.Each(ctx, ">", func(v bus.Value) error { stands = append(stands, v.Key+"="+string(v.Bytes)); return nil }))
	require.ElementsMatch(t, []string{"i.a=was i.a", "i.c=newer"}, stands)
	require.Equal(t, 1, remembers("other."), "it is put back when its own turn comes")
}

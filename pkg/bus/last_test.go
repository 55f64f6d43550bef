package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// heard gives what comes of a key that is heard of.
func heard(t *testing.T, i bus.Instance, key string) (<-chan bus.Value, <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	told := make(chan bus.Value, 16)
	return told, i.Bucket(bus.BucketConditions).Hear(ctx, key, func(v bus.Value) { told <- v })
}

func next[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	return v
}

// TestHear: what stands, what changes, a removal, and what is gone without one;
// of other keys nothing.
func TestHear(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, k := bustest.Within(t, 60*time.Second), i.Bucket(bus.BucketConditions)
		told, first := heard(t, i, i.Token)
		next(t, first)
		require.Empty(t, told, "there was nothing")
		require.NoError(t, k.Put(ctx, i.Token, []byte("one")))
		require.Equal(t, "one", string(next(t, told).Bytes))
		require.NoError(t, k.Put(ctx, i.Token+".chunk", []byte("another")))
		require.NoError(t, k.Put(ctx, i.Token, nil))
		empty := next(t, told)
		require.NotNil(t, empty.Bytes)
		require.Empty(t, empty.Bytes)
		require.NoError(t, k.Purge(ctx, i.Token))
		gone := next(t, told)
		require.Nil(t, gone.Bytes)
		require.False(t, gone.Lost)

		require.NoError(t, k.Put(ctx, i.Token, []byte("two")))
		require.Equal(t, "two", string(next(t, told).Bytes))
		stream, err := s.JetStream(t).Stream(ctx, "KV_"+bus.BucketConditions)
		require.NoError(t, err)
		require.NoError(t, stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+bus.BucketConditions+"."+i.Token)))
		require.True(t, next(t, told).Lost, "nobody announced it")
		require.Empty(t, told)
	})
}

// TestHearOfABucketMadeAgain: what is stored in it counts, though its numbers begin
// anew.
func TestHearOfABucketMadeAgain(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 60*time.Second)
	var all []<-chan bus.Value
	for n, i := range pair {
		told, first := heard(t, i, i.Token)
		next(t, first)
		for range 2 + n {
			require.NoError(t, i.Bucket(bus.BucketConditions).Put(ctx, i.Token, []byte("before")))
			next(t, told)
		}
		all = append(all, told)
	}
	require.NoError(t, s.JetStream(t).DeleteStream(ctx, bus.BucketStream(bus.BucketConditions)))
	require.NoError(t, pair[0].EnsureInstallation(ctx))
	for _, i := range pair {
		require.NoError(t, i.Bucket(bus.BucketConditions).Put(ctx, i.Token, []byte("after")))
	}
	for _, told := range all {
		require.Eventually(t, func() bool { return string(next(t, told).Bytes) == "after" }, time.Minute, time.Millisecond)
	}
}

// TestHearOverARestart: what was written while nobody could tell of it is found.
func TestHearOverARestart(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b := s.Connect(t, bus.Options{})
	pair := bustest.Pair(t, b)
	told, first := map[string]<-chan bus.Value{}, map[string]<-chan struct{}{}
	for _, i := range pair {
		told[i.ID], first[i.ID] = heard(t, i, i.Token)
		next(t, first[i.ID])
	}
	s.Restart(t, func() {})
	another := s.Connect(t, bus.Options{})
	for _, i := range pair {
		require.NoError(t, another.Bucket(bus.BucketConditions).Put(bustest.Within(t, 20*time.Second), i.Token, []byte(i.ID)))
		require.Equal(t, i.ID, string(next(t, told[i.ID]).Bytes))
	}
}

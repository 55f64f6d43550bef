package bus_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// noGarbage is what a memory takes for readable.
func noGarbage(v bus.Value) error {
	if strings.HasPrefix(string(v.Bytes), "garbage") {
		return errors.New("it is garbage")
	}
	return nil
}

// remembers waits until a memory knows a value: of two writes in a row a watch may tell
// the last alone, and what stood before is remembered no more than it was told.
func remembers(t *testing.T, memory *bus.Memory, key, value string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return memory.Any(key, func(v bus.Value) bool { return v.Key == key && string(v.Bytes) == value })
	}, time.Minute, time.Millisecond)
}

// TestAMemoryPutsRightWhatWasSpoilt, of one instance at a time: neither what it
// never knew, nor what was removed, nor what somebody has written since.
func TestAMemoryPutsRightWhatWasSpoilt(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, own := bustest.Within(t, 30*time.Second), s.Connect(t, bus.Options{})
		k, at := own.Bucket(bus.BucketSecrets), i.Token+"."
		memory, first := k.Remember(ctx, noGarbage)
		<-first
		put := func(value string, keys ...string) {
			t.Helper()
			for _, key := range keys {
				require.NoError(t, i.Bucket(bus.BucketSecrets).Put(ctx, at+key, []byte(value)))
			}
		}
		spoilt := func(keys ...string) {
			t.Helper()
			for n := range keys {
				keys[n] = at + keys[n]
			}
			require.Eventually(t, func() bool { return slices.Equal(keys, memory.Spoilt(at)) }, time.Minute, time.Millisecond, "%v", keys)
		}
		put("good", "a", "b", "c", "d")
		for _, key := range []string{"a", "b", "c", "d"} {
			remembers(t, memory, at+key, "good")
		}
		put("garbage", "a", "b", "c", "d", "never")
		spoilt("a", "b", "c", "d", "never")
		require.Len(t, unreadable(own, at), 5)
		require.NoError(t, i.Bucket(bus.BucketSecrets).Purge(ctx, at+"b"))
		spoilt("a", "c", "d", "never")
		put("garbage again", "d")
		put("written since", "c")
		n, err := memory.PutRight(ctx, at)
		require.NoError(t, err)
		require.LessOrEqual(t, n, 2)
		require.Eventually(t, func() bool { // of d it may have known the garbage before
			_, err := memory.PutRight(ctx, at)
			return err == nil && slices.Equal([]string{at + "never"}, memory.Spoilt(at))
		}, time.Minute, 5*time.Millisecond)
		stands := map[string]string{}
		require.NoError(t, k.Each(ctx, at+">", func(v bus.Value) error { stands[strings.TrimPrefix(v.Key, at)] = string(v.Bytes); return nil }))
		require.Equal(t, map[string]string{"a": "good", "c": "written since", "d": "good", "never": "garbage"}, stands)
		require.Equal(t, []string{at + "never"}, unreadable(own, at))
	})
}

// TestPuttingRightTakesNobodysPlace: what somebody has written since stays, though
// the memory has not heard of it yet.
func TestPuttingRightTakesNobodysPlace(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, p, at := bustest.Within(t, 30*time.Second), s.Proxy(t), i.Token+"."
		far := s.Connect(t, bus.Options{URL: p.URL()})
		memory, first := far.Bucket(bus.BucketSecrets).Remember(ctx, noGarbage)
		<-first
		k := i.Bucket(bus.BucketSecrets)
		for _, value := range []string{"good", "garbage"} {
			require.NoError(t, k.Put(ctx, at+"a", []byte(value)))
			require.NoError(t, k.Put(ctx, at+"b", []byte(value)))
			if value == "good" {
				remembers(t, memory, at+"a", value)
				remembers(t, memory, at+"b", value)
			}
		}
		require.Eventually(t, func() bool { return len(memory.Spoilt(at)) == 2 }, time.Minute, time.Millisecond)
		p.Hold()
		require.NoError(t, k.Put(ctx, at+"b", []byte("written since")))
		put, sent := make(chan int, 1), far.Conn().Stats().OutMsgs
		go func() {
			n, err := memory.PutRight(ctx, at)
			if err != nil {
				n = -1
			}
			put <- n
		}()
		require.Eventually(t, func() bool { return far.Conn().Stats().OutMsgs > sent }, time.Minute, time.Millisecond)
		p.Release()
		require.Equal(t, 1, <-put)
		for key, want := range map[string]string{"a": "good", "b": "written since"} {
			v, ok, err := k.Get(ctx, at+key)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, want, string(v.Bytes))
		}
	})
}

// TestAMemoryRemembersWhatStoodBeforeTheGarbage, also when the bucket is lost
// then.
func TestAMemoryRemembersWhatStoodBeforeTheGarbage(t *testing.T) {
	t.Parallel()
	s, ctx := bustest.Start(t), bustest.Within(t, 30*time.Second)
	b := s.Connect(t, bus.Options{})
	pair := bustest.Pair(t, b)
	k := b.Bucket(bus.BucketSecrets)
	memory, first := k.Remember(ctx, noGarbage)
	<-first
	for _, i := range pair {
		require.NoError(t, k.Put(ctx, i.Token+".a", []byte("good of "+i.ID)))
		remembers(t, memory, i.Token+".a", "good of "+i.ID)
		require.NoError(t, k.Put(ctx, i.Token+".a", []byte("garbage")))
		require.Eventually(t, func() bool { return len(memory.Spoilt(i.Token+".")) == 1 }, time.Minute, time.Millisecond)
	}
	require.NoError(t, s.JetStream(t).DeleteStream(ctx, bus.BucketStream(bus.BucketSecrets)))
	require.NoError(t, b.EnsureInstallation(ctx))
	require.Eventually(t, func() bool { return len(memory.Spoilt("")) == 0 }, time.Minute, time.Millisecond, "it has heard of the loss")
	for _, i := range pair {
		n, err := memory.PutBack(ctx, i.Token+".", func(string, []byte) bool { return true })
		require.NoError(t, err)
		require.Equal(t, 1, n)
		v, ok, err := k.Get(ctx, i.Token+".a")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "good of "+i.ID, string(v.Bytes))
	}
}

// TestTwoPutBackTogether: each value is stored once, and by one of them, which
// says so.
func TestTwoPutBackTogether(t *testing.T) {
	t.Parallel()
	s, ctx := bustest.Start(t), bustest.Within(t, time.Minute)
	const values = 60
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	var memories []*bus.Memory
	for range 2 {
		memory, first := s.Connect(t, bus.Options{}).Bucket(bus.BucketSecrets).Remember(ctx, noGarbage)
		<-first
		memories = append(memories, memory)
	}
	for _, i := range pair {
		for n := range values {
			require.NoError(t, i.Bucket(bus.BucketSecrets).Put(ctx, fmt.Sprint(i.Token, ".", n), nil))
		}
	}
	for _, memory := range memories {
		require.Eventually(t, func() bool { return len(memory.Lost("", nil)) == 2*values }, time.Minute, time.Millisecond)
	}
	require.NoError(t, s.JetStream(t).DeleteStream(ctx, bus.BucketStream(bus.BucketSecrets)))
	require.NoError(t, pair[0].EnsureInstallation(ctx))
	for _, i := range pair {
		var put atomic.Int64
		var all sync.WaitGroup
		for _, memory := range memories {
			all.Go(func() {
				n, err := memory.PutBack(ctx, i.Token+".", func(string, []byte) bool { return true })
				assert.NoError(t, err)
				put.Add(int64(n))
			})
		}
		all.Wait()
		require.EqualValues(t, values, put.Load())
		keys, err := i.Bucket(bus.BucketSecrets).Keys(ctx, i.Token+".>")
		require.NoError(t, err)
		require.Len(t, keys, values)
	}
}

// TestASecretIsRecalled where none is stored, and takes nobody's place.
func TestASecretIsRecalled(t *testing.T) {
	t.Parallel()
	s, ctx := bustest.Start(t), bustest.Within(t, 30*time.Second)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	memory, first := pair[0].Bucket(bus.BucketSecrets).Remember(ctx, bus.CheckSecret)
	<-first
	for _, i := range pair {
		require.NoError(t, i.PutSecrets(ctx, []bus.NewSecret{{Owner: "acme", Target: "hook", Key: signing(i.ID)}, {Target: "other", Key: signing("o")}}))
	}
	require.Eventually(t, func() bool { return len(memory.Lost("", nil)) == 4 }, time.Minute, time.Millisecond)
	stream, err := s.JetStream(t).Stream(ctx, bus.BucketStream(bus.BucketSecrets))
	require.NoError(t, err)
	require.NoError(t, stream.Purge(ctx)) // nobody removed them
	for _, i := range pair {
		for _, want := range []bool{true, false} {
			recalled, err := i.RecallSecret(ctx, memory, "acme", "hook")
			require.NoError(t, err)
			require.Equal(t, want, recalled, "once is enough")
		}
		key, ok, err := i.Secret(ctx, "acme", "hook")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, signing(i.ID), key)
		recalled, err := i.RecallSecret(ctx, memory, "acme", "never")
		require.NoError(t, err)
		require.False(t, recalled)
		_, ok, err = i.Secret(ctx, "", "other")
		require.NoError(t, err)
		require.False(t, ok, "nobody has asked for it")
	}
}

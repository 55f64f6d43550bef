package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// told follows what stands under the keys of an instance. A removed value is
// told as "key gone".
func told(ctx context.Context, b *bus.Bus, i bus.Instance) (*bustest.Noted, <-chan struct{}) {
	var seen bustest.Noted
	first := b.Bucket(bus.BucketSecrets).Follow(ctx, i.Token+".>", func(v bus.Value) {
		key := strings.TrimPrefix(v.Key, i.Token+".")
		if v.Bytes == nil {
			seen.Add(key + " gone")
		} else {
			seen.Add(key + "=" + string(v.Bytes))
		}
	})
	return &seen, first
}

func TestFollowTellsWhatStandsAndWhatChanges(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 30*time.Second)
		k := i.Bucket(bus.BucketSecrets)
		require.NoError(t, k.Put(ctx, i.Token+".a", []byte(i.ID)))
		require.NoError(t, k.Put(ctx, i.Token+".b", nil))
		require.NoError(t, k.Put(ctx, i.Token+".c", nil))
		require.NoError(t, k.Purge(ctx, i.Token+".c"))
		seen, first := told(ctx, i.Bus, i)
		<-first
		require.Equal(t, []string{"a=" + i.ID, "b="}, withoutGone(seen.Get(), "c"))
		require.NoError(t, k.Put(ctx, i.Token+".a", []byte("2")))
		require.NoError(t, k.Purge(ctx, i.Token+".b"))
		require.Eventually(t, func() bool {
			got := withoutGone(seen.Get(), "c")
			return len(got) == 4 && got[2] == "a=2" && got[3] == "b gone"
		}, time.Minute, time.Millisecond, "%v", seen)
	})
}

// withoutGone leaves out that something has gone that never was there for who
// follows.
func withoutGone(list []string, key string) (left []string) {
	for _, what := range list {
		if what != key+" gone" {
			left = append(left, what)
		}
	}
	return left
}

// TestFollowTellsWhatWentMeanwhile has a follower lose its connection. What
// went until it is back is told, also when the bucket does not remember it any
// more, and so is what came.
func TestFollowTellsWhatWentMeanwhile(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 60*time.Second)
		k := i.Bucket(bus.BucketSecrets)
		for _, key := range []string{"stays", "purged", "swept", "made again"} {
			require.NoError(t, k.Put(ctx, i.Token+"."+strings.ReplaceAll(key, " ", "_"), []byte("1")))
		}
		p := s.Proxy(t)
		b := s.Connect(t, bus.Options{URL: p.URL()})
		seen, first := told(ctx, b, i)
		<-first
		for round := range 2 { // what is told once is not told again
			before := len(seen.Get())
			p.Away()
			require.Eventually(t, func() bool { return !b.Connected() }, time.Minute, time.Millisecond)
			if round == 0 {
				require.NoError(t, k.Purge(ctx, i.Token+".purged"))
				v, ok, err := k.Get(ctx, i.Token+".swept")
				require.NoError(t, err)
				require.True(t, ok)
				require.NoError(t, k.Sweep(ctx, v))
				require.NoError(t, k.Purge(ctx, i.Token+".made_again"))
				require.NoError(t, k.Put(ctx, i.Token+".made_again", []byte("2")))
			}
			require.NoError(t, k.Put(ctx, i.Token+".end", fmt.Append(nil, round)))
			p.Back()
			end := fmt.Sprint("end=", round)
			require.Eventually(t, func() bool { return strings.Contains(strings.Join(seen.Get(), " "), end) }, time.Minute, time.Millisecond, end)
			require.NoError(t, k.Put(ctx, i.Token+".behind", fmt.Append(nil, round))) // all that stood is told by then
			behind := fmt.Sprint("behind=", round)
			require.Eventually(t, func() bool { // a watch may begin twice, and tell what went behind what comes
				got := seen.Get()[before:]
				return slices.Contains(got, behind) && (round > 0 || slices.Contains(got, "swept gone"))
			}, time.Minute, time.Millisecond, behind)
			got := seen.Get()[before:]
			if round == 0 {
				require.Contains(t, got, "purged gone")
				require.Contains(t, got, "swept gone")
				require.Contains(t, got, "made_again=2")
				require.NotContains(t, got, "made_again gone")
			} else {
				require.NotContains(t, got, "swept gone")
			}
			require.NotContains(t, got, "stays gone")
		}
	})
}

// TestFollowOutlivesAServerThatForgot: the server comes back without the bucket,
// and then with an empty one. What stood before is gone.
func TestFollowOutlivesAServerThatForgot(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 60*time.Second)
	var all []*bustest.Noted
	for _, i := range pair {
		require.NoError(t, i.Bucket(bus.BucketSecrets).Put(ctx, i.Token+".a", []byte("1")))
		seen, first := told(ctx, i.Bus, i)
		<-first
		all = append(all, seen)
	}
	s.Restart(t, func() {})
	require.Eventually(t, pair[0].Connected, 10*time.Second, time.Millisecond)
	require.NoError(t, s.JetStream(t).DeleteKeyValue(ctx, bus.BucketSecrets))
	require.NoError(t, pair[0].EnsureInstallation(ctx))
	s.Restart(t, func() {})
	for n, i := range pair {
		require.Eventually(t, func() bool { return i.Bucket(bus.BucketSecrets).Put(ctx, i.Token+".b", []byte("2")) == nil }, time.Minute, 10*time.Millisecond)
		require.Eventually(t, func() bool {
			got := strings.Join(all[n].Get(), " ")
			return strings.Contains(got, "a gone") && strings.Contains(got, "b=2")
		}, time.Minute, 10*time.Millisecond, "%v", all[n])
	}
}

// TestWhatIsReadIsAll: who lists a bucket gets all of it or an error, also when
// the watch behind it ends in the middle.
func TestWhatIsReadIsAll(t *testing.T) {
	t.Parallel()
	const values = 2000 // more than are on their way at once
	ends := map[string]func(*bustest.Proxy, *bus.Bus, context.CancelFunc){
		"the connection is closed":     func(_ *bustest.Proxy, b *bus.Bus, _ context.CancelFunc) { b.Close() },
		"the connection is made anew":  func(p *bustest.Proxy, _ *bus.Bus, _ context.CancelFunc) { p.Cut() },
		"nobody wants it any more":     func(_ *bustest.Proxy, _ *bus.Bus, cancel context.CancelFunc) { cancel() },
		"nothing happens, all is read": func(*bustest.Proxy, *bus.Bus, context.CancelFunc) {},
	}
	var struck atomic.Int64 // what ended a reading before it was done
	t.Cleanup(func() { require.NotZero(t, struck.Load(), "no reading was ended") })
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		k := i.Bucket(bus.BucketSecrets)
		require.NoError(t, bus.Together(values, func(n int) error {
			return k.Put(bustest.Within(t, 30*time.Second), fmt.Sprint(i.Token, ".", n), make([]byte, 1024))
		}))
		for name, end := range ends {
			p := s.Proxy(t)
			b := s.Connect(t, bus.Options{URL: p.URL()})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			half := make(chan struct{})
			go func() {
				defer close(half)
				for b.Conn().Stats().InMsgs < values/4 && ctx.Err() == nil {
					<-time.After(10 * time.Microsecond)
				}
				end(p, b, cancel)
			}()
			read := 0
			err := b.Bucket(bus.BucketSecrets).Each(ctx, i.Token+".>", func(bus.Value) error { read++; return nil })
			cancel()
			<-half
			if err != nil {
				require.NotContains(t, name, "all is read")
				require.Zero(t, read, name)
				struck.Add(1)
				continue
			}
			require.Equal(t, values, read, name)
		}
	})
}

func TestEachEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		k := i.Bucket(bus.BucketSecrets)
		for _, key := range []string{".x.a", ".x.b", ".y.a"} {
			require.NoError(t, k.Put(ctx, i.Token+key, []byte(key)))
		}
		enough, calls := errors.New("enough"), 0
		require.ErrorIs(t, k.Each(ctx, i.Token+".>", func(bus.Value) error { calls++; return enough }), enough)
		require.Equal(t, 1, calls)
		keys, err := k.Keys(ctx, i.Token+".x.*")
		require.NoError(t, err)
		require.Len(t, keys, 2)
		require.Nil(t, keys[0].Bytes)
		require.NotZero(t, keys[0].Revision)
		none, err := k.Keys(ctx, i.Token+".z.*")
		require.NoError(t, err)
		require.Empty(t, none)
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err = k.Keys(ended, i.Token+".x.*")
		bustest.Code(t, action.CodeCancelled, err)
	})
}

// TestWhatIsLeftOfAWatchEndsWithTheConnection: the client does not close each that
// ended as it was being made. All that it brings has a reader until then.
func TestWhatIsLeftOfAWatchEndsWithTheConnection(t *testing.T) {
	t.Parallel()
	for range bustest.IDs {
		b := bustest.Start(t).Connect(t, bus.Options{})
		updates, drained := make(chan jetstream.KeyValueEntry, 8), make(chan struct{})
		go func() { b.Drain(updates); close(drained) }()
		for range 100 {
			updates <- nil
		}
		require.Empty(t, drained)
		began := time.Now()
		b.Close()
		<-drained
		require.Less(t, time.Since(began), bus.LeaveFor)
		for range cap(updates) {
			updates <- nil // an entry that was on its way
		}
		b.Drain(updates)
		require.Empty(t, updates)
		close(updates)
		b.Drain(updates)
	}
}

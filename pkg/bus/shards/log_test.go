package shards_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/wire"
)

func at(next uint64) shards.Place { return shards.Place{Next: next} }

// TestWhatIsWrittenIsRead writes places in changes and as a whole, of the same shard of
// two instances, and takes both over.
func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		shard := shards.Shard{Instance: i.ID, Number: 3}
		l, p, err := shards.Open(ctx, i.Bus, shard, "one")
		require.NoError(t, err)
		require.Equal(t, shards.Places{Lines: map[string]shards.Place{}}, p)
		require.NoError(t, l.Commit(ctx, shards.Change{Read: 7, Made: 1, Lines: map[string]shards.Place{"a": at(5), "b": at(0), "c": {Next: 2, Until: 9}}}))
		require.NoError(t, l.Commit(ctx, shards.Change{Read: 9, Made: 1, Lines: map[string]shards.Place{"a": at(0)}, Gone: []string{"c"}}))
		want := shards.Places{Read: 9, Made: 1, Lines: map[string]shards.Place{"a": at(0), "b": at(0)}}
		read, err := shards.Read(ctx, i.Bus, shard)
		require.NoError(t, err)
		require.Equal(t, want, read)
		require.NoError(t, l.Whole(ctx, want))
		m, there, err := i.Next(ctx, bus.StreamPositions, wire.PositionSubject(i.ID, 3), 1)
		require.NoError(t, err)
		require.True(t, there)
		require.Contains(t, string(m.Body), `"w":true`, "what was written before is gone")
		require.NoError(t, l.Commit(ctx, shards.Change{Read: 11, Made: 1, Lines: map[string]shards.Place{"b": at(10)}}))
		_, p, err = shards.Open(ctx, i.Bus, shard, "two")
		require.NoError(t, err)
		require.Equal(t, shards.Places{Read: 11, Made: 1, Lines: map[string]shards.Place{"a": at(0), "b": at(10)}}, p)
	})
}

// TestWhoWasFirstIsFenced: once another has taken a shard over, nothing is written by
// who had it before, however often he tries.
func TestWhoWasFirstIsFenced(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		shard := shards.Shard{Instance: i.ID, Number: 1}
		first, _, err := shards.Open(ctx, i.Bus, shard, "first")
		require.NoError(t, err)
		second, _, err := shards.Open(ctx, s.Connect(t, bus.Options{}), shard, "second")
		require.NoError(t, err)
		for range 3 {
			require.ErrorIs(t, first.Commit(ctx, shards.Change{Read: 100}), shards.ErrFenced)
			require.ErrorIs(t, first.Whole(ctx, shards.Places{Read: 100}), shards.ErrFenced)
		}
		require.NoError(t, second.Commit(ctx, shards.Change{Read: 5}))
		read, err := shards.Read(ctx, i.Bus, shard)
		require.NoError(t, err)
		require.Equal(t, uint64(5), read.Read)
	})
}

// TestALostConfirmation cuts the connection while places are written: what was stored
// without a word of it is not taken for another worker's.
func TestALostConfirmation(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	p := s.Proxy(t)
	b := s.Connect(t, bus.Options{URL: p.URL()})
	i := bustest.Prepared(t, s.Connect(t, bus.Options{}), "default")
	shard := shards.Shard{Instance: i.ID, Number: 1}
	ctx := bustest.Within(t, time.Minute)
	l, _, err := shards.Open(ctx, b, shard, "one")
	require.NoError(t, err)
	for n := range uint64(100) {
		go p.Cut()
		for l.Commit(ctx, shards.Change{Read: n + 1}) != nil {
			require.NoError(t, ctx.Err())
			time.Sleep(time.Millisecond) // the pace of trying, while there is no connection
		}
	}
	require.Positive(t, shards.Found(l), "no connection was cut at the wrong moment")
	read, err := shards.Read(ctx, i.Bus, shard)
	require.NoError(t, err)
	require.Equal(t, uint64(100), read.Read)
}

// TestWhatNobodyCanRead: a stranger's message among the positions is left out, one of a
// newer version keeps who is older from taking the shard.
func TestWhatNobodyCanRead(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		shard := shards.Shard{Instance: i.ID, Number: 1}
		l, _, err := shards.Open(ctx, i.Bus, shard, "one")
		require.NoError(t, err)
		require.NoError(t, l.Commit(ctx, shards.Change{Read: 5}))
		for _, garbage := range []string{"", "{", "null", "[]", `{"e":"x"}`, "\xff"} {
			_, err := s.JetStream(t).Publish(ctx, wire.PositionSubject(i.ID, 1), []byte(garbage))
			require.NoError(t, err)
		}
		require.ErrorIs(t, l.Commit(ctx, shards.Change{Read: 6}), shards.ErrFenced, "who holds it does not write over what he does not know")
		_, p, err := shards.Open(ctx, i.Bus, shard, "two")
		require.NoError(t, err)
		require.Equal(t, uint64(5), p.Read)
		_, err = s.JetStream(t).Publish(ctx, wire.PositionSubject(i.ID, 1), fmt.Appendf(nil, `{"format":%d,"e":9,"r":1}`, action.Format+1))
		require.NoError(t, err)
		_, _, err = shards.Open(ctx, i.Bus, shard, "three")
		bustest.Code(t, action.CodeNewer, err)
	})
}

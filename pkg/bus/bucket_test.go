package bus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

func TestValuesOfABucket(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		k, key := i.Bucket(bus.BucketSecrets), i.Token+".key"
		_, ok, err := k.Get(ctx, key)
		require.NoError(t, err)
		require.False(t, ok)
		first, err := k.Update(ctx, key, []byte("a"), 0)
		require.NoError(t, err)
		_, err = k.Update(ctx, key, []byte("b"), 0)
		bustest.Code(t, action.CodeConflict, err)
		second, err := k.Update(ctx, key, []byte("c"), first)
		require.NoError(t, err)
		_, err = k.Update(ctx, key, []byte("d"), first)
		bustest.Code(t, action.CodeConflict, err)

		v, ok, err := k.Get(ctx, key)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, []any{key, "c", second}, []any{v.Key, string(v.Bytes), v.Revision})
		require.WithinDuration(t, time.Now(), v.At, time.Minute)

		require.NoError(t, k.Put(ctx, key, nil))
		v, ok, err = k.Get(ctx, key)
		require.NoError(t, err)
		require.True(t, ok)
		require.NotNil(t, v.Bytes, "nothing is written there, and it stands")

		require.NoError(t, k.Purge(ctx, key))
		require.NoError(t, k.Purge(ctx, key), "twice is fine")
		_, ok, err = k.Get(ctx, key)
		require.NoError(t, err)
		require.False(t, ok)
		_, err = k.Update(ctx, key, []byte("e"), 0)
		require.NoError(t, err, "what was removed may be made again")
	})
}

func TestSweepLeavesNoTrace(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		k, key := i.Bucket(bus.BucketCatalog), i.Token+".value"
		require.NoError(t, k.Put(ctx, key, []byte("a")))
		before, ok, err := k.Get(ctx, key)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, k.Put(ctx, key, []byte("b")))
		require.NoError(t, k.Sweep(ctx, before))
		v, ok, err := k.Get(ctx, key)
		require.NoError(t, err)
		require.True(t, ok, "it was stored again")
		require.NoError(t, k.Sweep(ctx, v))
		_, ok, err = k.Get(ctx, key)
		require.NoError(t, err)
		require.False(t, ok)
		stream, err := s.JetStream(t).Stream(ctx, "KV_callout_catalog")
		require.NoError(t, err)
		info, err := stream.Info(ctx)
		require.NoError(t, err)
		require.LessOrEqual(t, info.State.Msgs, uint64(1), "at most the other instance's")
	})
}

package revisions_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

func numbers(list []action.Revision) (all []uint64) {
	for _, r := range list {
		all = append(all, r.Revision)
	}
	return all
}

func TestHistoryGoesBack(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 40*time.Second), revisions.Of(i)
		list, err := r.History(ctx, 0, 10)
		require.NoError(t, err)
		require.Empty(t, list)
		versions := made(t, i, 3, wide)
		// A dispatcher died between its manifest and its marker.
		_, err = s.Bucket(t, bus.BucketCatalog).Create(ctx, i.Token+".rev.4", []byte(`{"revision":4,"before":3}`))
		require.NoError(t, err)
		last := store(t, i, versions[3], wide(i, at(i, 5)), "edit 5")
		require.EqualValues(t, 5, last.Revision.Revision)
		require.EqualValues(t, 3, last.Before)

		for below, want := range map[uint64][]uint64{0: {5, 3, 2, 1}, 6: {5, 3, 2, 1}, 5: {3, 2, 1}, 4: {3, 2, 1}, 3: {2, 1}, 1: nil, 77: {5, 3, 2, 1}} {
			list, err := r.History(ctx, below, 10)
			require.NoError(t, err)
			require.Equal(t, want, numbers(list), "below %d", below)
		}
		list, err = r.History(ctx, 0, 2)
		require.NoError(t, err)
		require.Equal(t, []uint64{5, 3}, numbers(list))
		require.Equal(t, "edit 3", list[1].Source)
		require.Equal(t, 1, list[1].Changed)
		require.WithinDuration(t, time.Now(), list[1].Made, time.Minute)
	})
}

func TestDamageIsFoundAndMended(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 40*time.Second), revisions.Of(i)
		versions := made(t, i, 4, wide)
		kv := s.Bucket(t, bus.BucketCatalog)
		// The third cannot be read at all, of the fourth a part is garbage.
		require.NoError(t, kv.Delete(ctx, i.Token+".rev.3"))
		part := onlyIn(t, kv, i, 4, 2)
		_, err := kv.Put(ctx, i.Token+".chunk."+part, []byte("garbage"))
		require.NoError(t, err)
		latest, _, err := r.Latest(ctx)
		require.NoError(t, err)
		for _, from := range []*revisions.Version{nil, versions[2]} {
			_, err = r.Version(ctx, 4, from)
			bustest.Code(t, action.CodeUnreadable, err)
		}

		damage, err := r.Damage(ctx, latest)
		require.NoError(t, err)
		require.Equal(t, []revisions.Root{{Revision: 4, Cut: versions[4].Cut}, {Revision: 3, Cut: versions[3].Cut}}, damage.Broken)
		require.EqualValues(t, 2, damage.Good.Revision.Revision)
		bustest.Code(t, action.CodeUnreadable, damage.Cause)
		require.NoError(t, r.Repair(ctx, damage))
		for _, revision := range []uint64{2, 3, 4} {
			v, err := r.Version(ctx, revision, nil)
			require.NoError(t, err)
			require.Equal(t, at(i, 2), urlOf(v.Matcher))
		}
		list, err := r.History(ctx, 0, 10)
		require.NoError(t, err)
		require.Equal(t, []uint64{4, 3, 2, 1}, numbers(list))
		require.Contains(t, list[0].Source, "holds revision 2")
		healthy, err := r.Damage(ctx, latest)
		require.NoError(t, err)
		require.Empty(t, healthy.Broken)
		require.NoError(t, healthy.Cause)
	})
}

// TestDamageDownToNothing: when no revision can be read, the empty one is good.
func TestDamageDownToNothing(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 40*time.Second), revisions.Of(i)
		made(t, i, 2, snapshot)
		kv := s.Bucket(t, bus.BucketCatalog)
		for _, key := range keysOf(t, kv, i, "rev") {
			require.NoError(t, kv.Purge(ctx, key))
		}
		latest, _, err := r.Latest(ctx)
		require.NoError(t, err)
		damage, err := r.Damage(ctx, latest)
		require.NoError(t, err)
		require.Len(t, damage.Broken, 2)
		require.Zero(t, damage.Good.Revision.Revision)
		bustest.Code(t, action.CodeNotFound, damage.Cause)
	})
}

// TestHistoryBelowANumberThatIsNone, and below one that is not kept any more.
func TestHistoryBelowANumberThatIsNone(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r, kv := bustest.Within(t, time.Minute), revisions.Of(i), s.Bucket(t, bus.BucketCatalog)
		versions := made(t, i, 2, snapshot)
		for _, of := range []string{"3", "4"} { // dispatchers died before their markers, and what they stored is swept away
			_, err := kv.Create(ctx, i.Token+".rev."+of, []byte("garbage"))
			require.NoError(t, err)
		}
		last := versions[2]
		for range 2 {
			base := last
			last = store(t, i, base, snapshot(i, at(i, base.Revision.Revision+10)), "edit")
			root(t, i, last, base)
		}
		require.EqualValues(t, 6, last.Revision.Revision)
		require.NoError(t, kv.Purge(ctx, i.Token+".rev.4"))
		for below, want := range map[uint64][]uint64{4: {2, 1}, 3: {2, 1}, 5: {2, 1}, 6: {5, 2, 1}} {
			list, err := r.History(ctx, below, 10)
			require.NoError(t, err)
			require.Equal(t, want, numbers(list), "below %d", below)
		}
		require.NoError(t, kv.Purge(ctx, i.Token+".rev.2"))
		for below, want := range map[uint64][]uint64{0: {6, 5}, 6: {5}, 5: nil, 4: nil, 1: nil} {
			list, err := r.History(ctx, below, 10)
			require.NoError(t, err)
			require.Equal(t, want, numbers(list), "below %d", below)
		}
		_, err := kv.Put(ctx, i.Token+".rev.5", []byte("garbage"))
		require.NoError(t, err)
		for _, below := range []uint64{0, 4} {
			_, err = r.History(ctx, below, 10)
			bustest.Code(t, action.CodeUnreadable, err)
		}
		require.NoError(t, kv.Purge(ctx, i.Token+".rev.5")) // the way down to the fourth is gone
		list, err := r.History(ctx, 4, 10)
		require.NoError(t, err)
		require.Empty(t, list)
	})
}

// TestDamageOfWhatWasPutBack: where the markers end, nothing below is looked at.
func TestDamageOfWhatWasPutBack(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r, kv := bustest.Within(t, time.Minute), revisions.Of(i), s.Bucket(t, bus.BucketCatalog)
		made(t, i, 3, snapshot)
		require.NoError(t, stream(t, s, i).Purge(ctx))
		put, err := r.PutBack(ctx)
		require.NoError(t, err)
		require.True(t, put)
		_, err = kv.Put(ctx, i.Token+".rev.3", []byte("garbage"))
		require.NoError(t, err)
		latest, _, err := r.Latest(ctx)
		require.NoError(t, err)
		damage, err := r.Damage(ctx, latest)
		require.NoError(t, err)
		require.Equal(t, []any{[]revisions.Root{latest}, (*revisions.Version)(nil)}, []any{damage.Broken, damage.Good})
		bustest.Code(t, action.CodeUnreadable, damage.Cause)
	})
}

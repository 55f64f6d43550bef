package revisions_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// swept sweeps and tells what it did.
func swept(t *testing.T, i bus.Instance, keep, most int, grace time.Duration) (int, bool) {
	t.Helper()
	removed, more, err := revisions.Of(i).Sweep(bustest.Within(t, 30*time.Second), revisions.Sweeping{Keep: keep, Grace: grace, Most: most})
	require.NoError(t, err)
	return removed, more
}

// withoutEvents removes the events of an instance, and leaves its markers.
func withoutEvents(t *testing.T, s *bustest.Server, i bus.Instance) {
	t.Helper()
	require.NoError(t, stream(t, s, i).Purge(bustest.Within(t, 10*time.Second), jetstream.WithPurgeSubject("callout.event."+i.Token+".>")))
}

// TestSweepKeepsWhatIsNeeded: the newest, and what an event in the stream was
// stored under.
func TestSweepKeepsWhatIsNeeded(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 60*time.Second), revisions.Of(i)
		kv := s.Bucket(t, bus.BucketCatalog)
		versions := made(t, i, 6, wide)
		event := bustest.Publish(t, i, "e", "u", "user.added").StreamSequence // under revision 6
		last := versions[6]
		for n := range 6 {
			v := store(t, i, last, wide(i, at(i, n+7)), "edit")
			root(t, i, v, last)
			last = v
		}
		require.Len(t, keysOf(t, kv, i, "rev"), 12)
		before := len(keysOf(t, kv, i, "chunk"))
		removed, _ := swept(t, i, 12, 100, 0)
		require.Zero(t, removed)
		removed, more := swept(t, i, 3, 2, 0)
		require.Equal(t, 2, removed)
		require.True(t, more)
		removed, more = swept(t, i, 3, 100, time.Hour)
		require.Equal(t, 3, removed, "the other revisions below the sixth; their values are too young")
		require.False(t, more)
		require.Len(t, keysOf(t, kv, i, "chunk"), before)
		removed, _ = swept(t, i, 3, 100, 0)
		require.Equal(t, 5, removed, "one value of each")
		require.Len(t, keysOf(t, kv, i, "rev"), 7)
		for revision := uint64(6); revision <= 12; revision++ {
			v, err := r.Version(ctx, revision, nil)
			require.NoError(t, err)
			require.Equal(t, at(i, revision), urlOf(v.Matcher))
		}
		_, err := r.Version(ctx, 5, nil)
		bustest.Code(t, action.CodeNotFound, err)
		list, err := r.History(ctx, 0, 100)
		require.NoError(t, err)
		require.Len(t, list, 7)
		got, _, err := r.Ledger().RevisionAt(ctx, 0, event)
		require.NoError(t, err)
		require.EqualValues(t, 6, got)

		// Once the event is gone, the newest three are enough.
		withoutEvents(t, s, i)
		swept(t, i, 3, 100, 0)
		require.Len(t, keysOf(t, kv, i, "rev"), 3)
		require.EqualValues(t, 3, stream(t, s, i).CachedInfo().State.Msgs, "as many markers")
	})
}

// TestSweepWithoutTheMarker of an event: it belongs to the oldest revision that
// has one, so nothing from there on is removed.
func TestSweepWithoutTheMarker(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		kv, ctx := s.Bucket(t, bus.BucketCatalog), bustest.Within(t, 60*time.Second)
		event := bustest.Publish(t, i, "e", "u", "user.added").StreamSequence
		versions := made(t, i, 5, snapshot)
		require.NoError(t, stream(t, s, i).Purge(ctx, jetstream.WithPurgeSubject(wire.Marker(i.ID)), jetstream.WithPurgeSequence(versions[3].Cut)))
		swept(t, i, 1, 100, 0)
		require.Len(t, keysOf(t, kv, i, "rev"), 3)
		got, _, err := revisions.Of(i).Ledger().RevisionAt(ctx, 0, event)
		require.NoError(t, err)
		require.EqualValues(t, 3, got)
	})
}

// TestSweepWithDamage removes nothing when a revision that is kept cannot be
// read: what it names is not known.
func TestSweepWithDamage(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		kv, ctx := s.Bucket(t, bus.BucketCatalog), bustest.Within(t, 60*time.Second)
		made(t, i, 4, snapshot)
		_, err := kv.Put(ctx, i.Token+".rev.3", []byte("garbage"))
		require.NoError(t, err)
		removed, _, err := revisions.Of(i).Sweep(ctx, revisions.Sweeping{Keep: 2, Most: 100})
		bustest.Code(t, action.CodeUnreadable, err)
		require.Zero(t, removed)
		require.Len(t, keysOf(t, kv, i, "rev"), 4)
	})
}

// TestSweepOfOneInstance leaves what the other has, also of the same numbers.
func TestSweepOfOneInstance(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	kv := s.Bucket(t, bus.BucketCatalog)
	for _, i := range pair {
		made(t, i, 4, snapshot)
	}
	swept(t, pair[0], 1, 100, 0)
	require.Len(t, keysOf(t, kv, pair[0], "rev"), 1)
	require.Len(t, keysOf(t, kv, pair[1], "rev"), 4)
	for revision := range 4 {
		v, err := revisions.Of(pair[1]).Version(bustest.Within(t, 10*time.Second), uint64(revision+1), nil)
		require.NoError(t, err)
		require.Equal(t, at(pair[1], revision+1), urlOf(v.Matcher))
	}
}

// TestSweepLeavesWhatIsStoredAgain: an edit wants a value again that was found to
// be nobody's just before.
func TestSweepLeavesWhatIsStoredAgain(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 40*time.Second), revisions.Of(i)
		first := store(t, i, nothing(t, i), snapshot(i, at(i, 1)), "edit")
		second := store(t, i, first, snapshot(i, at(i, 2)), "edit")
		sweep, err := r.SweepFound(ctx)
		require.NoError(t, err)
		back := first.Matcher.Snapshot() // with the ids and times of then, so that its value is the same
		third, err := r.Add(ctx, second, again(second, back), action.Revision{})
		require.NoError(t, err)
		require.NoError(t, sweep())
		_, err = r.Version(ctx, 2, nil)
		bustest.Code(t, action.CodeUnreadable, err)
		v, err := r.Version(ctx, third.Revision.Revision, nil)
		require.NoError(t, err)
		require.Equal(t, at(i, 1), urlOf(v.Matcher))
	})
}

// again is a catalog exactly as it was.
func again(current *revisions.Version, old *catalog.Snapshot) catalog.Stamped {
	s := catalog.Stamp(current.Matcher.Snapshot(), old, catalog.Stamping{NewID: func() string { return "none" }})
	for org, sc := range old.Scopes {
		s.Scopes[org].Meta = sc.Meta
	}
	return s
}

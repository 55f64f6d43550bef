package revisions_test

import (
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// lose takes buckets away and makes them anew, empty.
func lose(t *testing.T, s *bustest.Server, b *bus.Bus, buckets ...string) {
	t.Helper()
	ctx := bustest.Within(t, 20*time.Second)
	for _, bucket := range buckets {
		require.NoError(t, s.JetStream(t).DeleteKeyValue(ctx, bucket))
	}
	require.NoError(t, b.EnsureInstallation(ctx))
}

// empty takes all out of buckets.
func empty(t *testing.T, s *bustest.Server, _ *bus.Bus, buckets ...string) {
	t.Helper()
	ctx := bustest.Within(t, 20*time.Second)
	for _, bucket := range buckets {
		stream, err := s.JetStream(t).Stream(ctx, bus.BucketStream(bucket))
		require.NoError(t, err)
		require.NoError(t, stream.Purge(ctx))
	}
}

// TestALostCatalogIsStoredAgain from what somebody has of it. What was followed
// stays in force meanwhile, for workers and for cores; an event whose own
// revision is gone belongs to the one that is back.
//
// Slowly, followers notice before it is back; at once, they do not.
func TestALostCatalogIsStoredAgain(t *testing.T) {
	t.Run("deleted, slowly", func(t *testing.T) { t.Parallel(); storeAgain(t, lose, true) })
	t.Run("deleted, at once", func(t *testing.T) { t.Parallel(); storeAgain(t, lose, false) })
	t.Run("emptied", func(t *testing.T) { t.Parallel(); storeAgain(t, empty, true) })
}

func storeAgain(t *testing.T, lose func(*testing.T, *bustest.Server, *bus.Bus, ...string), slow bool) {
	const edits = revisions.RememberedMost + 4
	s := bustest.Start(t)
	b, ctx := s.Connect(t, bus.Options{}), bustest.Within(t, time.Minute)
	pair := bustest.Pair(t, b)
	catalogs, first := revisions.Follow(ctx, b)
	<-first
	var cores sync.Mutex
	told := map[string][]catalog.Conditions{}
	events := map[string][][]uint64{}
	for _, i := range pair {
		<-revisions.Of(i).FollowConditions(ctx, func(c catalog.Conditions) {
			cores.Lock()
			defer cores.Unlock()
			told[i.ID] = append(told[i.ID], c)
		})
		events[i.ID] = history(t, i, edits, 2)
		require.NoError(t, catalogs.Await(ctx, i.ID, edits))
		for revision, under := range events[i.ID] { // more than are remembered, and the markers of all
			then, _, err := catalogs.Of(i.ID).InForce(ctx, 1, under[0])
			require.NoError(t, err)
			require.EqualValues(t, revision, then.Revision())
		}
	}
	lose(t, s, b, bus.BucketCatalog, bus.BucketConditions)
	nothing := func() bool {
		cores.Lock()
		defer cores.Unlock()
		for _, all := range told {
			for _, c := range all[1:] {
				if c.Revision == 0 {
					return true
				}
			}
		}
		return false
	}
	if slow {
		require.Never(t, nothing, 3*time.Second, 50*time.Millisecond, "a core is never told that nothing is configured")
	}
	for _, i := range pair {
		v := catalogs.Of(i.ID).Newest()
		for range 2 { // once more changes nothing
			again, err := revisions.Of(i).Restore(ctx, v)
			require.NoError(t, err)
			root(t, i, again, &revisions.Version{})
		}
		fresh, read := revisions.Follow(ctx, s.Connect(t, bus.Options{}))
		<-read
		for name, c := range map[string]*revisions.Catalog{"before": catalogs.Of(i.ID), "fresh": fresh.Of(i.ID)} {
			for own, under := range events[i.ID] {
				for _, event := range under {
					require.EventuallyWithT(t, func(t *assert.CollectT) {
						then, now, err := c.InForce(ctx, 1, event)
						require.NoError(t, err, name)
						require.EqualValues(t, edits, now.Revision(), name)
						if name == "before" && then.Revision() == uint64(own) { // it is still remembered
							return
						}
						require.Equal(t, []any{uint64(edits), at(i, edits)}, []any{then.Revision(), urlOf(then)}, name)
					}, time.Minute, 10*time.Millisecond)
				}
			}
		}
		next := store(t, i, fresh.Of(i.ID).Newest(), snapshot(i, at(i, edits+1)), "edit")
		root(t, i, next, &revisions.Version{})
		require.NoError(t, catalogs.Await(ctx, i.ID, edits+1))
		m, err := catalogs.Of(i.ID).AtLeast(ctx, edits+1)
		require.NoError(t, err)
		require.Equal(t, at(i, edits+1), urlOf(m))
	}
	require.False(t, nothing())
}

// TestAStoreThatBeganAnewIsFollowed, though its revisions have lower numbers.
func TestAStoreThatBeganAnewIsFollowed(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	b, ctx := s.Connect(t, bus.Options{}), bustest.Within(t, time.Minute)
	pair := bustest.Pair(t, b)
	catalogs, first := revisions.Follow(ctx, b)
	<-first
	for _, i := range pair {
		made(t, i, 5, snapshot)
		require.NoError(t, catalogs.Await(ctx, i.ID, 5))
		require.NoError(t, s.JetStream(t).DeleteStream(ctx, i.Events))
	}
	lose(t, s, b, bus.BucketCatalog, bus.BucketConditions)
	other := s.Connect(t, bus.Options{}) // knows nothing of what was
	for _, i := range pair {
		i := bustest.Prepared(t, other, i.ID)
		v := store(t, i, nothing(t, i), snapshot(i, at(i, "anew")), "file")
		root(t, i, v, nothing(t, i))
		require.Eventually(t, func() bool {
			m, err := catalogs.Of(i.ID).AtLeast(ctx, 0)
			return err == nil && m.Revision() == 1 && urlOf(m) == at(i, "anew")
		}, time.Minute, 10*time.Millisecond)
	}
}

// TestStrayMarkersAreTakenOut: the newest that somebody else put there, and none of
// ours.
func TestStrayMarkersAreTakenOut(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, r := bustest.Within(t, time.Minute), s.JetStream(t), revisions.Of(i)
		versions := made(t, i, 3, snapshot)
		ours := revisions.Root{Revision: 3, Cut: versions[3].Cut}
		for name, c := range map[string]struct {
			strays  []string
			dropped int
		}{
			"none":            {nil, 0},
			"goes back":       {[]string{`{"revision":1}`}, 1},
			"is garbage":      {[]string{"garbage"}, 1},
			"is nothing":      {[]string{""}, 1},
			"many, and mixed": {[]string{"garbage", `{"revision":2}`, "null", `{"revision":0}`}, 4},
		} {
			for _, stray := range c.strays {
				_, err := js.Publish(ctx, wire.Marker(i.ID), []byte(stray))
				require.NoError(t, err)
			}
			if c.dropped > 0 {
				_, ok, err := r.Marked(ctx, ours)
				bustest.Code(t, action.CodeUnreadable, err)
				require.True(t, ok, "there is one")
				_, _, err = r.Latest(ctx)
				bustest.Code(t, action.CodeUnreadable, err)
				_, err = r.Add(ctx, versions[3], catalog.Stamped{Snapshot: snapshot(i, "x")}, action.Revision{})
				bustest.Code(t, action.CodeUnreadable, err)
			}
			dropped, err := r.DropStrays(ctx)
			require.NoError(t, err, name)
			require.Equal(t, c.dropped, dropped, name)
			for _, known := range []revisions.Root{{}, ours} {
				marked, ok, err := r.Marked(ctx, known)
				require.NoError(t, err, name)
				require.Equal(t, []any{ours, true}, []any{marked, ok}, name)
			}
		}
		require.EqualValues(t, 4, stream(t, s, i).CachedInfo().State.Msgs, "of revision 0 to 3")
		for _, body := range []string{"garbage", "null", `{"revision":3}`} { // what cannot be read counts for nothing below another
			_, err := js.Publish(ctx, wire.Marker(i.ID), []byte(body))
			require.NoError(t, err)
		}
		latest, _, err := r.Latest(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 3, latest.Revision)
	})
}

// TestAMarkerBehindALostRevisionStays: somebody may have put the catalog back to an
// older one, and the markers tell of what is gone.
func TestAMarkerBehindALostRevisionStays(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, time.Minute), revisions.Of(i)
		made(t, i, 3, snapshot)
		for revision := range uint64(5) {
			there, err := r.Stored(ctx, revision)
			require.NoError(t, err)
			require.Equal(t, revision >= 1 && revision <= 3, there, "revision %d", revision)
		}
		require.NoError(t, s.Bucket(t, bus.BucketCatalog).Purge(ctx, i.Token+".rev.3"))
		_, err := s.JetStream(t).Publish(ctx, wire.Marker(i.ID), []byte(`{"revision":2}`))
		require.NoError(t, err)
		dropped, err := r.DropStrays(ctx)
		bustest.Code(t, action.CodeUnreadable, err)
		require.ErrorContains(t, err, "goes back from revision 3 to 2")
		require.Zero(t, dropped)

		require.NoError(t, stream(t, s, i).Purge(ctx))
		_, ok, err := r.Marked(ctx, revisions.Root{})
		require.NoError(t, err)
		require.False(t, ok)
		dropped, err = r.DropStrays(ctx)
		require.NoError(t, err, "nothing is no stray")
		require.Zero(t, dropped)
		_, err = s.JetStream(t).Publish(ctx, wire.Marker(i.ID), []byte("garbage")) // and below it there is none
		require.NoError(t, err)
		dropped, err = r.DropStrays(ctx)
		require.NoError(t, err)
		require.Equal(t, 1, dropped)
	})
}

// TestMarkersSayWhereTheyLie, whatever their publisher's headers say.
func TestMarkersSayWhereTheyLie(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, time.Minute), revisions.Of(i)
		made(t, i, 1, snapshot)
		ack, err := s.JetStream(t).PublishMsg(ctx, &nats.Msg{Subject: wire.Marker(i.ID), Data: []byte(`{"revision":1}`),
			Header: nats.Header{"Nats-Sequence": {"1"}, "Status": {"404"}, "Nats-Time-Stamp": {"noon"}}})
		require.NoError(t, err)
		want := revisions.Root{Revision: 1, Cut: ack.Sequence}
		latest, ok, err := r.Latest(ctx)
		require.NoError(t, err)
		require.Equal(t, []any{want, true}, []any{latest, ok})
		marked, ok, err := r.Marked(ctx, revisions.Root{})
		require.NoError(t, err)
		require.Equal(t, []any{want, true}, []any{marked, ok})
	})
}

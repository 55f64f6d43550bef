package revisions_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/revisions"
)

// TestFollowersReadWhatIsNew: a value that stays is not read again, and a
// revision that cannot be read leaves the last one in force.
func TestFollowersReadWhatIsNew(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 60*time.Second)
		versions := made(t, i, 1, wide)
		catalogs, first := revisions.Follow(ctx, i.Bus)
		<-first
		c := catalogs.Of(i.ID)
		m, err := c.AtLeast(ctx, 1)
		require.NoError(t, err)
		second := store(t, i, versions[1], wide(i, at(i, 2)), "edit 2")
		kv := s.Bucket(t, bus.BucketCatalog)
		stays := slices.DeleteFunc(partsOf(t, kv, i, 2), func(hash string) bool { return !slices.Contains(partsOf(t, kv, i, 1), hash) })
		require.Greater(t, len(stays), 5)
		for _, hash := range stays {
			require.NoError(t, kv.Delete(ctx, i.Token+".chunk."+hash))
		}
		root(t, i, second, versions[1])
		next, err := c.AtLeast(ctx, 2)
		require.NoError(t, err)
		require.Equal(t, at(i, 2), urlOf(next))
		require.Same(t, m.Call(action.Function, "t300", ""), next.Call(action.Function, "t300", ""), "its plan is taken over")

		third := store(t, i, second, wide(i, at(i, 3)), "edit 3")
		require.NoError(t, kv.Delete(ctx, i.Token+".chunk."+onlyIn(t, kv, i, 3, 2)))
		root(t, i, third, second)
		fourth := store(t, i, third, wide(i, at(i, 4)), "edit 4")
		root(t, i, fourth, third)
		last, err := c.AtLeast(ctx, 4)
		require.NoError(t, err, "the third is passed over")
		require.Equal(t, at(i, 4), urlOf(last))
		require.NoError(t, c.Fault())
		_, err = c.Version(ctx, 3)
		bustest.Code(t, action.CodeUnreadable, err)

		another, first := revisions.Follow(ctx, s.Connect(t, bus.Options{}))
		<-first
		_, err = another.Of(i.ID).AtLeast(ctx, 0)
		bustest.Code(t, action.CodeUnreadable, err)
		require.NotContains(t, another.Instances(), i.ID, "nothing is better than half of it")
		require.Contains(t, another.Known(), i.ID)
	})
}

// reads counts how often each revision of an instance is read from the server
// over the connection of i.
func reads(t *testing.T, s *bustest.Server, i bus.Instance) (count func() map[string]int) {
	t.Helper()
	nc := s.Plain(t)
	own, _, _ := strings.Cut(i.Conn().NewInbox(), ".")
	prefix := "$JS.API.DIRECT.GET.KV_callout_catalog.$KV.callout_catalog." + i.Token + ".rev."
	asked, err := nc.SubscribeSync(prefix + "*")
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	return func() map[string]int {
		require.NoError(t, i.Conn().Flush())
		require.NoError(t, nc.Flush())
		all := map[string]int{}
		for left, _, _ := asked.Pending(); left > 0; left-- {
			m, err := asked.NextMsg(time.Second)
			require.NoError(t, err)
			if strings.HasPrefix(m.Reply, own) {
				all[strings.TrimPrefix(m.Subject, prefix)]++
			}
		}
		return all
	}
}

// history stores an event, an edit, an event and so on, and gives the sequences
// of the events by the revision that they were stored under.
func history(t *testing.T, i bus.Instance, edits, events int) (sequences [][]uint64) {
	t.Helper()
	v := nothing(t, i)
	for revision := range edits + 1 {
		if revision > 0 {
			base := v
			v = store(t, i, base, snapshot(i, at(i, revision)), "edit")
			root(t, i, v, base)
		}
		var under []uint64
		for n := range events {
			under = append(under, bustest.Publish(t, i, fmt.Sprint(revision, "-", n), "u", "user.added").StreamSequence)
		}
		sequences = append(sequences, under)
	}
	return sequences
}

// TestBacklogBehindManyEdits is worked off by a worker that followed them all:
// each revision is read once, also when there are more than are remembered.
func TestBacklogBehindManyEdits(t *testing.T) {
	t.Parallel()
	const edits = 2*revisions.RememberedMost + 4
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 2*time.Minute)
		b := s.Connect(t, bus.Options{})
		catalogs, first := revisions.Follow(ctx, b)
		<-first
		sequences := history(t, i, edits, 3)
		require.NoError(t, catalogs.Await(ctx, i.ID, edits))
		c, count := catalogs.Of(i.ID), reads(t, s, b.Instance(i.ID))
		for revision, under := range sequences {
			for _, sequence := range under {
				then, now, err := c.InForce(ctx, 0, sequence)
				require.NoError(t, err)
				require.EqualValues(t, revision, then.Revision())
				require.EqualValues(t, edits, now.Revision())
				if revision > 0 {
					require.Equal(t, at(i, revision), urlOf(then))
				}
			}
		}
		got := count()
		for revision, times := range got {
			require.Equal(t, 1, times, "revision %s", revision)
		}
		require.Contains(t, got, "1")

		// The one used longest ago goes, whatever its number.
		used := func(revision int) {
			_, _, err := c.InForce(ctx, 0, sequences[revision][0])
			require.NoError(t, err)
		}
		used(1)
		count()
		for n := range 2 * revisions.RememberedMost {
			used(n + 2)
			used(1)
		}
		got = count()
		require.Zero(t, got["1"], "it was in use all the while: %v", got)
		used(5)
		require.Equal(t, 1, count()["5"], "it was not")
	})
}

// TestManyWaitForOneRevision: it is read once for all of them.
func TestManyWaitForOneRevision(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		sequences := history(t, i, 3, 1)
		b := s.Connect(t, bus.Options{})
		catalogs, first := revisions.Follow(ctx, b)
		<-first
		count := reads(t, s, b.Instance(i.ID))
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				then, _, err := catalogs.Of(i.ID).InForce(ctx, 0, sequences[1][0])
				assert.NoError(t, err)
				assert.EqualValues(t, 1, then.Revision())
			})
		}
		all.Wait()
		got := count()
		require.Equal(t, 1, got["1"])
		require.LessOrEqual(t, got["2"], 1, "what comes behind it is read ahead")
	})
}

// TestRevisionThatIsGone fails those who wait for it, and is looked for again.
func TestRevisionThatIsGone(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		sequences := history(t, i, 2, 1)
		catalogs, first := revisions.Follow(ctx, s.Connect(t, bus.Options{}))
		<-first
		kv := s.Bucket(t, bus.BucketCatalog)
		kept, err := kv.Get(ctx, i.Token+".rev.1")
		require.NoError(t, err)
		require.NoError(t, kv.Purge(ctx, i.Token+".rev.1"))
		for range 2 {
			_, _, err := catalogs.Of(i.ID).InForce(ctx, 0, sequences[1][0])
			bustest.Code(t, action.CodeNotFound, err)
		}
		_, err = kv.Put(ctx, i.Token+".rev.1", kept.Value())
		require.NoError(t, err)
		then, _, err := catalogs.Of(i.ID).InForce(ctx, 0, sequences[1][0])
		require.NoError(t, err)
		require.Equal(t, at(i, 1), urlOf(then))
	})
}

// TestBetweenMarkerAndRoot an event is matched with a revision that is not in
// force for calls yet. The newest is not older than that.
func TestBetweenMarkerAndRoot(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		versions := made(t, i, 1, snapshot)
		catalogs, first := revisions.Follow(ctx, s.Connect(t, bus.Options{}))
		<-first
		c := catalogs.Of(i.ID)
		before := bustest.Publish(t, i, "a", "u", "user.added").StreamSequence
		second := store(t, i, versions[1], snapshot(i, at(i, 2)), "edit 2")
		behind := bustest.Publish(t, i, "b", "u", "user.added").StreamSequence
		inForce := func(sequence uint64) []string {
			then, now, err := c.InForce(ctx, 0, sequence)
			require.NoError(t, err)
			return []string{urlOf(then), urlOf(now)}
		}
		require.Equal(t, []string{at(i, 2), at(i, 2)}, inForce(behind))
		require.Equal(t, []string{at(i, 1), at(i, 1)}, inForce(before))
		m, err := c.AtLeast(ctx, 0)
		require.NoError(t, err)
		require.Equal(t, at(i, 1), urlOf(m), "for calls the root counts")
		root(t, i, second, versions[1])
		_, err = c.AtLeast(ctx, 2)
		require.NoError(t, err)
		require.Equal(t, []string{at(i, 2), at(i, 2)}, inForce(behind))
		require.Equal(t, []string{at(i, 1), at(i, 2)}, inForce(before))
	})
}

// TestExpectedIsNotRead: who made a revision puts it in force when its root
// comes, without reading it.
func TestExpectedIsNotRead(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		versions := made(t, i, 1, snapshot)
		b := s.Connect(t, bus.Options{})
		catalogs, first := revisions.Follow(ctx, b)
		<-first
		c, count := catalogs.Of(i.ID), reads(t, s, b.Instance(i.ID))
		second := store(t, i, versions[1], snapshot(i, at(i, 2)), "edit 2")
		c.Expect(second)
		root(t, i, second, versions[1])
		v, err := c.VersionAtLeast(ctx, 2)
		require.NoError(t, err)
		require.Same(t, second, v)
		require.Empty(t, count())
		s1, err := c.Snapshot(ctx, 2)
		require.NoError(t, err)
		require.Same(t, second.Matcher.Snapshot(), s1)
		c.Put(versions[1])
		v, err = c.VersionAtLeast(ctx, 0)
		require.NoError(t, err)
		require.Same(t, second, v, "an older one does not take its place")
	})
}

// TestWaitForARevision ends by the caller's time, or when it comes.
func TestWaitForARevision(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, time.Minute)
		catalogs, first := revisions.Follow(ctx, s.Connect(t, bus.Options{}))
		<-first
		_, err := catalogs.Of(i.ID).AtLeast(ctx, 0)
		bustest.Code(t, action.CodeUnknownInstance, err)
		came := make(chan error, 1)
		go func() { came <- catalogs.Await(ctx, i.ID, 2) }()
		versions := made(t, i, 1, snapshot)
		require.NoError(t, catalogs.Await(ctx, i.ID, 1))
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err = catalogs.Of(i.ID).AtLeast(short, 2)
		bustest.Code(t, action.CodeDeadline, err)
		require.Empty(t, came)
		root(t, i, store(t, i, versions[1], snapshot(i, at(i, 2)), "edit"), versions[1])
		require.NoError(t, <-came)
		bustest.Code(t, action.CodeUnknownInstance, catalogs.Await(short, "nobody", 0))
		require.NotContains(t, catalogs.Known(), "nobody")
	})
}

// TestCatalogsOfTwoInstances are followed by one worker, and hold what is their
// own.
func TestCatalogsOfTwoInstances(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	ctx := bustest.Within(t, time.Minute)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	catalogs, first := revisions.Follow(ctx, s.Connect(t, bus.Options{}))
	<-first
	require.Empty(t, catalogs.Known())
	one := history(t, pair[0], 1, 1)
	require.NoError(t, catalogs.Await(ctx, pair[0].ID, 1))
	require.Equal(t, []string{pair[0].ID}, catalogs.Instances())
	two := history(t, pair[1], 3, 1)
	require.NoError(t, catalogs.Await(ctx, pair[1].ID, 3))
	require.Equal(t, bustest.IDs[:], catalogs.Instances())
	for n, sequences := range [][][]uint64{one, two} {
		for revision, under := range sequences[1:] {
			then, _, err := catalogs.Of(pair[n].ID).InForce(ctx, 0, under[0])
			require.NoError(t, err)
			require.Equal(t, at(pair[n], revision+1), urlOf(then))
		}
	}
	refused := action.NewError(action.CodeUnreadable, action.StageCatalog, "")
	catalogs.Of(pair[0].ID).Refuse(refused)
	require.NoError(t, catalogs.Of(pair[1].ID).Fault())
	require.Equal(t, bustest.IDs[:], catalogs.Instances(), "one that has a catalog keeps it")
}

package revisions_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
)

// with is a catalog with one more function.
func with(v *revisions.Version, function string) *catalog.Snapshot {
	next, sc := v.Matcher.Snapshot().Draft("")
	sc.Sections[action.Function] = append(sc.Sections[action.Function], action.Execution{Name: function, Match: function, Entries: []action.Entry{}})
	return next
}

// TestCoresAreGivenWhatIsNew: of conditions too, only what changed is stored.
func TestCoresAreGivenWhatIsNew(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 60*time.Second), revisions.Of(i)
		kv := s.Bucket(t, bus.BucketConditions)
		versions := made(t, i, 2, wide)
		given := make(chan catalog.Conditions, 100)
		<-r.FollowConditions(ctx, func(c catalog.Conditions) { given <- c })
		require.Equal(t, versions[2].Matcher.Conditions(), <-given)
		kept := keysOf(t, kv, i, "chunk")
		require.Greater(t, len(kept), 3)

		third := store(t, i, versions[2], with(versions[2], "z"), "edit 3")
		root(t, i, third, versions[2])
		require.Equal(t, third.Matcher.Conditions(), <-given)
		now := keysOf(t, kv, i, "chunk")
		require.Len(t, now, len(kept)+1, "one value is new")

		// Another process that makes the next one stores no more of it.
		entry := func(key string) uint64 {
			e, err := kv.Get(ctx, key)
			require.NoError(t, err)
			return e.Revision()
		}
		before := map[string]uint64{}
		for _, key := range now {
			before[key] = entry(key)
		}
		other := s.Connect(t, bus.Options{}).Instance(i.ID)
		read, err := revisions.Of(other).Version(ctx, 3, nil)
		require.NoError(t, err)
		fourth := store(t, other, read, with(read, "zz"), "edit 4")
		root(t, other, fourth, read)
		require.Equal(t, fourth.Matcher.Conditions(), <-given)
		require.Len(t, keysOf(t, kv, i, "chunk"), len(now)+1)
		for key, at := range before {
			require.Equal(t, at, entry(key), "%s was not stored again", key)
		}
		revision, err := r.ConditionsRevision(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 4, revision)
	})
}

// TestConditionsThatCannotBeRead are left out: those before stay.
func TestConditionsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 60*time.Second), revisions.Of(i)
		kv := s.Bucket(t, bus.BucketConditions)
		versions := made(t, i, 1, wide)
		given := make(chan catalog.Conditions, 100)
		<-r.FollowConditions(ctx, func(c catalog.Conditions) { given <- c })
		require.Equal(t, versions[1].Matcher.Conditions(), <-given)
		for _, value := range []string{"conditions", "null", "", `{"revision":0,"chunks":[]}`, fmt.Sprintf(`{"format":%d,"revision":2}`, action.Format+1)} {
			_, err := kv.Put(ctx, i.Token, []byte(value))
			require.NoError(t, err)
		}
		second := store(t, i, versions[1], with(versions[1], "z"), "edit 2")
		root(t, i, second, versions[1])
		require.Equal(t, second.Matcher.Conditions(), <-given, "the next that can be read")
		require.NoError(t, kv.Purge(ctx, i.Token))
		for _, value := range []string{`{"revision":1,"chunks":[]}`, `{"revision":99,"chunks":[]}`} { // the second is a stranger's
			_, err := kv.Put(ctx, i.Token, []byte(value))
			require.NoError(t, err)
		}
		require.Equal(t, uint64(99), (<-given).Revision, "what is removed, or older, is left out")
		require.NoError(t, r.HandConditions(ctx, second))
		require.Equal(t, second.Matcher.Conditions(), <-given, "those in force take the place of what never was")
	})
}

// TestWatchedConditions: who hands them to the cores hears of all instances, and of
// what somebody else has spoilt of them.
func TestWatchedConditions(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	ctx, b := bustest.Within(t, time.Minute), s.Connect(t, bus.Options{})
	pair := bustest.Pair(t, b)
	bucket := s.Bucket(t, bus.BucketConditions)
	var told bustest.Noted
	<-revisions.WatchConditions(ctx, b, func(c revisions.ToldConditions) { told.Add(fmt.Sprint(c.Instance, " at ", c.Revision)) })
	require.Empty(t, told.Get())
	for _, i := range pair {
		before := len(told.Get())
		first := made(t, i, 1, wide)[1]
		require.Equal(t, []string{i.ID + " at 1"}, told.Await(t, before+1)[before:])
		root(t, i, store(t, i, first, with(first, "z"), "edit"), first)
		require.Equal(t, []string{i.ID + " at 1", i.ID + " at 2"}, told.Await(t, before+2)[before:])
		before += 2
		part := keysOf(t, bucket, i, "chunk")[0]
		for key, value := range map[string]string{i.Token: "garbage", part: "garbage", i.Token + ".else": "theirs"} {
			_, err := bucket.Put(ctx, key, []byte(value))
			require.NoError(t, err)
			require.Equal(t, i.ID+" at 0", told.Await(t, before+1)[before], key)
			before++
			require.Contains(t, shownKeys(b), key)
		}
		require.NoError(t, bucket.Purge(ctx, i.Token+".else"))
		require.Eventually(t, func() bool { return !slices.Contains(shownKeys(b), i.Token+".else") }, time.Minute, time.Millisecond)
		require.NoError(t, bucket.Purge(ctx, i.Token))
		require.Equal(t, []string{i.ID + " at 0"}, told.Await(t, before+1)[before:], "a part that goes is not told of")
	}
	_, err := bucket.Put(ctx, "=zz", []byte("{}"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return slices.Contains(shownKeys(b), "=zz") }, time.Minute, time.Millisecond)
	for _, line := range told.Get() {
		require.True(t, strings.HasPrefix(line, pair[0].ID+" ") || strings.HasPrefix(line, pair[1].ID+" "), line)
	}
}

func shownKeys(b *bus.Bus) (keys []string) {
	list, _ := b.Unreadable()
	for _, one := range list {
		keys = append(keys, one.Key)
	}
	return keys
}

package bus_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

// partsOf lists the values that a revision is made of.
func partsOf(t *testing.T, kv jetstream.KeyValue, revision int) []string {
	t.Helper()
	entry, err := kv.Get(within(t, 5*time.Second), instance+".rev."+strconv.Itoa(revision))
	require.NoError(t, err)
	var m struct{ Chunks []string }
	require.NoError(t, json.Unmarshal(entry.Value(), &m))
	require.NotEmpty(t, m.Chunks)
	return m.Chunks
}

// onlyIn names a value of one revision that another does not have.
func onlyIn(t *testing.T, kv jetstream.KeyValue, revision, other int) string {
	t.Helper()
	others := partsOf(t, kv, other)
	only := slices.DeleteFunc(partsOf(t, kv, revision), func(hash string) bool { return slices.Contains(others, hash) })
	require.Len(t, only, 1)
	return only[0]
}

// TestFollowersReadWhatIsNew: a value that stays is not read again, and a
// revision that cannot be read leaves the last one in force.
func TestFollowersReadWhatIsNew(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	ctx := within(t, 30*time.Second)
	versions := made(t, b, 1)
	catalogs, first := b.FollowCatalogs(ctx)
	<-first
	m, err := catalogs.AtLeast(ctx, instance, 1)
	require.NoError(t, err)
	second := store(t, b, versions[1], wide("https://2.example"), "edit 2")
	kv := bucketOf(t, s, "callout_catalog")
	stays := slices.DeleteFunc(partsOf(t, kv, 2), func(hash string) bool { return !slices.Contains(partsOf(t, kv, 1), hash) })
	require.Greater(t, len(stays), 5)
	for _, hash := range stays {
		require.NoError(t, kv.Delete(ctx, instance+".chunk."+hash))
	}
	require.NoError(t, b.SetRoot(ctx, instance, second, versions[1]))
	next, err := catalogs.AtLeast(ctx, instance, 2)
	require.NoError(t, err)
	require.Equal(t, "https://2.example", next.Snapshot().Scopes[""].Targets["t000"].URL)
	require.Equal(t, m.Call(action.Function, "t300", ""), next.Call(action.Function, "t300", ""))
	require.Same(t, m.Call(action.Function, "t300", ""), next.Call(action.Function, "t300", ""), "its plan is taken over")

	third := store(t, b, second, wide("https://3.example"), "edit 3")
	require.NoError(t, kv.Delete(ctx, instance+".chunk."+onlyIn(t, kv, 3, 2)))
	require.NoError(t, b.SetRoot(ctx, instance, third, second))
	fourth := store(t, b, third, wide("https://4.example"), "edit 4")
	require.NoError(t, b.SetRoot(ctx, instance, fourth, third))
	last, err := catalogs.AtLeast(ctx, instance, 4)
	require.NoError(t, err, "the third is passed over")
	require.Equal(t, "https://4.example", last.Snapshot().Scopes[""].Targets["t000"].URL)
	_, err = catalogs.Version(ctx, instance, 3)
	code(t, action.CodeUnreadable, err)

	another, first := connect(t, s, bus.Options{}).FollowCatalogs(ctx)
	<-first
	_, err = another.AtLeast(ctx, instance, 0)
	code(t, action.CodeUnreadable, err)
	require.Empty(t, another.Instances(), "nothing is better than half of it")
}

// TestCoresAreGivenWhatIsNew: the same for conditions.
func TestCoresAreGivenWhatIsNew(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	ctx := within(t, 30*time.Second)
	versions := made(t, b, 2)
	given := make(chan catalog.Conditions, 100)
	<-b.FollowConditions(ctx, instance, func(c catalog.Conditions) { given <- c })
	want := versions[2].Matcher.Conditions()
	require.Equal(t, want, <-given)
	kept := keysOf(t, s, "callout_conditions", ".chunk.")
	require.Greater(t, len(kept), 3)

	next, sc := versions[2].Matcher.Snapshot().Draft("")
	sc.Sections[action.Function] = append(sc.Sections[action.Function], action.Execution{Name: "z", Match: "z", Entries: []action.Entry{}})
	third := store(t, b, versions[2], next, "edit 3")
	require.NoError(t, b.SetRoot(ctx, instance, third, versions[2]))
	require.Equal(t, third.Matcher.Conditions(), <-given)
	now := keysOf(t, s, "callout_conditions", ".chunk.")
	require.Len(t, now, len(kept)+1, "one value is new")

	// Another process that makes the next one stores no more of it.
	entry := func(key string) uint64 {
		e, err := bucketOf(t, s, "callout_conditions").Get(ctx, key)
		require.NoError(t, err)
		return e.Revision()
	}
	before := map[string]uint64{}
	for _, key := range now {
		before[key] = entry(key)
	}
	other := connect(t, s, bus.Options{})
	read, err := other.Version(ctx, instance, 3, nil)
	require.NoError(t, err)
	next, sc = read.Matcher.Snapshot().Draft("")
	sc.Sections[action.Function] = append(sc.Sections[action.Function], action.Execution{Name: "zz", Match: "zz", Entries: []action.Entry{}})
	fourth := store(t, other, read, next, "edit 4")
	require.NoError(t, other.SetRoot(ctx, instance, fourth, read))
	require.Equal(t, fourth.Matcher.Conditions(), <-given)
	require.Len(t, keysOf(t, s, "callout_conditions", ".chunk."), len(now)+1)
	for key, at := range before {
		require.Equal(t, at, entry(key), "%s was not stored again", key)
	}
}

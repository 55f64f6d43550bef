package bus_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/catalog"
)

// wide is a catalog of many targets and functions, of which the first target is
// at url.
func wide(url string) *catalog.Snapshot {
	s, sc := catalog.Empty(instance).Draft("")
	for i := range 500 {
		name := fmt.Sprintf("t%03d", i)
		sc.Targets[name] = catalog.WithDefaults(action.Target{Name: name, Kind: action.Webhook, URL: "https://a.example"})
		sc.Sections[action.Function] = append(sc.Sections[action.Function], action.Execution{Name: name, Match: name, Entries: []action.Entry{{Target: name}}})
	}
	t := sc.Targets["t000"]
	t.URL = url
	sc.Targets["t000"] = t
	return s
}

func urlOf(v *bus.Version) string { return v.Matcher.Snapshot().Scopes[""].Targets["t000"].URL }

// made is an instance with so many revisions, each with its own URL.
func made(t *testing.T, b *bus.Bus, n int) []*bus.Version {
	t.Helper()
	all := []*bus.Version{nothing(t, b)}
	for i := range n {
		v := store(t, b, all[i], wide(fmt.Sprint("https://", i+1, ".example")), fmt.Sprint("edit ", i+1))
		require.NoError(t, b.SetRoot(within(t, 5*time.Second), instance, v, all[i]))
		all = append(all, v)
	}
	return all
}

func bucketOf(t *testing.T, s *embed.Server, name string) jetstream.KeyValue {
	t.Helper()
	kv, err := jetStream(t, s).KeyValue(within(t, 5*time.Second), name)
	require.NoError(t, err)
	return kv
}

func keysOf(t *testing.T, s *embed.Server, name, part string) (keys []string) {
	t.Helper()
	all, err := bucketOf(t, s, name).Keys(within(t, 5*time.Second))
	require.NoError(t, err)
	for _, key := range all {
		if strings.Contains(key, part) {
			keys = append(keys, key)
		}
	}
	return keys
}

func numbers(list []action.Revision) (all []uint64) {
	for _, r := range list {
		all = append(all, r.Revision)
	}
	return all
}

func TestHistoryGoesBack(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	ctx := within(t, 20*time.Second)
	list, err := b.History(ctx, instance, 0, 10)
	require.NoError(t, err)
	require.Empty(t, list)
	versions := made(t, b, 3)
	// A dispatcher died between its manifest and its marker.
	_, err = bucketOf(t, s, "callout_catalog").Create(ctx, instance+".rev.4", []byte(`{"revision":4,"before":3}`))
	require.NoError(t, err)
	last := store(t, b, versions[3], wide("https://5.example"), "edit 5")
	require.EqualValues(t, 5, last.Revision.Revision)
	require.EqualValues(t, 3, last.Before)

	for below, want := range map[uint64][]uint64{0: {5, 3, 2, 1}, 6: {5, 3, 2, 1}, 5: {3, 2, 1}, 4: {3, 2, 1}, 3: {2, 1}, 1: nil, 77: {5, 3, 2, 1}} {
		list, err := b.History(ctx, instance, below, 10)
		require.NoError(t, err)
		require.Equal(t, want, numbers(list), "below %d", below)
	}
	list, err = b.History(ctx, instance, 0, 2)
	require.NoError(t, err)
	require.Equal(t, []uint64{5, 3}, numbers(list))
	require.Equal(t, "edit 3", list[1].Source)
	require.Equal(t, 1, list[1].Changed)
	require.WithinDuration(t, time.Now(), list[1].Made, time.Minute)
}

// TestSweepKeepsWhatIsNeeded: the newest, and what an event in the stream was
// stored under.
func TestSweepKeepsWhatIsNeeded(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	ctx := within(t, 30*time.Second)
	versions := made(t, b, 6)
	publish(t, b, "e", "u", "user.added") // under revision 6
	last := versions[6]
	for i := range 6 {
		v := store(t, b, last, wide(fmt.Sprint("https://", i+7, ".example")), "edit")
		require.NoError(t, b.SetRoot(ctx, instance, v, last))
		last = v
	}
	require.Len(t, keysOf(t, s, "callout_catalog", ".rev."), 12)
	before := len(keysOf(t, s, "callout_catalog", ".chunk."))
	sweep := func(keep, most int, grace time.Duration) (int, bool) {
		removed, more, err := b.SweepCatalog(ctx, instance, bus.Sweep{Keep: keep, Grace: grace, Most: most})
		require.NoError(t, err)
		return removed, more
	}
	removed, _ := sweep(12, 100, 0)
	require.Zero(t, removed)
	removed, more := sweep(3, 2, 0)
	require.Equal(t, 2, removed)
	require.True(t, more)
	removed, more = sweep(3, 100, time.Hour)
	require.Equal(t, 3, removed, "the other revisions below the sixth; their values are too young")
	require.False(t, more)
	require.Len(t, keysOf(t, s, "callout_catalog", ".chunk."), before)
	removed, _ = sweep(3, 100, 0)
	require.Equal(t, 5, removed, "one value of each")
	require.Len(t, keysOf(t, s, "callout_catalog", ".rev."), 7)
	for revision := uint64(6); revision <= 12; revision++ {
		v, err := b.Version(ctx, instance, revision, nil)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("https://", revision, ".example"), urlOf(v))
	}
	_, err := b.Version(ctx, instance, 5, nil)
	code(t, action.CodeNotFound, err)
	list, err := b.History(ctx, instance, 0, 100)
	require.NoError(t, err)
	require.Len(t, list, 7)
	got, err := b.Ledger(instance).RevisionAt(ctx, 8)
	require.NoError(t, err)
	require.EqualValues(t, 6, got)

	// Once the event is gone, the newest three are enough.
	require.NoError(t, b.Trim(ctx, instance, time.Now().Add(time.Hour), 0))
	sweep(3, 100, 0)
	require.Len(t, keysOf(t, s, "callout_catalog", ".rev."), 3)
	events, err := jetStream(t, s).Stream(ctx, bus.EventStream(instance))
	require.NoError(t, err)
	require.EqualValues(t, 3, events.CachedInfo().State.Msgs, "as many markers")
}

// TestSweepLeavesWhatIsStoredAgain: an edit wants a value again that was found to
// be nobody's just before.
func TestSweepLeavesWhatIsStoredAgain(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 20*time.Second)
	first := store(t, b, nothing(t, b), snapshot("https://1.example"), "edit")
	second := store(t, b, first, snapshot("https://2.example"), "edit")
	purge, err := b.Purge(ctx, instance)
	require.NoError(t, err)
	back := first.Matcher.Snapshot() // with the ids and times of then, so that its value is the same
	third, err := b.StoreCatalog(ctx, second, again(second, back), action.Revision{})
	require.NoError(t, err)
	require.NoError(t, purge())
	_, err = b.Version(ctx, instance, 2, nil)
	code(t, action.CodeUnreadable, err)
	v, err := b.Version(ctx, instance, third.Revision.Revision, nil)
	require.NoError(t, err)
	require.Equal(t, "https://1.example", v.Matcher.Snapshot().Scopes[""].Targets["hook"].URL)
}

// again is a catalog exactly as it was.
func again(current *bus.Version, old *catalog.Snapshot) catalog.Stamped {
	s := catalog.Stamp(current.Matcher.Snapshot(), old, catalog.Stamping{NewID: func() string { return "none" }})
	for org, sc := range old.Scopes {
		s.Scopes[org].Meta = sc.Meta
	}
	return s
}

func TestDamageIsFoundAndMended(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	ctx := within(t, 30*time.Second)
	versions := made(t, b, 4)
	kv := bucketOf(t, s, "callout_catalog")
	// The third cannot be read at all, of the fourth a part is garbage.
	require.NoError(t, kv.Delete(ctx, instance+".rev.3"))
	part := onlyIn(t, kv, 4, 2)
	_, err := kv.Put(ctx, instance+".chunk."+part, []byte("garbage"))
	require.NoError(t, err)
	latest, _, err := b.LatestRoot(ctx, instance)
	require.NoError(t, err)
	_, err = b.Version(ctx, instance, 4, nil)
	code(t, action.CodeUnreadable, err)
	_, err = b.Version(ctx, instance, 4, versions[2])
	code(t, action.CodeUnreadable, err)

	damage, err := b.Damage(ctx, instance, latest)
	require.NoError(t, err)
	require.Equal(t, []bus.Root{{Revision: 4, Cut: versions[4].Cut}, {Revision: 3, Cut: versions[3].Cut}}, damage.Broken)
	require.EqualValues(t, 2, damage.Good.Revision.Revision)
	code(t, action.CodeUnreadable, damage.Cause)
	require.NoError(t, b.Repair(ctx, instance, damage))
	for _, revision := range []uint64{2, 3, 4} {
		v, err := b.Version(ctx, instance, revision, nil)
		require.NoError(t, err)
		require.Equal(t, "https://2.example", urlOf(v))
	}
	list, err := b.History(ctx, instance, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []uint64{4, 3, 2, 1}, numbers(list))
	require.Contains(t, list[0].Source, "holds revision 2")
}

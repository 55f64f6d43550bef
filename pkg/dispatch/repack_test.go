package dispatch_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// TestLinesArePackedAnew begins with lines that have consumers, as an earlier version has
// made them, goes on with a dispatcher that packs lines, and with one that does not, while
// events flow: nothing is lost or overtaken, and one that somebody paused stands until it
// is resumed.
func TestLinesArePackedAnew(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	told := func(count int) *running {
		return f.dispatcherWith(f.bus(), dispatch.Options{Shards: count}.Hurried(hurried, 2*hurried))
	}
	d := told(shards.None)
	for _, id := range instances {
		tenant{f, id}.change(t, d, moved(r, id, "hook", 4))
	}
	require.NoError(t, d.Instance(instances[1]).PauseSubscription(within(t, time.Minute), "user.*/hook", dispatch.AllLanes))
	f.worker(f.bus())
	p := f.publisher()
	flow := func() {
		for _, id := range instances {
			p.publish(t, id, "", "user.added", "u", "v", "w", "x", "y", "z")
		}
	}
	for n, count := range []int{2, shards.None, 2} {
		flow()
		require.NoError(t, d.Stop(within(t, time.Minute)))
		d = told(count)
		require.Eventually(t, func() bool {
			flow()
			return f.packed(t, instances[0], count != shards.None) && f.packed(t, instances[1], count != shards.None)
		}, time.Minute, 20*time.Millisecond, "lines are not packed as the dispatcher was told")
		require.Empty(t, r.got(pathOf(instances[1], "hook")), "a line that somebody paused goes on")
		if n == 0 { // others go on being packed
			require.NoError(t, d.Stop(within(t, time.Minute)))
			d = told(count + 1)
			tenant{f, instances[0]}.change(t, d, moved(r, instances[0], "other", 1))
			flow()
			tenant{f, instances[0]}.change(t, d, moved(r, instances[0], "hook", 4))
		}
	}
	require.NoError(t, d.Instance(instances[1]).ResumeSubscription(within(t, time.Minute), "user.*/hook", dispatch.AllLanes))
	f.settled(t, instances...)
	for _, id := range instances {
		all := tenant{f, id}.linesOf(t)
		require.Len(t, all, 4, "the old ones are gone")
		last := map[string]uint64{}
		for _, a := range r.got(pathOf(id, "hook")) {
			if a.n != last[a.aggregate] { // one that was sent twice, as when a worker was not heard of
				require.Equal(t, last[a.aggregate]+1, a.n, "%s %v", a.aggregate, numbers(r.got(pathOf(id, "hook")), a.aggregate))
			}
			last[a.aggregate] = a.n
		}
		for key, n := range p.counts {
			if _, of := last[key]; of {
				require.Equal(t, n, last[key], key)
			}
		}
		require.Len(t, last, 6)
	}
}

// packed tells whether all lines that stand for events are packed, or none is.
func (f *fleet) packed(t *testing.T, id string, want bool) bool {
	t.Helper()
	for _, l := range (tenant{f, id}).linesOf(t) {
		if l.DrainTo == 0 && l.Packed() != want {
			return false
		}
	}
	return true
}

// TestManyLinesArePacked where nobody says otherwise: those of an instance that has more of
// them than consumers are good for, in the edit that takes it there, and they stay so.
func TestManyLinesArePacked(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		p := of.publisher()
		of.change(t, d, moved(r, of.id, "hook", shards.PackFrom))
		want := shards.Unasked > 0
		require.True(t, of.packed(t, of.id, want))
		p.publish(t, of.id, "", "user.added", "u", "v", "w", "x", "y", "z")
		if of.id == instances[0] { // the other one stays as it is
			of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot {
				next, sc := current.Draft("")
				sc.Targets["more"] = hook("more", r.url(of.id, "more"))
				sc.Sections[action.OnEvent] = append(slices.Clone(sc.Sections[action.OnEvent]), execution("group.*", "more"))
				return next
			})
			want = true
			require.True(t, of.packed(t, of.id, true))
		}
		p.publish(t, of.id, "", "user.added", "u", "v", "w", "x", "y", "z")
		of.settled(t, of.id)
		of.change(t, d, moved(r, of.id, "hook", shards.PackFrom))
		require.True(t, of.packed(t, of.id, want))
		of.settled(t, of.id)
		require.Len(t, of.linesOf(t), shards.PackFrom)
		last := map[string]uint64{}
		for _, a := range r.got(pathOf(of.id, "hook")) {
			require.LessOrEqual(t, a.n, last[a.aggregate]+1, a.aggregate)
			last[a.aggregate] = a.n
		}
		require.Len(t, last, 6)
		for aggregate, n := range last {
			require.EqualValues(t, 2, n, aggregate)
		}
	})
}

// TestALineIsReplacedOnce: a dispatcher dies when it has made the new line, and has not had
// the old one drain. The next one ends the old one where the new one begins.
func TestALineIsReplacedOnce(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcherWith(f.bus(), dispatch.Options{Shards: shards.None}.Hurried(hurried, 2*hurried))
	both(t, f, func(t *testing.T, of tenant) {
		p, i := of.publisher(), lines.Of(of.bus().Instance(of.id))
		of.change(t, d, moved(r, of.id, "hook", 1))
		p.publish(t, of.id, "", "user.added", "u", "u")
		of.change(t, d, (&migration{name: "hook", lanes: 1, timeout: time.Minute}).of(r, of.id))
		next := of.linesOf(t)[0]
		next.Shard, next.Fenced, next.Name, next.Cut = 1, true, next.Name+"-2", p.events[1].sequence+1 // where the marker is
		require.NoError(t, i.Add(within(t, time.Minute), next))
		p.publish(t, of.id, "", "user.added", "u", "u")
	})
	require.NoError(t, d.Stop(within(t, time.Minute)))
	d = f.dispatcherWith(f.bus(), dispatch.Options{Shards: 1}.Hurried(hurried, 2*hurried))
	for _, id := range instances {
		require.Eventually(t, func() bool { return tenant{f, id}.linesOf(t)[0].DrainTo > 0 }, time.Minute, 20*time.Millisecond)
		require.Len(t, tenant{f, id}.linesOf(t), 2)
	}
	f.worker(f.bus())
	f.settled(t, instances...)
	for _, id := range instances {
		require.Len(t, tenant{f, id}.linesOf(t), 1)
		var got []uint64
		for _, a := range r.got(pathOf(id, "hook")) {
			if len(got) == 0 || got[len(got)-1] != a.n {
				got = append(got, a.n)
			}
		}
		require.Equal(t, []uint64{1, 2, 3, 4}, got)
		for _, s := range subscriptionsOf(t, d, id) {
			require.Equal(t, action.SubscriptionRunning, s.State)
		}
	}
}

// TestNoticeOfAnEditThatNeverWas: a dispatcher dies when it has given notice, before there
// is the revision. The next edit may want the line as it is: another takes its place all
// the same, for what comes behind the marker is not the old one's.
func TestNoticeOfAnEditThatNeverWas(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		p := of.publisher()
		revision := of.change(t, d, moved(r, of.id, "hook", 1))
		p.publish(t, of.id, "", "user.added", "u")
		l := of.linesOf(t)[0]
		l.Until = revision
		require.NoError(t, lines.Of(of.bus().Instance(of.id)).Ensure(within(t, time.Minute), l))
		time.Sleep(hurried / 5) // a dispatcher that follows one that died has heard of it: the lead lapses first
		of.change(t, d, (&migration{name: "hook", lanes: 1, timeout: time.Minute}).of(r, of.id))
		p.publish(t, of.id, "", "user.added", "u")
		of.arrived(t, r, p)
		of.settled(t, of.id)
		require.Len(t, of.linesOf(t), 1)
	})
}

func subscriptionsOf(t *testing.T, d *running, id string) []action.Subscription {
	t.Helper()
	all, err := d.Instance(id).Subscriptions(within(t, time.Minute))
	require.NoError(t, err)
	return all
}

func numbers(all []arrival, aggregate string) (n []uint64) {
	for _, a := range all {
		if a.aggregate == aggregate {
			n = append(n, a.n)
		}
	}
	return n
}

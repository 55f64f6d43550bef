package dispatch_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// linesOf lists the lines of events, by their cuts.
func (of tenant) linesOf(t *testing.T) []lines.Line {
	t.Helper()
	all, err := lines.Of(of.bus().Instance(of.id)).List(within(t, 20*time.Second))
	require.NoError(t, err)
	all = slices.DeleteFunc(all, func(l lines.Line) bool { return l.Async })
	slices.SortFunc(all, func(a, b lines.Line) int { return int(int64(a.Cut) - int64(b.Cut)) })
	return all
}

// moved is a catalog with one target of that name, for all events of users. One
// that is there keeps its id under the name.
func moved(r *receiver, id, name string, count int) func(*catalog.Snapshot) *catalog.Snapshot {
	return (&migration{name: name, lanes: count}).of(r, id)
}

// TestAFenceHoldsThroughAnEmptyLine: a line with nothing before it stands between
// two others. The last one waits for the first all the same: what the first has is
// older than all that comes.
func TestAFenceHoldsThroughAnEmptyLine(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		p := f.publisher()
		of.change(t, d, moved(r, of.id, "crook", 1))
		p.publish(t, of.id, "", "user.added", "u") // without a worker it waits
		of.change(t, d, (&migration{gone: true}).of(r, of.id))
		of.change(t, d, moved(r, of.id, "crook", 1)) // another of that name
		of.change(t, d, moved(r, of.id, "hook", 4))
		p.publish(t, of.id, "", "user.added", "u")
		// It would have begun within a few looks at the lines.
		for end := time.Now().Add(3 * hurried); time.Now().Before(end); <-time.After(hurried / 10) {
			all := of.linesOf(t)
			require.True(t, all[len(all)-1].Fenced, "it begins before what is older is done")
		}
	})
	f.worker(f.bus())
	f.settled(t, instances...)
	for _, id := range instances {
		got := r.got(pathOf(id, "hook"))
		require.Len(t, got, 2)
		require.Equal(t, []uint64{1, 2}, []uint64{got[0].n, got[1].n})
	}
}

// TestTwoMigrationsInARow: the second comes before the first has drained, and the
// dispatcher that lets the next line go dies between the broker and the book.
func TestTwoMigrationsInARow(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		p := f.publisher()
		for n, count := range []int{1, 4, 1} {
			of.change(t, d, moved(r, of.id, []string{"hook", "crook"}[n%2], count))
			p.publish(t, of.id, "", "user.added", "u", "v", "w")
		}
		all := of.linesOf(t)
		require.Len(t, all, 6)
		require.False(t, all[0].Fenced)
		for _, l := range all[1:] {
			require.True(t, l.Fenced, l.Name)
		}
		names := map[string]bool{}
		for _, l := range all {
			names[l.Name] = true
		}
		require.Len(t, names, 6, "no name is used twice")
		// As the one leaves it that dies as it lets the line go.
		subscriptions, err := d.Instance(of.id).Subscriptions(within(t, 20*time.Second))
		require.NoError(t, err)
		states := map[action.SubscriptionState]int{}
		for _, s := range subscriptions {
			states[s.State]++
		}
		require.Equal(t, map[action.SubscriptionState]int{action.SubscriptionDraining: 1, action.SubscriptionMigrating: 5, action.SubscriptionRunning: 1}, states)
	})
	f.worker(f.bus())
	f.settled(t, instances...)
	for _, id := range instances {
		all := tenant{f, id}.linesOf(t)
		require.Len(t, all, 1)
		require.Equal(t, []any{"hook", 1}, []any{all[0].Target, all[0].Lanes})
		last := map[string]uint64{}
		for _, a := range r.got(pathOf(id, "hook")) {
			require.Equal(t, last[a.aggregate]+1, a.n, a.aggregate)
			last[a.aggregate] = a.n
		}
		require.Len(t, last, 3)
	}
}

// stands tells the states of a subscription's lines that do not drain.
func stands(t *testing.T, d *running, id, name string) (states []action.SubscriptionState) {
	t.Helper()
	all, _ := d.Instance(id).Subscriptions(within(t, 20*time.Second)) // none are never what is expected
	for _, s := range all {
		if s.Name == name && s.State != action.SubscriptionDraining {
			states = append(states, s.State)
		}
	}
	return states
}

// TestAPauseOutlivesAMigration: lines that somebody paused stand when their number
// or their target's name has changed, whether anything waited in them or not, and
// so do those that are paused while they wait. Resuming ends it.
func TestAPauseOutlivesAMigration(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		i, p := d.Instance(of.id), f.publisher()
		of.change(t, d, moved(r, of.id, "hook", 1))
		require.NoError(t, i.PauseSubscription(within(t, 20*time.Second), "user.*/hook", dispatch.AllLanes))
		for _, to := range []struct {
			name  string
			count int
		}{{"hook", 4}, {"crook", 1}, {"crook", 4}} { // the second before the first has drained, or not
			of.change(t, d, moved(r, of.id, to.name, to.count))
		}
		four := []action.SubscriptionState{action.SubscriptionPaused, action.SubscriptionPaused, action.SubscriptionPaused, action.SubscriptionPaused}
		require.Eventually(t, func() bool { return slices.Equal(stands(t, d, of.id, "user.*/crook"), four) }, time.Minute, 20*time.Millisecond)
		p.publish(t, of.id, "", "user.added", "u", "v", "w")
		require.NoError(t, i.ResumeSubscription(within(t, 20*time.Second), "user.*/crook", dispatch.AllLanes))
		f.reach(t, r, map[string]int{pathOf(of.id, "hook"): 3})
		f.settled(t, of.id)

		// Now those that wait are paused, and what they wait for is not empty.
		require.NoError(t, i.PauseTarget(within(t, 20*time.Second), "", "crook", "by hand"))
		require.Eventually(t, func() bool { _, paused := i.Paused("", "crook"); return paused }, time.Minute, 10*time.Millisecond)
		p.publish(t, of.id, "", "user.added", "u")
		of.change(t, d, moved(r, of.id, "crook", 1))
		require.Contains(t, stands(t, d, of.id, "user.*/crook"), action.SubscriptionMigrating)
		code(t, action.CodeConflict, i.ResumeSubscription(within(t, 20*time.Second), "user.*/crook", 0))
		only := of.linesOf(t)
		last := only[len(only)-1].Name
		require.NoError(t, i.PauseSubscription(within(t, 20*time.Second), last, dispatch.AllLanes))
		_, err := i.ResumeTarget(within(t, 20*time.Second), "", "crook")
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			return slices.Equal(stands(t, d, of.id, "user.*/crook"), []action.SubscriptionState{action.SubscriptionPaused})
		}, time.Minute, 20*time.Millisecond)
		p.publish(t, of.id, "", "user.added", "u")
		for _, a := range r.got(pathOf(of.id, "hook")) {
			require.Less(t, a.n, uint64(3), "it stands")
		}
		require.NoError(t, i.ResumeSubscription(within(t, 20*time.Second), last, dispatch.AllLanes))
		f.settled(t, of.id)
		require.Zero(t, f.account(t, r, of.id, p.events))
	})
}

package dispatch_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// TestWhoWasAwayWhenAnInstanceWasDeleted neither brings it back nor keeps it, when it
// hears again; and of one that was made again meanwhile it knows what is there now.
func TestWhoWasAwayWhenAnInstanceWasDeleted(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	c := newCable(t, f.url)
	away := f.dispatcherWith(f.busAt(c.url, bus.Options{}), dispatch.Options{}.Hurried(hurried, 2*hurried))
	gone, again, stays := tenant{f, instances[0]}, tenant{f, "again"}, tenant{f, instances[1]}
	for _, of := range []tenant{gone, again, stays} {
		w := of.whole(t, d, r)
		_, err := away.Instance(of.id).Catalog(within(t, 20*time.Second), w.revision)
		if err != nil { // it had not heard of the instance yet
			require.Eventually(t, func() bool {
				_, err = away.Instance(of.id).Catalog(within(t, time.Second), w.revision)
				return err == nil
			}, 20*time.Second, 10*time.Millisecond)
		}
	}
	c.cut()
	c.stall()
	for _, of := range []tenant{gone, again} {
		_, err := d.Instance(of.id).Delete(within(t, 40*time.Second))
		require.NoError(t, err)
	}
	of := again.made(t, d, baseOf(r, again.id).WithTarget("", hook("new", r.url(again.id, "new"))))
	require.Contains(t, of.Scopes[""].Targets, "new")
	c.goOn()
	require.Eventually(t, func() bool { return !slices.Contains(away.InstanceIDs(), gone.id) }, time.Minute, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		m, err := away.Instance(again.id).Catalog(within(t, 10*time.Second), 0)
		return err == nil && m.Revision() == of.Revision && m.Snapshot().Scopes[""].Targets["new"].URL != ""
	}, time.Minute, 50*time.Millisecond)
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		require.Empty(t, f.everythingOf(t, gone.id), "nobody puts it back")
	}
	root, _, err := revisions.Of(f.bus().Instance(again.id)).Current(within(t, 10*time.Second))
	require.NoError(t, err)
	require.Equal(t, of.Revision, root.Revision)
	_, paused := away.Instance(again.id).Paused("", "z")
	require.False(t, paused)
}

// TestNobodyTouchesWhatIsBeingDeleted: what waited for its turn when it was stored
// that the instance goes is not done any more.
func TestNobodyTouchesWhatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		of.made(t, d, baseOf(r, of.id))
		did, refused := make(chan struct{}), make(chan error, 1)
		of.held(t, of.id, func() {
			go func() {
				refused <- d.Instance(of.id).Lead(within(t, 30*time.Second), func(context.Context) error { close(did); return nil })
			}()
			require.Never(t, func() bool { return len(refused) > 0 }, 300*time.Millisecond, 50*time.Millisecond, "it stands in line")
			require.NoError(t, revisions.Of(f.bus().Instance(of.id)).Delete(within(t, 10*time.Second)))
		})
		code(t, action.CodeUnknownInstance, <-refused)
		select {
		case <-did:
			require.Fail(t, "it was done")
		default:
		}
		require.Eventually(t, func() bool { return len(f.everythingOf(t, of.id)) == 0 }, time.Minute, 100*time.Millisecond, "who heard of it removes it")
		require.NoError(t, d.HealUnheard(within(t, 20*time.Second), of.id))
		require.Empty(t, f.everythingOf(t, of.id), "who has not heard of it finds nothing to heal")
		require.NotContains(t, d.InstanceIDs(), of.id)
	})
}

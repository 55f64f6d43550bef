package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/wire"
)

// keptOf lists what is kept under the names of an instance's targets, those that
// have left among them, sorted.
func (f *fleet) keptOf(id string) []string {
	f.t.Helper()
	var kept []string
	for _, key := range f.secrets() {
		if rest, ok := strings.CutPrefix(key, wire.Token(id)+"."); ok {
			kept = append(kept, rest)
		}
	}
	return kept
}

// TestATargetThatComesBackKeepsItsKey: a target is removed, and the dispatcher
// that brings it back dies between the marker and the root. The other one tidies
// up when the target has been away for long enough to be forgotten.
func TestATargetThatComesBackKeepsItsKey(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.keeping()
	f.worker(f.bus())
	both(t, f, func(t *testing.T, of tenant) {
		i, p := d.Instance(of.id), f.publisher()
		base := of.made(t, d, baseOf(r, of.id))
		key, err := i.SigningKey(within(t, 10*time.Second), "", "x")
		require.NoError(t, err)
		p.publish(t, of.id, "", "user.added", "u")
		of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot { return lacking(current, "x") })
		_, died := f.dies(t, of.id, func(c *cable) { c.killBehindFirst(of.id, "marker") },
			func(*catalog.Snapshot) *catalog.Snapshot { return base })
		require.True(t, died)
		p.publish(t, of.id, "", "user.added", "u", "v") // x is to have them
		require.Eventually(t, func() bool { return !strings.Contains(strings.Join(f.keptOf(of.id), " "), "departed") }, time.Minute, 50*time.Millisecond)
		again, err := i.SigningKey(within(t, 10*time.Second), "", "x")
		require.NoError(t, err)
		require.Equal(t, key, again)
		f.settled(t, of.id)
		require.Zero(t, f.account(t, r, of.id, p.events))
		require.Len(t, r.got(pathOf(of.id, "x")), 3)
		code(t, action.CodeNotFound, i.Skip(within(t, 10*time.Second), "user.*/x", dispatch.AllLanes))
	})
}

// TestConditionsOfADeadEdit: the dispatcher dies between the root and what the
// cores know of it. Another one that runs already tells them.
func TestConditionsOfADeadEdit(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		of.made(t, d, baseOf(r, of.id))
		_, died := f.dies(t, of.id, func(c *cable) { c.killBehindFirst(of.id, "root") }, func(current *catalog.Snapshot) *catalog.Snapshot {
			next, sc := current.Draft("")
			sc.Sections[action.Function] = []action.Execution{execution("g", "y")}
			return next
		})
		require.True(t, died)
		stored := revisions.Of(f.bus().Instance(of.id))
		require.Eventually(t, func() bool {
			handed, err := stored.ConditionsRevision(within(t, 10*time.Second))
			return err == nil && handed == 2
		}, time.Minute, 20*time.Millisecond, "nobody tells the cores")
	})
}

// TestNobodyGetsTheKeyOfADeadEdit: a dispatcher dies that was about to rename two
// targets, one of them paused. Who makes targets of the new names gets neither
// key nor pause; where nobody does, nothing stays.
func TestNobodyGetsTheKeyOfADeadEdit(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.patient()
	both(t, f, func(t *testing.T, of tenant) {
		i := d.Instance(of.id)
		of.made(t, d, baseOf(r, of.id))
		require.NoError(t, i.PauseTarget(within(t, 10*time.Second), "", "z", "by hand"))
		_, died := f.dies(t, of.id, func(c *cable) { c.killBehindFirst(of.id, "chunk") }, func(current *catalog.Snapshot) *catalog.Snapshot {
			return renamed(renamed(renamed(current, "x", "x2"), "y", "y2"), "z", "z2")
		})
		require.True(t, died)
		require.Contains(t, f.keptOf(of.id), "=.x2", "it had got as far as that")
		of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot {
			next, sc := current.Draft("")
			for _, name := range []string{"x2", "z2"} {
				sc.Targets[name] = hook(name, r.url(of.id, name))
			}
			return next
		})
		for old, name := range map[string]string{"x": "x2", "z": "z2"} {
			key, err := i.SigningKey(within(t, 10*time.Second), "", old)
			require.NoError(t, err)
			other, err := i.SigningKey(within(t, 10*time.Second), "", name)
			require.NoError(t, err)
			require.NotEqual(t, key, other, name)
		}
		require.Eventually(t, func() bool { _, paused := i.Paused("", "z2"); return !paused }, time.Minute, 10*time.Millisecond)
		reason, _ := i.Paused("", "z")
		require.Equal(t, "by hand", reason)
	})
	f.dispatcher() // which forgets
	for _, id := range instances {
		require.Eventually(t, func() bool {
			return strings.Join(f.keptOf(id), " ") == "=.x =.x2 =.y =.z =.z2 acme.x"
		}, time.Minute, 50*time.Millisecond, "%v", f.keptOf(id))
	}
}

// TestAnInstanceThatWasHalfMade: who made it died before the first marker.
func TestAnInstanceThatWasHalfMade(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		_, died := f.dies(t, of.id, func(c *cable) { c.killBehind(of.id, 3) }, func(*catalog.Snapshot) *catalog.Snapshot { return baseOf(r, of.id) })
		require.True(t, died)
		require.NoError(t, d.Instance(of.id).Ensure(within(t, 20*time.Second)))
		of.made(t, d, baseOf(r, of.id))
	})
}

// TestBetweenMarkerAndRoot: no dispatcher is left that could set the root. What
// is stored behind the marker is for whom the marked revision says, and they are
// called as it says: a target that is new at once, one that changed where it is
// now.
func TestBetweenMarkerAndRoot(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	for _, id := range instances {
		tenant{f, id}.made(t, d, baseOf(r, id))
	}
	f.worker(f.bus())
	for _, id := range instances { // read by now
		require.Eventually(t, func() bool { _, err := d.Instance(id).Catalog(within(t, time.Second), 1); return err == nil }, time.Minute, time.Millisecond)
	}
	require.NoError(t, d.Stop(within(t, 20*time.Second)))
	there, other := instances[1], instances[0] // only in one of them
	_, died := f.dies(t, there, func(c *cable) { c.killBeforeFirst(there, "root") }, func(current *catalog.Snapshot) *catalog.Snapshot {
		next, sc := current.Draft("")
		sc.Targets["new"], sc.Targets["x"] = hook("new", r.url(there, "new")), hook("x", r.url(there, "x-now"))
		sc.Sections[action.OnEvent] = []action.Execution{execution("user.*", "x", "y", "new")}
		return next
	})
	require.True(t, died)
	p := f.publisher()
	for _, id := range instances {
		p.publish(t, id, "", "user.added", "u", "v")
	}
	f.reach(t, r, map[string]int{pathOf(there, "new"): 2, pathOf(there, "x-now"): 2, pathOf(there, "y"): 2, pathOf(other, "x"): 2, pathOf(other, "y"): 2})
	require.Empty(t, r.got(pathOf(there, "x")), "it is called where it is now")
	require.Empty(t, f.records(t), "nothing was held up")
	root, _, err := revisions.Of(f.bus().Instance(there)).Current(within(t, 10*time.Second))
	require.NoError(t, err)
	require.EqualValues(t, 1, root.Revision, "or the test shows nothing")
}

// reach waits until so much has arrived for each path.
func (f *fleet) reach(t *testing.T, r *receiver, want map[string]int) {
	t.Helper()
	for path, n := range want {
		require.Eventually(t, func() bool { return len(r.got(path)) >= n }, time.Minute, 5*time.Millisecond, "%s got %v", path, r.got(path))
	}
}

// records lists the keys of all records of lines.
func (f *fleet) records(t *testing.T) (records []string) {
	t.Helper()
	for _, key := range f.keysOf(t, "callout_lines") {
		if strings.Contains(key, ".record.") {
			records = append(records, key)
		}
	}
	return records
}

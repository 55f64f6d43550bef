package dispatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/wire"
)

// walked is the edit that a dispatcher dies in.
type walked struct {
	absent bool // the target x is not there before
	edit   func(r *receiver, id string, base, current *catalog.Snapshot) *catalog.Snapshot
}

var walks = map[string]walked{
	"made": {edit: nil}, // the first edit of the instance
	"removed": {edit: func(_ *receiver, _ string, _, current *catalog.Snapshot) *catalog.Snapshot {
		return lacking(current, "x")
	}},
	"brought back": {absent: true, edit: func(_ *receiver, _ string, base, _ *catalog.Snapshot) *catalog.Snapshot {
		return base
	}},
	"renamed": {edit: func(_ *receiver, _ string, _, current *catalog.Snapshot) *catalog.Snapshot {
		return renamed(renamed(current, "x", "x2"), "z", "z2")
	}},
	"lanes": {edit: func(_ *receiver, _ string, _, current *catalog.Snapshot) *catalog.Snapshot {
		next, sc := current.Draft("")
		sc.Targets["x"] = lanes(sc.Targets["x"], 4)
		return next
	}},
	"renamed with other lanes": {edit: func(_ *receiver, _ string, _, current *catalog.Snapshot) *catalog.Snapshot {
		next, sc := renamed(current, "x", "x2").Draft("")
		sc.Targets["x2"] = lanes(sc.Targets["x2"], 4)
		return next
	}},
}

// TestDispatcherDiesBetweenTwoWrites has one of two dispatchers die behind the
// first write of an edit, behind the second, and so on, each time in an instance
// of its own with the same names as all the others. The other one then removes a target, brings it back by a rollback
// and makes it anew, itself or after a restart, while events flow. Every event is
// delivered or a dead letter, and every target has its key and its pause.
func TestDispatcherDiesBetweenTwoWrites(t *testing.T) {
	t.Parallel()
	for name, w := range walks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			walk := &walk{fleet: f, walked: w, receiver: newReceiver(t), other: f.patient(), publisher: f.publisher()}
			f.worker(f.bus())
			var steps []string
			stride := strides(t)
			for n, ended := 1+len(name)%stride, false; !ended; n += stride {
				steps, ended = walk.step(t, fmt.Sprintf("walk-%02d", n), n)
				require.Less(t, n, 60, "the edit never ends")
			}
			t.Logf("%d writes: %s", len(steps), strings.Join(steps, ", "))
			require.GreaterOrEqual(t, len(steps), 6)
			walk.check(t)
		})
	}
}

// patient starts a dispatcher that looks after what it keeps often, and forgets
// nothing while a test runs.
func (f *fleet) patient() *running {
	f.t.Helper()
	return f.dispatcherWith(f.bus(), dispatch.Options{}.Hurried(hurried, time.Hour))
}

// strides is how many writes lie between two deaths: none in a long run, which
// CALLOUT_ROUNDS asks for.
func strides(t *testing.T) int {
	t.Helper()
	if rounds(t, 0) > 0 {
		return 1
	}
	return 8
}

// rounds is n, or what CALLOUT_ROUNDS asks for.
func rounds(t *testing.T, n int) int {
	t.Helper()
	if text := os.Getenv("CALLOUT_ROUNDS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err, "CALLOUT_ROUNDS")
	}
	return n
}

// walk is one edit that is walked through.
type walk struct {
	*fleet
	walked
	receiver  *receiver
	other     *running // who survives
	publisher *publisher
	all       []*walkedInstance
}

// walkedInstance is what one instance of a walk should still have in the end.
type walkedInstance struct {
	id   string
	keys map[string]string
}

func (w *walk) apply(t *testing.T, id string, s *catalog.Snapshot) *catalog.Snapshot {
	t.Helper()
	return tenant{w.fleet, id}.made(t, w.other, s)
}

func (w *walk) change(t *testing.T, id string, change func(current *catalog.Snapshot) *catalog.Snapshot) {
	t.Helper()
	tenant{w.fleet, id}.change(t, w.other, change)
}

// made puts a catalog in force, as a rollback does, and gives it as it is stored.
func (of tenant) made(t *testing.T, d *running, s *catalog.Snapshot) *catalog.Snapshot {
	t.Helper()
	after := of.change(t, d, func(*catalog.Snapshot) *catalog.Snapshot { return s })
	stored, err := d.Instance(of.id).CatalogAt(within(t, 20*time.Second), after)
	require.NoError(t, err)
	return stored
}

// change makes an edit, and gives the revision.
func (of tenant) change(t *testing.T, d *running, change func(current *catalog.Snapshot) *catalog.Snapshot) uint64 {
	t.Helper()
	var after uint64
	err := overConflicts(func() (err error) {
		_, after, err = d.Instance(of.id).Edit(within(t, 30*time.Second), "rollback to a catalog",
			func(current *catalog.Snapshot) (*catalog.Snapshot, error) { return change(current), nil })
		return err
	})
	require.NoError(t, err, "%s", of.id)
	return after
}

// overConflicts makes an edit again when it has lost its lead, as whoever is told of a
// conflict does: on a machine under load that happens.
func overConflicts(edit func() error) (err error) {
	for range 5 {
		if err = edit(); action.CodeOf(err) != action.CodeConflict {
			return err
		}
	}
	return err
}

func (w *walk) key(t *testing.T, id, org, target string) string {
	t.Helper()
	key, err := w.other.Instance(id).SigningKey(within(t, 10*time.Second), org, target)
	require.NoError(t, err, "%s %s", id, target)
	return key
}

func (w *walk) flow(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		w.publisher.publish(t, id, "", "user.added", "u", "v")
		w.publisher.publish(t, id, "acme", "user.added", "u")
		w.publisher.publish(t, id, "", "order.placed", "o")
	}
}

// step has a dispatcher die behind a number of writes, and all that comes after
// it. ended tells that the edit needs no more.
func (w *walk) step(t *testing.T, id string, writes int) (steps []string, ended bool) {
	t.Helper()
	i := &walkedInstance{id: id, keys: map[string]string{}}
	w.all = append(w.all, i)
	base := baseOf(w.receiver, id)
	if w.edit != nil {
		base = w.apply(t, id, base)
		w.begin(t, i)
		if w.absent {
			w.change(t, id, func(current *catalog.Snapshot) *catalog.Snapshot { return lacking(current, "x") })
			w.flow(t, id)
		}
	}
	steps, ended = w.die(t, id, writes, base)
	if writes%3 == 0 {
		require.NoError(t, w.other.Stop(within(t, 20*time.Second)))
		w.other = w.patient()
	}
	if w.edit == nil {
		base = w.apply(t, id, base)
		w.begin(t, i)
	}
	w.bringBack(t, i, base)
	return steps, ended
}

// begin notes the keys, pauses z and has events.
func (w *walk) begin(t *testing.T, i *walkedInstance) {
	t.Helper()
	for _, name := range []string{"x", "y", "z"} {
		i.keys[name] = w.key(t, i.id, "", name)
	}
	i.keys["acme"] = w.key(t, i.id, "acme", "x")
	require.NoError(t, w.other.Instance(i.id).PauseTarget(within(t, 10*time.Second), "", "z", "by hand"))
	w.flow(t, i.id)
}

// die has a dispatcher of its own make the edit until it dies.
func (w *walk) die(t *testing.T, id string, writes int, base *catalog.Snapshot) (steps []string, ended bool) {
	t.Helper()
	steps, died := w.dies(t, id, func(c *cable) { c.killBehind(id, writes) }, func(current *catalog.Snapshot) *catalog.Snapshot {
		if w.edit == nil {
			return base
		}
		return w.edit(w.receiver, id, base, current)
	})
	if w.edit != nil {
		w.flow(t, id) // before anybody notices
	}
	return steps, !died
}

// dies has a dispatcher of its own make an edit, and die where kill says. It
// gives the writes that were made.
func (f *fleet) dies(t *testing.T, id string, kill func(*cable), edit func(current *catalog.Snapshot) *catalog.Snapshot) (steps []string, died bool) {
	t.Helper()
	c := newCable(t, f.url)
	b := f.busAt(c.url, bus.Options{})
	d := f.dispatcherWith(b, dispatch.Options{Shards: f.dying})
	ctx, cancel := context.WithCancel(within(t, 30*time.Second))
	defer cancel()
	dead := make(chan string, 1)
	go func() {
		defer close(dead)
		select {
		case <-c.severed: // it led, or it could not have written
			who, _ := f.leader(t, id)
			dead <- who
			cancel()
		case <-ctx.Done():
		}
	}()
	kill(c)
	err := overConflicts(func() error {
		_, _, err := d.Instance(id).Edit(ctx, "rollback to a catalog", func(current *catalog.Snapshot) (*catalog.Snapshot, error) {
			return edit(current), nil
		})
		return err
	})
	select {
	case <-c.severed:
		died = true
	default:
		require.NoError(t, err)
	}
	if died {
		f.passOver(t, id, <-dead)
	}
	c.kill()
	b.Close()
	require.NoError(t, d.Stop(within(t, 20*time.Second)))
	return c.written(), died
}

// passOver sets the dispatcher aside that led an instance and has died. It would
// be found dead after 2.7 s; a test of many steps does not wait for that. Another
// one is never touched: it may be at work.
func (f *fleet) passOver(t *testing.T, id, dead string) {
	t.Helper()
	leads := f.bucket("callout_leads")
	for dead != "" {
		who, revision := f.leader(t, id)
		if who != dead || leads.Delete(within(t, 10*time.Second), wire.Token(id), jetstream.LastRevision(revision)) == nil {
			return
		}
	}
}

// leader tells who leads an instance; "" = nobody, or it cannot be told.
func (f *fleet) leader(t *testing.T, id string) (who string, revision uint64) {
	t.Helper()
	v, err := f.bucket("callout_leads").Get(within(t, 10*time.Second), wire.Token(id))
	if err != nil {
		return "", 0
	}
	var rota struct{ Leader string }
	if json.Unmarshal(v.Value(), &rota) != nil {
		return "", 0
	}
	return rota.Leader, v.Revision()
}

// bringBack removes the target x, or whatever it is called by now, brings it
// back, and makes others under its names.
func (w *walk) bringBack(t *testing.T, i *walkedInstance, base *catalog.Snapshot) {
	t.Helper()
	meta, _ := base.MetaOf("", target("x"))
	w.change(t, i.id, func(current *catalog.Snapshot) *catalog.Snapshot {
		place, there := current.FindID(meta.ID)
		if !there {
			return current
		}
		return lacking(current, place.Name)
	})
	w.flow(t, i.id)
	w.apply(t, i.id, base)
	for name, key := range i.keys {
		org := ""
		if name == "acme" {
			org, name = "acme", "x"
		}
		require.Equal(t, key, w.key(t, i.id, org, name), "%s: the key of %q", i.id, name)
	}
	w.flow(t, i.id)
	w.change(t, i.id, func(current *catalog.Snapshot) *catalog.Snapshot { return lacking(current, "x") })
	w.flow(t, i.id)
	w.change(t, i.id, func(current *catalog.Snapshot) *catalog.Snapshot {
		next, sc := current.Draft("")
		for _, name := range []string{"x", "x2", "z2"} {
			sc.Targets[name] = hook(name, w.receiver.url(i.id, name))
		}
		sc.Sections[action.OnEvent] = []action.Execution{execution("user.*", "x", "y", "x2", "z2"), execution("order.placed", "z")}
		return next
	})
	w.flow(t, i.id)
	for _, name := range []string{"x", "x2", "z2"} {
		for owner, key := range i.keys {
			require.NotEqual(t, key, w.key(t, i.id, "", name), "%s: %s has the key of %s", i.id, name, owner)
		}
		i.keys[name+" anew"] = w.key(t, i.id, "", name)
	}
	delete(i.keys, "x")
}

// check looks at all instances when everything has come to rest.
func (w *walk) check(t *testing.T) {
	t.Helper()
	var ids []string
	for _, i := range w.all {
		ids = append(ids, i.id)
		require.Empty(t, w.receiver.got(pathOf(i.id, "z")), "%s: z is paused", i.id)
		reason, paused := w.other.Instance(i.id).Paused("", "z")
		require.Equal(t, []any{"by hand", true}, []any{reason, paused}, i.id)
		_, paused = w.other.Instance(i.id).Paused("", "z2")
		require.False(t, paused, "%s: another has the pause", i.id)
		_, err := w.other.Instance(i.id).ResumeTarget(within(t, 20*time.Second), "", "z")
		require.NoError(t, err)
	}
	w.settled(t, ids...)
	dead := w.account(t, w.receiver, "", w.publisher.events)
	t.Logf("%d instances, %d events, %d requests, %d dead letters", len(ids), len(w.publisher.events), len(w.receiver.got("")), dead)
	for _, i := range w.all {
		for name, key := range i.keys {
			name, _, _ = strings.Cut(name, " ")
			org := ""
			if name == "acme" {
				org, name = "acme", "x"
			}
			require.Equal(t, key, w.key(t, i.id, org, name), "%s: the key of %q", i.id, name)
		}
		subscriptions, err := w.other.Instance(i.id).Subscriptions(within(t, 20*time.Second))
		require.NoError(t, err)
		for _, s := range subscriptions {
			require.Equal(t, action.SubscriptionRunning, s.State, "%s %s", i.id, s.Name)
		}
	}
	w.skips(t)
}

// skips has one more event of each instance fail, and skips it.
func (w *walk) skips(t *testing.T) {
	t.Helper()
	i := w.all[len(w.all)-1]
	w.receiver.answer(pathOf(i.id, "y"), 503)
	w.publisher.publish(t, i.id, "", "user.added", "u")
	d := w.other.Instance(i.id)
	require.Eventually(t, func() bool { return d.Skip(within(t, 20*time.Second), "user.*/y", dispatch.AllLanes) == nil }, time.Minute, 50*time.Millisecond)
	w.receiver.answer(pathOf(i.id, "y"), 0)
	w.settled(t, i.id)
	w.account(t, w.receiver, "", w.publisher.events)
}

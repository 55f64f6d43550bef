package dispatch_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// ready is the answer of /readyz.
func (r *running) ready(t *testing.T) served {
	t.Helper()
	return caller{t, "127.0.0.1", strings.TrimPrefix(r.URL(), "http://")}.raw("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

// whole is what an instance has before something is lost.
type whole struct {
	tenant
	d        *running
	p        *publisher
	key      string
	revision uint64
	names    []string // of its lines of events
}

// whole makes an instance with a target that left and one that is paused, an event that waits for it, a dead
// letter and one that is sent again.
func (of tenant) whole(t *testing.T, d *running, r *receiver) *whole {
	t.Helper()
	w := &whole{tenant: of, d: d, p: of.publisher()}
	of.made(t, d, baseOf(r, of.id).WithTarget("", hook("leaves", r.url(of.id, "leaves"))))
	w.revision = of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot { return lacking(current, "leaves") })
	var err error
	w.key, err = d.Instance(of.id).SigningKey(within(t, 20*time.Second), "", "x")
	require.NoError(t, err)
	require.NoError(t, d.Instance(of.id).PauseTarget(within(t, 20*time.Second), "", "z", "by hand"))
	w.p.publish(t, of.id, "", "order.placed", "o", "p")
	kept := letters.Of(of.bus().Instance(of.id))
	for n := range 2 {
		require.NoError(t, kept.Keep(within(t, 20*time.Second), action.DeadLetter{DeliveryID: fmt.Sprint("dlv_", n), Instance: of.id, Target: "gone",
			Phase: action.OnEvent, DeadAt: time.Now(), Reason: action.CodeSkipped, Body: []byte(`{}`)}, 0))
	}
	one, err := kept.Get(within(t, 20*time.Second), "dlv_0")
	require.NoError(t, err)
	require.NoError(t, kept.Redrive(within(t, 20*time.Second), []letters.Letter{one}))
	w.names = of.namesOf(t)
	return w
}

// stands checks that an instance has all that it had: its revision, its root, what
// the cores know, its keys, its pause and its lines.
func (w *whole) stands(t *testing.T, what string) {
	t.Helper()
	ctx, i := within(t, time.Minute), w.bus().Instance(w.id)
	root, set, err := revisions.Of(i).Current(ctx)
	require.NoError(t, err, what)
	require.Equal(t, []any{true, w.revision}, []any{set, root.Revision}, what)
	handed, err := revisions.Of(i).ConditionsRevision(ctx)
	require.NoError(t, err, what)
	require.Equal(t, w.revision, handed, what)
	key, _, err := i.Secret(ctx, "", "x")
	require.NoError(t, err, what)
	require.Equal(t, w.key, key, what)
	reason, _, err := i.Pause(ctx, "", "z")
	require.NoError(t, err, what)
	require.EqualValues(t, "by hand", reason, what)
	left, err := i.Departed(ctx)
	require.NoError(t, err, what)
	require.Len(t, left, 1, "%s: the key of a target that left", what)
	all := w.linesOf(t)
	require.Len(t, all, 4, what)
	for _, l := range all {
		s, err := lines.Of(i).Standing(ctx, l)
		require.NoError(t, err, what)
		require.False(t, s.Paused, what)
	}
}

// TestWhatAnInstanceLosesIsMadeAgain while its neighbours lose something else, or
// nothing: the streams of events, dead letters and async deliveries, what was in the
// first, or a consumer. One of two dispatchers tells what is gone, and for good.
func TestWhatAnInstanceLosesIsMadeAgain(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	rarely := dispatch.Options{}.Hurried(time.Hour, time.Hour) // so that none but who looks for it finds what is lost
	pair := []*running{f.dispatcherWith(f.bus(), rarely), f.dispatcherWith(f.bus(), rarely)}
	remove := func(name func(bus.Instance) string) func(context.Context, *whole) error {
		return func(ctx context.Context, w *whole) error { return f.js.DeleteStream(ctx, name(w.bus().Instance(w.id))) }
	}
	losses := map[string]struct {
		lose func(context.Context, *whole) error
		gone string // as it is told
		left uint64 // events that wait for z
	}{
		"nothing": {func(context.Context, *whole) error { return nil }, "", 2},
		"events":  {remove(func(i bus.Instance) string { return i.Events }), `"events 1 to 5 or later"`, 0},
		"dead":    {remove(func(i bus.Instance) string { return i.Dead }), `"1 dead letters"`, 2},
		"async":   {remove(func(i bus.Instance) string { return i.Async }), `"1 async deliveries and redrives"`, 2},
		"emptied": {func(ctx context.Context, w *whole) error {
			s, err := f.js.Stream(ctx, w.bus().Instance(w.id).Events)
			if err == nil {
				err = s.Purge(ctx)
			}
			return err
		}, `"events 1 to 5"`, 0},
		"consumer": {func(ctx context.Context, w *whole) error {
			s, err := f.js.Stream(ctx, w.bus().Instance(w.id).Events)
			if err == nil {
				err = s.DeleteConsumer(ctx, w.linesOf(t)[0].Name)
			}
			return err
		}, "", 2},
	}
	all := map[string]*whole{}
	for name := range losses {
		all[name] = tenant{f, name + instances[1]}.whole(t, pair[len(all)%2], r)
	}
	for _, w := range all { // both dispatchers have seen what there is
		i := w.bus().Instance(w.id)
		for stream, n := range map[string]uint64{i.Events: 5, i.Dead: 1, i.Async: 1} {
			require.Eventually(t, func() bool { return pair[0].Looked(stream).Messages == n && pair[1].Looked(stream).Messages == n },
				time.Minute, 10*time.Millisecond, "%s: %v", stream, pair[0].Looked(stream))
		}
	}
	for name, loss := range losses {
		require.NoError(t, loss.lose(within(t, 20*time.Second), all[name]), name)
	}
	told := func(name string) int {
		return strings.Count(pair[0].log.String()+pair[1].log.String(), fmt.Sprintf(`"instance":%q,"missing"`, all[name].id))
	}
	for name := range losses {
		require.Eventually(t, func() bool { return (name == "nothing" || told(name) > 0) && pair[0].ready(t).status == http.StatusOK },
			time.Minute, 20*time.Millisecond, name)
	}
	log := pair[0].log.String() + pair[1].log.String()
	for name, loss := range losses {
		w := all[name]
		w.stands(t, name)
		awaitWaiting(t, w.d.Instance(w.id), "z", int(loss.left))
		if loss.gone != "" {
			require.Equal(t, 1, strings.Count(log, loss.gone), "%s: %s", name, log)
		}
		require.Equal(t, name != "nothing", told(name) > 0, name)
	}
}

const healed = "what was missing in NATS is made again"

// TestWhatAllShareIsMadeAgain: every bucket is deleted, or emptied. What dispatchers
// remember stands again, of both instances, and only the history is gone.
func TestWhatAllShareIsMadeAgain(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.patient()
	var all []*whole
	for _, id := range instances {
		all = append(all, tenant{f, id}.whole(t, d, r))
		require.NoError(t, d.Instance(id).Declare(within(t, 20*time.Second), catalog.Declaration{Core: "core", Functions: []string{"f"}, EventTypes: []string{"user.added"}}))
	}
	buckets := []string{bus.BucketCatalog, bus.BucketConditions, bus.BucketSecrets, bus.BucketLines, bus.BucketDeclared}
	for name, lose := range map[string]func(ctx context.Context, stream string) error{
		"deleted": f.js.DeleteStream,
		"emptied": func(ctx context.Context, stream string) error {
			s, err := f.js.Stream(ctx, stream)
			if err == nil {
				err = s.Purge(ctx)
			}
			return err
		},
	} {
		for _, bucket := range buckets {
			stream := bus.BucketStream(bucket)
			require.Eventually(t, func() bool {
				s, err := f.js.Stream(within(t, 20*time.Second), stream)
				return err == nil && d.Looked(stream).LastSeq == s.CachedInfo().State.LastSeq
			}, time.Minute, 50*time.Millisecond, stream)
		}
		before := strings.Count(d.log.String(), healed)
		for _, bucket := range buckets {
			require.NoError(t, lose(within(t, 20*time.Second), bus.BucketStream(bucket)), name)
		}
		if name == "deleted" { // which is seen at once
			got := d.ready(t)
			require.Equal(t, http.StatusServiceUnavailable, got.status)
			require.Contains(t, got.body, `"code":"missing"`)
		}
		require.Eventually(t, func() bool {
			return strings.Count(d.log.String(), healed) >= before+len(all) && d.ready(t).status == http.StatusOK
		}, time.Minute, 50*time.Millisecond, "%s: %s", name, d.log)
		for _, w := range all {
			w.stands(t, name)
			require.Equal(t, w.names, w.namesOf(t), name)
			declared, err := d.Instance(w.id).Declared(within(t, 20*time.Second))
			require.NoError(t, err)
			require.Equal(t, []string{"f"}, declared.Of(action.Function), name)
		}
	}
	require.Contains(t, d.log.String(), "the history of the catalog")
}

// namesOf lists the names of the lines of events, in their order.
func (of tenant) namesOf(t *testing.T) (names []string) {
	t.Helper()
	for _, l := range of.linesOf(t) {
		names = append(names, l.Name)
	}
	slices.Sort(names)
	return names
}

// TestAnEditIsFasterThanWhoMends: the buckets of catalogs and lines are emptied, and
// an edit comes before anybody has looked. The lines that have a consumer are those
// that were there, and no event goes out twice.
func TestAnEditIsFasterThanWhoMends(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.patient()
	f.worker(f.bus())
	names := map[string][]string{}
	for _, id := range instances {
		of := tenant{f, id}
		of.made(t, d, baseOf(r, id))
		of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot { // the lines are older than what is in force
			return current.WithTarget("", hook("other", r.url(id, "other")))
		})
		names[id] = of.namesOf(t)
	}
	for _, bucket := range []string{bus.BucketCatalog, bus.BucketLines} {
		s, err := f.js.Stream(within(t, 20*time.Second), bus.BucketStream(bucket))
		require.NoError(t, err)
		require.NoError(t, s.Purge(within(t, 20*time.Second)))
	}
	both(t, f, func(t *testing.T, of tenant) {
		p := f.publisher()
		of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot {
			return current.WithTarget("", hook("more", r.url(of.id, "more")))
		})
		require.Equal(t, names[of.id], of.namesOf(t))
		p.publish(t, of.id, "", "user.added", "u", "v")
		f.reach(t, r, map[string]int{pathOf(of.id, "x"): 2, pathOf(of.id, "y"): 2})
		f.settled(t, of.id)
		require.Equal(t, names[of.id], of.namesOf(t))
		require.Len(t, r.got(pathOf(of.id, "x")), 2)
	})
}

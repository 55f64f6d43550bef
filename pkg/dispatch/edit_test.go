package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestEditKeepsIDs: an object keeps its id and when it was made, by whichever
// way it is changed, and a target that is renamed keeps its key too.
func TestEditKeepsIDs(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	b := f.bus()
	before, after := d.edit(t, "api CreateTarget", add("a", "https://a.example"))
	require.Equal(t, []uint64{0, 1}, []uint64{before, after})
	made := d.meta(t, target("a"))
	require.Len(t, made.ID, 26)
	require.Equal(t, made.Created, made.Changed)
	require.Empty(t, made.Owner)
	key, ok, err := b.Instance(instance).Secret(within(t, 5*time.Second), "", "a")
	require.NoError(t, err)
	require.True(t, ok)

	before, after = d.edit(t, "nothing", func(*catalog.Scope) {})
	require.Equal(t, before, after)
	_, err = d.Instance(instance).Apply(within(t, 5*time.Second), parsed(t, "targets: {a: {type: webhook, url: https://a.example}, b: {type: webhook, url: https://b.example}}"))
	require.NoError(t, err)
	require.Equal(t, made, d.meta(t, target("a")), "the same settings, from a file")

	d.edit(t, "api UpdateTarget", func(sc *catalog.Scope) {
		delete(sc.Targets, "a")
		sc.Targets["c"] = hook("c", "https://a.example")
		sc.Meta[target("c")] = sc.Meta[target("a")]
	})
	renamed := d.meta(t, target("c"))
	require.Equal(t, []any{made.ID, made.Created}, []any{renamed.ID, renamed.Created})
	require.False(t, renamed.Changed.Before(made.Changed))
	carried, _, err := b.Instance(instance).Secret(within(t, 5*time.Second), "", "c")
	require.NoError(t, err)
	require.Equal(t, key, carried)
	other, _, err := b.Instance(instance).Secret(within(t, 5*time.Second), "", "b")
	require.NoError(t, err)
	require.NotEqual(t, key, other)

	second := f.dispatcher()
	require.Equal(t, renamed, second.meta(t, target("c")), "it is stored")
	m, err := second.Instance(instance).Catalog(within(t, 5*time.Second), 0)
	require.NoError(t, err)
	place, ok := m.FindID(made.ID)
	require.True(t, ok)
	require.Equal(t, catalog.Place{Ref: target("c")}, place)
}

func TestEditRefusals(t *testing.T) {
	t.Parallel()
	d := newFleet(t).dispatcher()
	_, _, err := d.tryEdit(t, instance, strings.Repeat("x", action.MaxSource+1), add("a", "https://a.example"))
	code(t, action.CodeBadField, err)
	_, _, err = d.tryEdit(t, instance, "api", add("a", "no url"))
	code(t, action.CodeBadCatalog, err)
	own := errors.New("mine")
	_, _, err = d.Instance(instance).Edit(within(t, 5*time.Second), "api", func(*catalog.Snapshot) (*catalog.Snapshot, error) { return nil, own })
	require.ErrorIs(t, err, own)
	_, err = d.Instance(instance).Catalog(within(t, 5*time.Second), 0)
	code(t, action.CodeUnknownInstance, err)
}

// TestManyDispatchersLoseNoEdit: each edit is made from the one before.
func TestManyDispatchersLoseNoEdit(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	const writers, edits = 3, 12
	var all sync.WaitGroup
	var mu sync.Mutex
	revisions := map[uint64]bool{}
	for w := range writers {
		d := f.dispatcher()
		all.Go(func() {
			last := uint64(0)
			for i := range edits {
				before, after, err := d.tryEdit(t, instance, "writer", add(fmt.Sprintf("t%d-%d", w, i), "https://a.example"))
				if err != nil || before >= after || after <= last {
					t.Errorf("%d to %d: %v", before, after, err)
					return
				}
				last = after
				mu.Lock()
				if revisions[after] {
					t.Errorf("revision %d was made twice", after)
				}
				revisions[after] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	d := f.dispatcher()
	require.Len(t, d.now(t).Scopes[""].Targets, writers*edits)
	list, err := d.Instance(instance).History(within(t, 5*time.Second), 0, 1000)
	require.NoError(t, err)
	require.Len(t, list, writers*edits)
	for _, r := range list {
		require.Equal(t, []int{1, 0, 0}, []int{r.Added, r.Changed, r.Removed})
	}
}

// TestEditTouchesNoOtherLine: what an edit does not concern is not written again.
func TestEditTouchesNoOtherLine(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	_, err := d.Instance(instance).Apply(within(t, 10*time.Second), parsed(t, `
targets: {a: {type: webhook, url: https://a.example, lanes: 4}, later: {type: async, url: https://b.example}}
events: {user.added: {targets: [{target: a}]}, user.removed: {targets: [{target: a}]}}
requests: {"*": {targets: [{target: later}]}}
`))
	require.NoError(t, err)
	writes := func() map[string]uint64 { // of lines: how far each has come is kept too, by and by
		kept, err := f.bus().Bucket(bus.BucketLines).Keys(within(t, 20*time.Second), wire.Token(instance)+".line.>")
		require.NoError(t, err)
		at := map[string]uint64{}
		for _, v := range kept {
			at[v.Key] = v.Revision
		}
		return at
	}
	before := writes()
	for i := range 5 {
		d.edit(t, "api", func(sc *catalog.Scope) { sc.Targets["a"] = lanes(hook("a", fmt.Sprint("https://", i, ".example")), 4) })
	}
	require.Equal(t, before, writes(), "its settings are no part of a line")
	d.edit(t, "api", func(sc *catalog.Scope) {
		sc.Sections[action.OnEvent] = append(sc.Sections[action.OnEvent], action.Execution{Name: "user.changed", Match: "user.changed", Entries: []action.Entry{{Target: "a"}}})
	})
	after := writes()
	require.Len(t, after, len(before)+4, "four new lanes")
	for key, revision := range before {
		require.Equal(t, revision, after[key], key)
	}
}

func lanes(t action.Target, n int) action.Target {
	t.Lanes = n
	return t
}

// TestHalfAnEditIsFinished: a dispatcher that died behind the marker, and one
// that died before the cores had their conditions.
func TestHalfAnEditIsFinished(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	d.edit(t, "api", add("a", "https://a.example"))
	b := f.bus()
	ctx := within(t, 20*time.Second)
	base, err := revisions.Of(b.Instance(instance)).Version(ctx, 1, nil)
	require.NoError(t, err)
	next, sc := base.Matcher.Snapshot().Draft("")
	sc.Sections[action.Function] = []action.Execution{{Name: "f", Match: "f", Entries: []action.Entry{{Target: "a"}}}}
	stamped := catalog.Stamp(base.Matcher.Snapshot(), next, catalog.Stamping{Now: time.Now().UTC(), NewID: func() string { return "an id" }})
	v, err := revisions.Of(b.Instance(instance)).Add(ctx, base, stamped, action.Revision{Source: "half"})
	require.NoError(t, err)
	require.EqualValues(t, 2, v.Revision.Revision)

	conditions := func() (seen catalog.Conditions) {
		following, stop := context.WithCancel(ctx)
		defer stop()
		given := make(chan catalog.Conditions, 10)
		<-revisions.Of(b.Instance(instance)).FollowConditions(following, func(c catalog.Conditions) { given <- c })
		return <-given
	}
	require.EqualValues(t, 1, conditions().Revision)
	second := f.dispatcher()
	m, err := second.Instance(instance).Catalog(ctx, 2)
	require.NoError(t, err)
	require.NotNil(t, m.Call(action.Function, "f", ""))
	require.EqualValues(t, 2, conditions().Revision)

	// The next one dies between the root and the conditions.
	list, err := f.bucket("callout_conditions").Get(ctx, instance)
	require.NoError(t, err)
	d.edit(t, "api", func(sc *catalog.Scope) { sc.Sections[action.Function] = nil })
	_, err = f.bucket("callout_conditions").Put(ctx, instance, list.Value())
	require.NoError(t, err)
	require.EqualValues(t, 2, conditions().Revision)
	f.dispatcher()
	require.EqualValues(t, 3, conditions().Revision)
	require.Empty(t, conditions().Orgs)
	root, set, err := revisions.Of(b.Instance(instance)).Current(ctx)
	require.NoError(t, err)
	require.True(t, set)
	latest, _, err := revisions.Of(b.Instance(instance)).Latest(ctx)
	require.NoError(t, err)
	latest.Format = 1 // a marker has its own
	require.Equal(t, latest, root)
	require.Equal(t, revisions.Root{Format: 1, Revision: 3, Cut: root.Cut}, root)
}

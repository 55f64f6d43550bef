package dispatch_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
)

// ruin makes the parts of a revision unreadable, and gives their keys.
func (f *fleet) ruin(instance string, revision int, value []byte) {
	f.t.Helper()
	ctx := within(f.t, 5*time.Second)
	kv := f.bucket("callout_catalog")
	entry, err := kv.Get(ctx, fmt.Sprintf("%s.rev.%d", instance, revision))
	require.NoError(f.t, err)
	var m struct{ Chunks []string }
	require.NoError(f.t, json.Unmarshal(entry.Value(), &m))
	require.NotEmpty(f.t, m.Chunks)
	for _, hash := range m.Chunks {
		if value == nil {
			require.NoError(f.t, kv.Delete(ctx, instance+".chunk."+hash))
			continue
		}
		_, err := kv.Put(ctx, instance+".chunk."+hash, value)
		require.NoError(f.t, err)
	}
}

func rollBack(t *testing.T, d *running, revision uint64) (before, after uint64, err error) {
	t.Helper()
	ctx := within(t, 20*time.Second)
	old, err := d.Instance(instance).CatalogAt(ctx, revision)
	require.NoError(t, err)
	return d.Instance(instance).Edit(ctx, fmt.Sprint("rollback to ", revision), func(*catalog.Snapshot) (*catalog.Snapshot, error) { return old, nil })
}

// TestARevisionThatCannotBeReadIsRefused: the dispatcher says which, and which
// is the last good one; it serves the other instances, and a rollback mends it.
func TestARevisionThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	for name, garbage := range map[string][]byte{"a missing part": nil, "a garbled part": []byte("garbage")} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t)
			d := f.dispatcher()
			ctx := within(t, 60*time.Second)
			_, _, err := d.tryEdit(t, "other", "api", add("a", "https://a.example"))
			require.NoError(t, err)
			for i := range 4 {
				d.edit(t, "api", add("a", fmt.Sprint("https://", i+1, ".example")))
			}
			stored, err := f.bus().Instance(instance).Publish(ctx, bus.NewEvent{ID: "e", AggregateID: "u", Type: "user.added", Body: []byte(`{}`)})
			require.NoError(t, err)
			f.ruin(instance, 3, garbage)
			f.ruin(instance, 4, garbage)
			require.Equal(t, "https://4.example", d.now(t).Scopes[""].Targets["a"].URL, "who has it keeps it")

			second := f.dispatcher()
			const refusal = `revision 4 of the configuration of instance "default" cannot be read; the last good one is revision 2: roll back to it, or restore the data from a backup`
			require.Contains(t, second.log.String(), `revision 4 of the configuration of instance \"default\" cannot be read; the last good one is revision 2`)
			require.Contains(t, second.log.String(), "is not served until this is mended")
			other, err := second.Instance("other").Catalog(ctx, 0)
			require.NoError(t, err)
			require.Contains(t, other.Snapshot().Scopes[""].Targets, "a")
			_, _, err = second.tryEdit(t, "other", "api", add("b", "https://b.example"))
			require.NoError(t, err)

			_, err = second.Instance(instance).Catalog(ctx, 0)
			code(t, action.CodeUnreadable, err)
			require.ErrorContains(t, err, refusal)
			require.NoError(t, second.Instance(instance).Ensure(ctx))
			_, err = second.Instance(instance).Apply(ctx, parsed(t, "version: 1"))
			require.ErrorContains(t, err, refusal, "nothing empty takes its place")
			_, _, err = second.tryEdit(t, instance, "api", add("a", "https://x.example"))
			require.ErrorContains(t, err, refusal)
			list, err := second.Instance(instance).History(ctx, 0, 10)
			require.NoError(t, err)
			require.Len(t, list, 4)

			before, after, err := rollBack(t, second, 2)
			require.NoError(t, err)
			require.Equal(t, []uint64{4, 5}, []uint64{before, after})
			require.Equal(t, "https://2.example", second.now(t).Scopes[""].Targets["a"].URL)
			second.edit(t, "api", add("a", "https://6.example"))

			// An event that was stored under the broken one has a catalog again.
			third, first := revisions.Follow(ctx, f.bus())
			<-first
			then, now, err := third.Of(instance).InForce(ctx, 0, stored.StreamSequence)
			require.NoError(t, err)
			require.EqualValues(t, 4, then.Revision())
			require.Equal(t, "https://2.example", then.Snapshot().Scopes[""].Targets["a"].URL)
			require.EqualValues(t, 6, now.Revision())
			require.NotContains(t, f.dispatcher().log.String(), "cannot be read")
		})
	}
}

// TestAMarkedRevisionThatCannotBeRead was never in force: its dispatcher died.
func TestAMarkedRevisionThatCannotBeRead(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	d.edit(t, "api", add("a", "https://1.example"))
	ctx := within(t, 20*time.Second)
	b := f.bus()
	base, err := revisions.Of(b.Instance(instance)).Version(ctx, 1, nil)
	require.NoError(t, err)
	next, sc := base.Matcher.Snapshot().Draft("")
	add("a", "https://2.example")(sc)
	_, err = revisions.Of(b.Instance(instance)).Add(ctx, base, catalog.Stamp(base.Matcher.Snapshot(), next, catalog.Stamping{Now: time.Now(), NewID: func() string { return "x" }}), action.Revision{})
	require.NoError(t, err)
	require.NoError(t, f.bucket("callout_catalog").Delete(ctx, "default.rev.2"))

	second := f.dispatcher()
	require.Contains(t, second.log.String(), "revision 2 of the configuration")
	require.Equal(t, "https://1.example", second.now(t).Scopes[""].Targets["a"].URL, "the one in force is whole")
	_, _, err = second.tryEdit(t, instance, "api", add("b", "https://b.example"))
	code(t, action.CodeUnreadable, err)
	_, after, err := rollBack(t, second, 1)
	require.NoError(t, err)
	require.EqualValues(t, 3, after)
	second.edit(t, "api", add("b", "https://b.example"))
}

// TestARootThatCannotBeReadIsMadeAnew: the marker in the stream says as much.
func TestARootThatCannotBeReadIsMadeAnew(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	d.edit(t, "api", add("a", "https://1.example"))
	d.edit(t, "api", add("a", "https://2.example"))
	require.NoError(t, d.Stop(within(t, 10*time.Second)))
	ctx := within(t, 20*time.Second)
	_, err := f.bucket("callout_catalog").Put(ctx, "default.root", []byte("garbage"))
	require.NoError(t, err)
	second := f.dispatcher()
	require.Contains(t, second.log.String(), "the root is made anew")
	m, err := second.Instance(instance).Catalog(ctx, 2)
	require.NoError(t, err)
	require.Equal(t, "https://2.example", m.Snapshot().Scopes[""].Targets["a"].URL)
	root, _, err := revisions.Of(f.bus().Instance(instance)).Current(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 2, root.Revision)
}

// TestNothingGoodIsLeft: the way back to nothing is open too.
func TestNothingGoodIsLeft(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	d.edit(t, "api", add("a", "https://1.example"))
	f.ruin(instance, 1, nil)
	second := f.dispatcher()
	_, err := second.Instance(instance).Catalog(within(t, 5*time.Second), 0)
	require.ErrorContains(t, err, "begin anew by rolling back to revision 0, which is empty")
	_, after, err := rollBack(t, second, 0)
	require.NoError(t, err)
	require.EqualValues(t, 2, after)
	require.Empty(t, second.now(t).Scopes[""].Targets)
}

package dispatch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/catalog"
)

// secrets are the keys of the bucket of signing keys, sorted.
func (f *fleet) secrets() []string {
	f.t.Helper()
	return f.keysOf(f.t, "callout_secrets")
}

// keysOf lists the keys of a bucket, sorted.
func (f *fleet) keysOf(t *testing.T, bucket string) []string {
	t.Helper()
	keys, err := f.bucket(bucket).Keys(within(t, 10*time.Second))
	if err != nil {
		require.ErrorIs(t, err, jetstream.ErrNoKeysFound)
	}
	slices.Sort(keys)
	return keys
}

func remove(name string) func(sc *catalog.Scope) {
	return func(sc *catalog.Scope) { delete(sc.Targets, name) }
}

func renameTo(from, to string) func(sc *catalog.Scope) {
	return func(sc *catalog.Scope) {
		t := sc.Targets[from]
		t.Name = to
		sc.Targets[to], sc.Meta[target(to)] = t, sc.Meta[target(from)]
		delete(sc.Targets, from)
	}
}

// forgotten is how long a dispatcher may take to forget what has left.
const forgotten = time.Minute

// TestKeysLeaveWithTheirTargets: the key of a target is kept as long as it may
// be needed and no longer, and no other target gets it.
func TestKeysLeaveWithTheirTargets(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.keeping()
	key := func(name string) string {
		got, err := d.Instance(instance).SigningKey(within(t, 5*time.Second), "", name)
		require.NoError(t, err)
		return got
	}
	d.edit(t, "api", add("goes", "https://a.example"))
	d.edit(t, "api", add("moves", "https://a.example"))
	d.edit(t, "api", add("returns", "https://a.example"))
	goes, moves, returns := key("goes"), key("moves"), key("returns")
	require.NoError(t, d.Instance(instance).PauseTarget(within(t, 5*time.Second), "", "goes", "moving house"))
	require.NoError(t, d.Instance(instance).PauseTarget(within(t, 5*time.Second), "", "moves", "moving house"))
	require.Eventually(t, func() bool { _, paused := d.Instance(instance).Paused("", "moves"); return paused }, time.Minute, time.Millisecond)
	id := d.meta(t, target("goes")).ID

	_, before := d.edit(t, "api", remove("goes"))
	d.edit(t, "api", renameTo("moves", "moved"))
	d.edit(t, "api", remove("returns"))
	kept := fmt.Sprintf("default.=.departed.%s.goes", id)
	require.Contains(t, f.secrets(), kept)
	left, err := f.bus().Instance(instance).DepartedKey(within(t, 5*time.Second), "", id)
	require.NoError(t, err)
	require.Equal(t, goes, left)
	require.Equal(t, moves, key("moved"))
	require.Eventually(t, func() bool { reason, _ := d.Instance(instance).Paused("", "moved"); return reason == "moving house" }, time.Minute, time.Millisecond)

	d.edit(t, "api", add("moves", "https://b.example"))
	d.edit(t, "api", add("goes", "https://b.example"))
	require.NotEqual(t, moves, key("moves"), "another target, another key")
	require.NotEqual(t, goes, key("goes"))
	require.Eventually(t, func() bool { _, paused := d.Instance(instance).Paused("", "goes"); return !paused }, time.Minute, time.Millisecond)
	old, err := d.Instance(instance).CatalogAt(within(t, 5*time.Second), before)
	require.NoError(t, err)
	d.edit(t, "rollback to 4", func(sc *catalog.Scope) {
		sc.Targets["returns"], sc.Meta[target("returns")] = old.Scopes[""].Targets["returns"], old.Scopes[""].Meta[target("returns")]
	})
	require.Equal(t, returns, key("returns"), "the same target again has its key")
	d.edit(t, "api", remove("moves"))

	require.Eventually(t, func() bool {
		return strings.Join(f.secrets(), " ") == "default.=.goes default.=.moved default.=.returns"
	}, forgotten, 100*time.Millisecond, "%v", f.secrets())
	require.Equal(t, returns, key("returns"))
}

// TestAKeyIsKeptForWhatWaits: as long as a line of a target that was removed has
// something before it, its key is there.
func TestAKeyIsKeptForWhatWaits(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	d.edit(t, "api", func(sc *catalog.Scope) {
		add("goes", "https://a.example")(sc)
		sc.Sections[action.OnEvent] = []action.Execution{{Name: "user.added", Match: "user.added", Entries: []action.Entry{{Target: "goes"}}}}
	})
	id := d.meta(t, target("goes")).ID
	b := f.bus() // without a worker the event waits
	_, err := b.Instance(instance).Publish(within(t, 5*time.Second), bus.NewEvent{ID: "1", AggregateID: "u", Type: "user.added", Body: []byte(`{"aggregateID":"u","event_type":"user.added"}`)})
	require.NoError(t, err)
	awaitWaiting(t, d.Instance(instance), "goes", 1)
	d.edit(t, "api", func(sc *catalog.Scope) {
		remove("goes")(sc)
		sc.Sections[action.OnEvent] = nil
	})
	d.edit(t, "api", add("stays", "https://a.example"))
	d.edit(t, "api", remove("stays")) // it is forgotten, and by then the other would be too
	require.Eventually(t, func() bool { return !strings.Contains(strings.Join(f.secrets(), " "), "stays") }, forgotten, 100*time.Millisecond)
	require.Contains(t, f.secrets(), fmt.Sprintf("default.=.departed.%s.goes", id))

	j, err := d.Instance(instance).Begin(within(t, 5*time.Second), jobs.Job{Job: action.Job{Kind: action.JobDiscard}, Gone: catalog.Line{Target: "goes"}})
	require.NoError(t, err)
	require.EqualValues(t, 1, d.ended(t, instance, j.ID, action.JobDone).Done)
	letters, err := letters.Of(b.Instance(instance)).All(within(t, 5*time.Second))
	require.NoError(t, err)
	require.Len(t, letters, 1)
	require.Equal(t, []any{action.CodeDiscarded, "goes", action.OnEvent}, []any{letters[0].Reason, letters[0].Target, letters[0].Phase})
	require.Eventually(t, func() bool { return len(f.secrets()) == 0 }, forgotten, 100*time.Millisecond)
}

package dispatch_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// bothObjects is a text with a target that an execution calls, and one beside them.
const bothObjects = `
targets: {x: {type: webhook, url: "https://x.example"}, beside: {type: webhook, url: "https://b.example"}}
events: {user.added: {targets: [{target: x}, {target: beside}]}}
`

const halved = `targets: {beside: {type: webhook, url: "https://b.example"}}`

// known is what is known of target x and its execution.
type known struct {
	target, execution string // ids
	created           time.Time
	key               string
	paused, stands    bool
}

func (of tenant) known(t *testing.T, d *running, b bus.Instance, name string) (k known) {
	t.Helper()
	i, ctx := d.Instance(of.id), within(t, 20*time.Second)
	s := d.at(t, of.id)
	meta, _ := s.MetaOf("", target(name))
	on, _ := s.MetaOf("", catalog.Ref{Phase: action.OnEvent, Name: "user.added"})
	k.target, k.execution, k.created = meta.ID, on.ID, meta.Created
	var err error
	k.key, err = i.SigningKey(ctx, "", name)
	require.NoError(t, err)
	_, k.paused, err = b.Pause(ctx, "", name)
	require.NoError(t, err)
	all, err := lines.Of(b).List(ctx)
	require.NoError(t, err)
	for _, l := range all {
		r, err := lines.Of(b).LineRecord(ctx, l)
		require.NoError(t, err)
		k.stands = k.stands || l.Target == name && l.DrainTo == 0 && r.State == action.LinePaused
	}
	return k
}

// apply puts a text in force, alone.
func (of tenant) apply(t *testing.T, d *running, text string) {
	t.Helper()
	s := parsed(t, text)
	s.Instance = of.id
	_, err := d.Instance(of.id).Apply(within(t, 20*time.Second), s)
	require.NoError(t, err)
}

// TestWhatComesBackIsWhatItWas: a text names again what another one has left out
// a moment before. Of two dispatchers, each makes some of the edits.
func TestWhatComesBackIsWhatItWas(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d, other := f.patient(), f.patient()
	both(t, f, func(t *testing.T, of tenant) {
		i, b := d.Instance(of.id), of.bus().Instance(of.id)
		of.apply(t, d, bothObjects)
		require.NoError(t, i.PauseTarget(within(t, 20*time.Second), "", "x", "by hand"))
		require.NoError(t, i.PauseSubscription(within(t, 20*time.Second), "user.added/x", dispatch.AllLanes))
		was := of.known(t, d, b, "x")
		require.True(t, was.paused && was.stands)
		of.apply(t, d, halved)
		require.Eventually(t, func() bool { // what is not paused has drained by then, and is gone
			all, err := lines.Of(b).List(within(t, 20*time.Second))
			return err == nil && !slices.ContainsFunc(all, func(l lines.Line) bool { return l.Target == "beside" })
		}, time.Minute, 20*time.Millisecond)
		of.apply(t, other, bothObjects)
		for end := time.Now().Add(30 * time.Second); of.known(t, other, b, "x") != was && time.Now().Before(end); {
			<-time.After(20 * time.Millisecond) // until the line before has handed on its pause
		}
		require.Equal(t, was, of.known(t, other, b, "x"))

		of.apply(t, d, halved)
		of.apply(t, other, strings.Replace(bothObjects, "x: {type: webhook", "x: {type: async", 1))
		now := of.known(t, other, b, "x")
		require.NotEqual(t, was.target, now.target, "another kind is another target")
		require.NotEqual(t, was.key, now.key)
		require.False(t, now.paused)
		require.Equal(t, was.execution, now.execution)

		of.apply(t, d, halved)
		of.apply(t, d, strings.Replace(bothObjects, "https://x.example", "https://elsewhere.example", 1))
		elsewhere := of.known(t, d, b, "x")
		require.NotContains(t, []string{was.target, now.target}, elsewhere.target, "another address is another target")
		require.NotContains(t, []string{was.key, now.key}, elsewhere.key)

		of.apply(t, d, halved)
		of.apply(t, d, bothObjects)
		require.NotContains(t, []string{was.target, now.target, elsewhere.target}, of.known(t, d, b, "x").target, "the one who had the name last is another")
	})
}

// TestWhoHasAnotherNameComesBackToNobody: a target that was renamed is itself
// under its new name, and when it leaves that it is no longer the old one.
func TestWhoHasAnotherNameComesBackToNobody(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.patient()
	both(t, f, func(t *testing.T, of tenant) {
		b := of.bus().Instance(of.id)
		of.apply(t, d, bothObjects)
		require.NoError(t, d.Instance(of.id).PauseTarget(within(t, 20*time.Second), "", "x", "by hand"))
		was := of.known(t, d, b, "x")
		moved := strings.ReplaceAll(strings.ReplaceAll(bothObjects, "{x:", "{x2:"), "target: x}", "target: x2}")
		of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot {
			return renamed(lacking(current, "beside"), "x", "x2")
		})
		for range 2 {
			of.apply(t, d, moved)
			require.Equal(t, []any{was.target, was.key, true}, []any{of.known(t, d, b, "x2").target, of.known(t, d, b, "x2").key, of.known(t, d, b, "x2").paused})
			of.apply(t, d, bothObjects) // x is new, and x2 leaves
			now := of.known(t, d, b, "x")
			require.NotEqual(t, was.target, now.target)
			require.NotEqual(t, was.key, now.key)
			require.False(t, now.paused)
		}
	})
}

// TestWhoComesBackTooLateIsAnother, and so is who is made by hand.
func TestWhoComesBackTooLateIsAnother(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		b := of.bus().Instance(of.id)
		of.apply(t, d, bothObjects)
		require.NoError(t, d.Instance(of.id).PauseTarget(within(t, 20*time.Second), "", "x", "by hand"))
		was := of.known(t, d, b, "x")
		of.apply(t, d, halved)
		require.Eventually(t, func() bool { return strings.Join(f.keptOf(of.id), " ") == "=.beside" }, forgotten, 50*time.Millisecond)
		of.apply(t, d, bothObjects)
		now := of.known(t, d, b, "x")
		require.NotEqual(t, was.target, now.target)
		require.NotEqual(t, was.key, now.key)
		require.False(t, now.paused)
	})
}

package bus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/catalog"
)

func snapshot(url string) *catalog.Snapshot {
	s := catalog.Empty(instance)
	s.Scopes[""].Targets = map[string]action.Target{"hook": catalog.WithDefaults(action.Target{Name: "hook", Kind: action.Webhook, URL: url})}
	s.Scopes["acme"] = &catalog.Scope{}
	return s
}

// store makes a revision behind base.
func store(t *testing.T, b *bus.Bus, base *bus.Version, s *catalog.Snapshot, source string) *bus.Version {
	t.Helper()
	ids := 0
	stamped := catalog.Stamp(base.Matcher.Snapshot(), s, catalog.Stamping{Now: time.Now().UTC(), NewID: func() string { ids++; return fmt.Sprint(source, "-", ids) }})
	m, err := base.Matcher.Next(stamped.Snapshot, stamped.Delta())
	require.NoError(t, err)
	v, err := b.StoreCatalog(within(t, 10*time.Second), base, stamped, action.Revision{Source: source, Made: time.Now().UTC(), Changed: len(stamped.Changes)})
	require.NoError(t, err)
	v.Matcher = m
	return v
}

func nothing(t *testing.T, b *bus.Bus) *bus.Version {
	t.Helper()
	v, err := b.Version(within(t, 5*time.Second), instance, 0, nil)
	require.NoError(t, err)
	return v
}

func TestCatalogRevisionsAreWholeAndInOrder(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	require.NoError(t, b.EnsureInstance(ctx, instance), "twice changes nothing")
	root, ok, err := b.LatestRoot(ctx, instance)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, bus.Root{Revision: 0, Cut: 1}, root)

	empty := nothing(t, b)
	first := store(t, b, empty, snapshot("http://one"), "first")
	require.Equal(t, uint64(1), first.Revision.Revision)
	_, err = b.StoreCatalog(ctx, empty, catalog.Stamped{Snapshot: snapshot("http://two")}, action.Revision{})
	code(t, action.CodeConflict, err)
	_, set, err := b.CurrentRoot(ctx, instance)
	require.NoError(t, err)
	require.False(t, set, "a revision is no root yet")

	second := store(t, b, first, snapshot("http://two"), "second")
	require.Greater(t, second.Cut, first.Cut)
	for revision, url := range map[uint64]string{1: "http://one", 2: "http://two"} {
		for _, from := range []*bus.Version{nil, first, second} {
			v, err := b.Version(ctx, instance, revision, from)
			require.NoError(t, err)
			s := v.Matcher.Snapshot()
			require.Equal(t, revision, s.Revision)
			require.Equal(t, url, s.Scopes[""].Targets["hook"].URL)
			require.Contains(t, s.Scopes, "acme")
			meta, ok := s.MetaOf("", catalog.Ref{Name: "hook"})
			require.True(t, ok)
			require.Equal(t, "first-1", meta.ID, "it stays")
		}
	}
	_, err = b.Version(ctx, instance, 3, nil)
	code(t, action.CodeNotFound, err)
	_, ok, err = b.LatestRoot(ctx, "nobody")
	require.NoError(t, err)
	require.False(t, ok)
}

// TestLedgerTellsTheRevisionAtEverySequence mixes edits and events and asks in
// every order.
func TestLedgerTellsTheRevisionAtEverySequence(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 20*time.Second)
	want := map[uint64]uint64{}
	fresh := b.Ledger(instance)
	v := nothing(t, b)
	for revision := range uint64(12) {
		for i := range 3 {
			seq := publish(t, b, fmt.Sprint(revision, "-", i), "u", "user.added").StreamSequence
			want[seq] = revision
			got, err := fresh.RevisionAt(ctx, seq)
			require.NoError(t, err)
			require.Equal(t, revision, got, "as it is stored")
		}
		v = store(t, b, v, snapshot(fmt.Sprint("http://", revision)), "edit")
	}
	late := b.Ledger(instance) // a map gives the sequences in any order
	for seq, revision := range want {
		got, err := late.RevisionAt(ctx, seq)
		require.NoError(t, err)
		require.Equal(t, revision, got, "sequence %d", seq)
	}
	_, err := late.RevisionAt(ctx, 1000)
	code(t, action.CodeUnavailable, err)
}

func TestAnotherTransformIsRefused(t *testing.T) {
	s, b := start(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	js := jetStream(t, s)
	foreign(t, js, bus.EventStream(instance), "callout.event."+instance+".*.*.>")
	err := b.EnsureInstance(ctx, instance)
	require.ErrorContains(t, err, "another subject transform")
}

func TestSecretsAndPausesAreFollowed(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	_, ok, err := b.Secret(ctx, instance, "acme", "my hook")
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, b.PutSecret(ctx, instance, "acme", "my hook", "whsec_x"))
	keys := make(chan string, 10)
	<-b.FollowSecrets(ctx, func(k bus.TargetKey, secret string) {
		require.Equal(t, bus.TargetKey{Instance: instance, Owner: "acme", Name: "my hook"}, k)
		keys <- secret
	})
	require.Equal(t, "whsec_x", <-keys)

	paused := make(chan action.Code, 10)
	<-b.FollowLines(ctx, bus.FleetEvents{Paused: func(k bus.TargetKey, reason action.Code) {
		require.Equal(t, bus.TargetKey{Instance: instance, Name: "hook"}, k)
		paused <- reason
	}})
	require.NoError(t, b.PauseTarget(ctx, instance, "", "hook", action.CodeGone))
	require.Equal(t, action.CodeGone, <-paused)
	require.NoError(t, b.ResumeTarget(ctx, instance, "", "hook"))
	require.Empty(t, <-paused)
}

func TestSequenceAtATime(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	first := publish(t, b, "a", "u", "user.added").StreamSequence
	time.Sleep(20 * time.Millisecond) // the two are apart by the clock that is asked for
	middle := time.Now()
	time.Sleep(20 * time.Millisecond)
	second := publish(t, b, "b", "u", "user.added").StreamSequence
	for at, want := range map[time.Time]uint64{middle.Add(-time.Hour): first, middle: second, middle.Add(time.Hour): second + 1} {
		got, err := b.SequenceAt(ctx, instance, at)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

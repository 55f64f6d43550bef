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
	s.Scopes[""].Targets = map[string]action.Target{"hook": {Name: "hook", Kind: action.Webhook, URL: url, Timeout: time.Second, Lanes: 1}}
	s.Scopes["acme"] = &catalog.Scope{}
	return s
}

func TestCatalogRevisionsAreWholeAndInOrder(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	require.NoError(t, b.EnsureInstance(ctx, instance), "twice changes nothing")
	root, ok, err := b.LatestRoot(ctx, instance)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, bus.Root{Revision: 0, Cut: 1}, root)

	first, err := b.StoreCatalog(ctx, snapshot("http://one"), 0)
	require.NoError(t, err)
	require.Equal(t, uint64(1), first.Revision)
	_, err = b.StoreCatalog(ctx, snapshot("http://two"), 0)
	code(t, action.CodeConflict, err)
	_, set, err := b.CurrentRoot(ctx, instance)
	require.NoError(t, err)
	require.False(t, set, "a revision is no root yet")

	second, err := b.StoreCatalog(ctx, snapshot("http://two"), 1)
	require.NoError(t, err)
	require.Greater(t, second.Cut, first.Cut)
	for revision, url := range map[uint64]string{1: "http://one", 2: "http://two"} {
		s, err := b.Snapshot(ctx, instance, revision)
		require.NoError(t, err)
		require.Equal(t, url, s.Scopes[""].Targets["hook"].URL)
		require.Contains(t, s.Scopes, "acme")
	}
	_, err = b.Snapshot(ctx, instance, 3)
	require.Error(t, err)
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
	for revision := range uint64(12) {
		for i := range 3 {
			seq := publish(t, b, fmt.Sprint(revision, "-", i), "u", "user.added").StreamSequence
			want[seq] = revision
			got, err := fresh.RevisionAt(ctx, seq)
			require.NoError(t, err)
			require.Equal(t, revision, got, "as it is stored")
		}
		_, err := b.StoreCatalog(ctx, snapshot(fmt.Sprint("http://", revision)), revision)
		require.NoError(t, err)
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
	<-b.FollowSecrets(ctx, func(k bus.SecretKey, secret string) {
		require.Equal(t, bus.SecretOf(instance, "acme", "my hook"), k)
		keys <- secret
	})
	require.Equal(t, "whsec_x", <-keys)

	paused := make(chan action.Code, 10)
	<-b.FollowLines(ctx, bus.FleetEvents{Paused: func(key string, reason action.Code) {
		require.Equal(t, bus.PausedKey(instance, "", "hook"), key)
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

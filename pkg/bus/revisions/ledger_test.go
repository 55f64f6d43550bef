package revisions_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestLedgerTellsTheRevisionAtEverySequence mixes edits and events and asks in
// every order.
func TestLedgerTellsTheRevisionAtEverySequence(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 40*time.Second)
		want := map[uint64]uint64{}
		fresh := revisions.Of(i).Ledger()
		v := nothing(t, i)
		for revision := range uint64(12) {
			for n := range 3 {
				seq := bustest.Publish(t, i, fmt.Sprint(revision, "-", n), "u", "user.added").StreamSequence
				want[seq] = revision
				got, _, err := fresh.RevisionAt(ctx, 0, seq)
				require.NoError(t, err)
				require.Equal(t, revision, got, "as it is stored")
			}
			v = store(t, i, v, snapshot(i, at(i, revision)), "edit")
		}
		late := revisions.Of(i).Ledger() // a map gives the sequences in any order
		for seq, revision := range want {
			got, _, err := late.RevisionAt(ctx, 0, seq)
			require.NoError(t, err)
			require.Equal(t, revision, got, "sequence %d", seq)
		}
		_, _, err := late.RevisionAt(ctx, 0, 1000)
		bustest.Code(t, action.CodeUnavailable, err)
	})
}

// TestEventBelowTheOldestMarker belongs to the oldest revision that is kept:
// somebody removed the marker of its own.
func TestEventBelowTheOldestMarker(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 40*time.Second)
		v := nothing(t, i)
		var events []uint64
		var cut uint64
		for revision := range 4 { // one under each of 0 to 3
			events = append(events, bustest.Publish(t, i, fmt.Sprint(revision), "u", "user.added").StreamSequence)
			if v = store(t, i, v, snapshot(i, at(i, revision+1)), "edit"); revision == 1 {
				cut = v.Cut // of revision 2
			}
		}
		require.NoError(t, stream(t, s, i).Purge(ctx, jetstream.WithPurgeSubject(wire.Marker(i.ID)), jetstream.WithPurgeSequence(cut)))
		for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}} {
			ledger := revisions.Of(i).Ledger()
			for _, n := range order {
				got, _, err := ledger.RevisionAt(ctx, 0, events[n])
				require.NoError(t, err)
				require.EqualValues(t, max(n, 2), got, "the event under %d", n)
			}
		}
	})
}

// TestStreamMadeAgain has the same sequences mean something else.
func TestStreamMadeAgain(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, ledger := bustest.Within(t, 40*time.Second), revisions.Of(i).Ledger()
		madeAt := func() int64 { return stream(t, s, i).CachedInfo().Created.UnixNano() }
		first := madeAt()
		event := bustest.Publish(t, i, "a", "u", "user.added").StreamSequence
		made(t, i, 2, snapshot)
		got, _, err := ledger.RevisionAt(ctx, first, event)
		require.NoError(t, err)
		require.Zero(t, got)

		require.NoError(t, s.JetStream(t).DeleteStream(ctx, i.Events))
		require.NoError(t, i.EnsureStreams(ctx))
		put, err := revisions.Of(i).PutBack(ctx)
		require.NoError(t, err)
		require.True(t, put)
		require.Equal(t, event, bustest.Publish(t, i, "b", "u", "user.added").StreamSequence)
		second := madeAt()
		require.NotEqual(t, first, second)
		for _, which := range []int64{second, 0} {
			got, _, err = ledger.RevisionAt(ctx, which, event)
			require.NoError(t, err)
			require.EqualValues(t, 2, got)
		}
	})
}

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
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// stream is the event stream of an instance as somebody else sees it.
func stream(t *testing.T, s *bustest.Server, i bus.Instance) jetstream.Stream {
	t.Helper()
	events, err := s.JetStream(t).Stream(bustest.Within(t, 10*time.Second), i.Events)
	require.NoError(t, err)
	return events
}

// TestMarkerIsPutBack after somebody has purged the stream: it goes on with the
// revision in force.
func TestMarkerIsPutBack(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 30*time.Second), revisions.Of(i)
		versions := made(t, i, 2, snapshot)
		require.NoError(t, stream(t, s, i).Purge(ctx))
		_, ok, err := r.Latest(ctx)
		bustest.Code(t, action.CodeMissing, err)
		require.ErrorContains(t, err, "has no catalog marker")
		require.False(t, ok)
		_, err = r.Add(ctx, versions[2], catalog.Stamped{Snapshot: snapshot(i, "x")}, action.Revision{})
		bustest.Code(t, action.CodeMissing, err)
		early := bustest.Publish(t, i, "early", "u", "user.added").StreamSequence
		_, _, err = r.Ledger().RevisionAt(ctx, 0, early)
		bustest.Code(t, action.CodeMissing, err)

		put, err := r.PutBack(ctx)
		require.NoError(t, err)
		require.True(t, put)
		put, err = r.PutBack(ctx)
		require.NoError(t, err)
		require.False(t, put)
		latest, ok, err := r.Latest(ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.EqualValues(t, 2, latest.Revision)
		late := bustest.Publish(t, i, "late", "u", "user.added").StreamSequence
		for _, sequence := range []uint64{early, late} {
			got, _, err := r.Ledger().RevisionAt(ctx, 0, sequence)
			require.NoError(t, err)
			require.EqualValues(t, 2, got)
		}
		base, err := r.Version(ctx, 2, nil)
		require.NoError(t, err)
		require.EqualValues(t, 3, store(t, i, base, snapshot(i, at(i, 3)), "edit").Revision.Revision, "edits go on")
	})
}

// TestMarkerOfANewerVersion is not read as what it is not.
func TestMarkerOfANewerVersion(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, r := bustest.Within(t, 30*time.Second), revisions.Of(i)
		versions := made(t, i, 1, snapshot)
		catalogs, first := revisions.Follow(ctx, i.Bus)
		<-first
		before := bustest.Publish(t, i, "before", "u", "user.added").StreamSequence
		_, _, err := catalogs.Of(i.ID).InForce(ctx, 0, before)
		require.NoError(t, err)
		_, err = s.JetStream(t).Publish(ctx, wire.Marker(i.ID), fmt.Appendf(nil, `{"format":%d,"revision":2}`, action.Format+1))
		require.NoError(t, err)
		behind := bustest.Publish(t, i, "behind", "u", "user.added").StreamSequence

		_, _, err = r.Latest(ctx)
		bustest.Code(t, action.CodeNewer, err)
		_, err = r.Add(ctx, versions[1], catalog.Stamped{Snapshot: snapshot(i, "x")}, action.Revision{})
		bustest.Code(t, action.CodeNewer, err)
		_, err = r.PutBack(ctx)
		bustest.Code(t, action.CodeNewer, err)
		_, _, err = catalogs.Of(i.ID).InForce(ctx, 0, behind)
		bustest.Code(t, action.CodeNewer, err)
		then, now, err := catalogs.Of(i.ID).InForce(ctx, 0, before)
		require.NoError(t, err)
		require.Equal(t, []string{at(i, 1), at(i, 1)}, []string{urlOf(then), urlOf(now)}, "what is known stays in force")
	})
}

package work

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
)

// TestWhereALineEnds is asked once for each revision, of the line of its own
// instance.
func TestWhereALineEnds(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(hookOnAdded)
	g.end()
	e := newEnds(g.bus)
	north, south := l0(g.at("north")), l0(g.at("south"))
	require.Equal(t, north.Name, south.Name)
	ctx := within(t, 20*time.Second)
	asked := g.asked(bus.BucketLines)
	holds := func(l lineOf, sequence, revision uint64) bool {
		t.Helper()
		ours, err := e.holds(ctx, &l, sequence, revision)
		require.NoError(t, err)
		return ours
	}
	require.True(t, holds(north, north.Cut, north.Revision))
	require.False(t, holds(north, north.Cut-1, north.Revision))
	require.NoError(t, g.nc.Flush())
	require.Zero(t, asked(), "it is as it was told")

	drained := north
	drained.DrainTo, drained.Revision = north.Cut+5, 2
	require.NoError(t, g.at("north").lines().Ensure(ctx, drained))
	require.NoError(t, g.nc.Flush())
	before := asked()
	for range 10 {
		require.True(t, holds(north, north.Cut+4, 2))
		require.False(t, holds(north, north.Cut+5, 2))
		require.True(t, holds(south, south.Cut+5, 2))
	}
	require.NoError(t, g.nc.Flush())
	require.LessOrEqual(t, asked()-before, int64(2), "once for each line")

	end, err := e.drainTo(ctx, &north, 9)
	require.NoError(t, err)
	require.Equal(t, north.Cut+5, end)
	end, err = e.drainTo(ctx, &south, 9)
	require.NoError(t, err)
	require.Zero(t, end)

	e.forget(north.Key())
	require.NoError(t, g.at("north").lines().Remove(ctx, drained))
	_, err = e.holds(ctx, &north, north.Cut, 3)
	require.ErrorIs(t, err, errNoEntry, "whether it was its own is not known any more")
	require.True(t, holds(south, south.Cut, 3))
}

// TestAnAsyncLineMayGoOn: its end is asked for anew behind an edit, and not for
// every delivery.
func TestAnAsyncLineMayGoOn(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	g.apply(asyncToo)
	g.end()
	e := newEnds(g.bus)
	ctx := within(t, 20*time.Second)
	g.both(func(in at) {
		l := in.line("later")
		put := func(end uint64) {
			next := l
			next.DrainTo = end
			require.NoError(t, in.lines().Ensure(ctx, next))
		}
		ask := func(revision uint64) uint64 {
			end, err := e.drainTo(ctx, &l, revision)
			require.NoError(t, err)
			return end
		}
		require.Zero(t, ask(1))
		put(7)
		require.EqualValues(t, 7, ask(1), "what has no end yet is always asked for")
		put(0)
		require.EqualValues(t, 7, ask(1), "under one catalog it stays")
		require.Zero(t, ask(2))
	})
}

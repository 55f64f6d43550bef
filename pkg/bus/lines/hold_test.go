package lines_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

func TestStoppedLineStandsUntilResumed(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 60*time.Second)
	var seen [2]bustest.Noted
	var all [2]lines.Line
	for n, i := range pair {
		all[n] = line(t, i, "user.added", nil)
		consume(t, i.Bus, acked(t, &seen[n]), all[n])
	}
	require.NoError(t, lines.Of(pair[0]).Stop(ctx, all[0]))
	for _, i := range pair {
		bustest.Publish(t, i, "a", "u", "user.added")
	}
	seen[1].Await(t, 1) // the other goes on
	require.NoError(t, lines.Of(pair[0]).Ensure(ctx, all[0]), "an upsert does not wake it")
	s.Restart(t, func() {})
	require.Eventually(t, pair[0].Connected, 20*time.Second, time.Millisecond)
	bustest.Publish(t, pair[1], "b", "u", "user.added")
	seen[1].Await(t, 2)
	standing, err := lines.Of(pair[0]).Standing(ctx, all[0])
	require.NoError(t, err)
	require.Equal(t, []any{true, true, uint64(1), 0}, []any{standing.Paused, standing.Held, standing.Pending, standing.InWork})
	require.Empty(t, seen[0].Get())
	require.NoError(t, lines.Of(pair[0]).Resume(ctx, all[0]))
	seen[0].Await(t, 1)
	require.NoError(t, lines.Of(pair[0]).Resume(ctx, all[0]), "one that goes on goes on")
	bustest.Publish(t, pair[0], "b", "u", "user.added")
	require.Equal(t, bustest.Bodies(pair[0], "a", "b"), seen[0].Await(t, 2))
}

// TestHeldLine goes on by itself.
func TestHeldLine(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, l := bustest.Within(t, 30*time.Second), line(t, i, "user.added", nil)
		require.NoError(t, lines.Of(i).Hold(ctx, l, time.Second))
		standing, err := lines.Of(i).Standing(ctx, l)
		require.NoError(t, err)
		require.Equal(t, []bool{false, true}, []bool{standing.Paused, standing.Held}, "nobody stopped it")
		began := time.Now()
		var seen bustest.Noted
		consume(t, i.Bus, acked(t, &seen), l)
		bustest.Publish(t, i, "a", "u", "user.added")
		seen.Await(t, 1)
		require.Greater(t, time.Since(began), 500*time.Millisecond)
	})
}

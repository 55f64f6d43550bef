package share

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFlows: who has anything left may send what is larger than that, and waits until he
// owes nothing any more; one that nothing is said of never waits.
func TestFlows(t *testing.T) {
	t.Parallel()
	var f Flows
	now := time.Now()
	require.Zero(t, f.Take("a", 1<<40, now))
	f.Set("a", 100, now)
	require.Zero(t, f.Take("a", 1000, now), "larger than a second's")
	require.InDelta(t, 9*time.Second, f.Take("a", 1, now), float64(20*time.Millisecond))
	require.Zero(t, f.Take("b", 1<<40, now))
	require.InDelta(t, time.Second, f.Take("a", 1, now.Add(8*time.Second)), float64(20*time.Millisecond))
	f.Owe("a", -900, now.Add(8*time.Second))
	require.Zero(t, f.Take("a", 100, now.Add(8*time.Second)), "given back, and never more than a second's")
	require.NotZero(t, f.Take("a", 1, now.Add(8*time.Second)))
	f.Owe("a", 1000, now.Add(8*time.Second))
	f.Set("a", 1000, now.Add(8*time.Second))
	require.InDelta(t, time.Second, f.Take("a", 1, now.Add(8*time.Second)), float64(20*time.Millisecond), "what is owed is still owed, and comes back faster")
	require.Zero(t, f.Take("a", 1, now.Add(10*time.Second)))
	require.Zero(t, f.Take("a", 1000, now.Add(time.Hour)))
	require.NotZero(t, f.Take("a", 1, now.Add(time.Hour)), "an hour gathers no more than a second does")
	f.Set("a", 0, now)
	for range 2 {
		require.Zero(t, f.Take("a", 1<<40, now))
	}
}

// TestFlowsChange: what is said anew of a party counts from then on. It owes what it owed
// then, and has no more left than it may send in a second.
func TestFlowsChange(t *testing.T) {
	t.Parallel()
	var f Flows
	now := time.Now()
	f.Set("a", 1000, now)
	f.Set("a", 10, now)
	require.Zero(t, f.Take("a", 10, now))
	require.NotZero(t, f.Take("a", 1, now))
	f.Set("b", 100, now)
	require.Zero(t, f.Take("b", 1100, now))
	f.Set("b", 1000, now.Add(5*time.Second))
	require.InDelta(t, 500*time.Millisecond, f.Take("b", 1, now.Add(5*time.Second)), float64(20*time.Millisecond), "half is owed no more, at the pace of before")
}

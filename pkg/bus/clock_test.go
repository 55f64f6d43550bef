package bus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestPastByEitherClock: a machine that was suspended has a monotonic clock that
// stood, and one whose clock was set has a wall clock that went back.
func TestPastByEitherClock(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wall, monotonic time.Duration // from now
		past            bool
	}{
		"both ahead":                {time.Hour, time.Hour, false},
		"both behind":               {-time.Hour, -time.Hour, true},
		"the monotonic clock stood": {-time.Hour, time.Hour, true},
		"the wall clock went back":  {time.Hour, -time.Hour, true},
	} {
		moment := bustest.Apart(time.Now().Add(c.wall), c.monotonic-c.wall)
		require.InDelta(t, c.wall.Seconds(), time.Until(moment.Round(0)).Seconds(), 60, name)
		require.InDelta(t, c.monotonic.Seconds(), time.Until(moment).Seconds(), 60, name)
		require.Equal(t, c.past, bus.Past(moment), name)
	}
	require.True(t, bus.Past(time.Time{}), "a moment that nobody knows")
	require.False(t, bus.Past(time.Now().Add(time.Hour).Round(0)), "one without a monotonic part")
}

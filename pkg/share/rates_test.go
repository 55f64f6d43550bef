package share

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRates: a party has what is said of it in a second, one that nothing is said of has
// any, and what is said again gives nothing back.
func TestRates(t *testing.T) {
	t.Parallel()
	var r Rates
	now := time.Now()
	take := func(party string, n int, at time.Time) [2]bool {
		taken, ever := r.Take(party, n, at)
		return [2]bool{taken, ever}
	}
	require.Equal(t, [2]bool{true, true}, take("a", 1_000_000, now))
	r.Set("a", 3)
	now = time.Now()
	require.Equal(t, [2]bool{false, false}, take("a", 4, now), "so much at no time")
	require.Equal(t, [2]bool{true, true}, take("a", 3, now))
	r.Set("a", 3)
	require.Equal(t, [2]bool{false, true}, take("a", 1, now), "it has had its second")
	require.Equal(t, [2]bool{true, true}, take("b", 100, now))
	require.Equal(t, [2]bool{true, true}, take("a", 3, now.Add(time.Second)))
	r.Set("a", 0)
	require.Equal(t, [2]bool{true, true}, take("a", 100, now))
}

// TestRatesOfAFleet: what processes that divide a rate let through together is what one
// would, whatever the rate and their number are, and each lets something through.
func TestRatesOfAFleet(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []int{1, 3, 10, 1000} {
		for _, processes := range []int{1, 2, 3, 7, 40} {
			fleet := make([]Rates, processes)
			for n := range fleet {
				fleet[n].Set("a", perSecond)
				fleet[n].Divide(processes)
			}
			begin := time.Now().Add(time.Second)
			each, all := make([]int, processes), 0
			const seconds = 100
			for at := time.Duration(0); at < seconds*time.Second; at += 10 * time.Millisecond {
				for n := range fleet {
					for more := true; more; {
						if more, _ = fleet[n].Take("a", 1, begin.Add(at)); more {
							each[n]++
							all++
						}
					}
				}
			}
			require.LessOrEqual(t, all, perSecond*seconds+max(perSecond, processes), "%d among %d", perSecond, processes)
			require.GreaterOrEqual(t, all, perSecond*seconds*95/100, "%d among %d", perSecond, processes)
			for _, had := range each {
				require.Positive(t, had, "%d among %d", perSecond, processes)
			}
		}
	}
}

// TestARequestLargerThanAPart is taken, and owed; one larger than the whole never is.
func TestARequestLargerThanAPart(t *testing.T) {
	t.Parallel()
	var r Rates
	r.Divide(4)
	r.Set("a", 100)
	now := time.Now().Add(time.Second)
	taken, ever := r.Take("a", 101, now)
	require.Equal(t, []bool{false, false}, []bool{taken, ever})
	taken, _ = r.Take("a", 100, now)
	require.True(t, taken)
	taken, ever = r.Take("a", 1, now.Add(3*time.Second))
	require.Equal(t, []bool{false, true}, []bool{taken, ever}, "it owes three seconds of its part")
	taken, _ = r.Take("a", 1, now.Add(3100*time.Millisecond))
	require.True(t, taken)
	r.Divide(1)
	taken, _ = r.Take("a", 90, now.Add(4100*time.Millisecond))
	require.True(t, taken, "alone it has all of it")
}

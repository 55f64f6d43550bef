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
	require.Equal(t, [2]bool{false, false}, take("a", 4, now), "so much at no time")
	require.Equal(t, [2]bool{true, true}, take("a", 3, now))
	r.Set("a", 3)
	require.Equal(t, [2]bool{false, true}, take("a", 1, now), "it has had its second")
	require.Equal(t, [2]bool{true, true}, take("b", 100, now))
	require.Equal(t, [2]bool{true, true}, take("a", 3, now.Add(time.Second)))
	r.Set("a", 0)
	require.Equal(t, [2]bool{true, true}, take("a", 100, now))
}

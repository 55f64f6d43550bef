package share

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPlacesAreDividedTwice: among groups, and in each among its members. What one may
// take is told beforehand.
func TestPlacesAreDividedTwice(t *testing.T) {
	t.Parallel()
	p := NewPlaces[string](90)
	fill := func(group, member string) (n int64) {
		room := p.Room(group, member, 1000)
		require.Equal(t, min(room, 3), p.Room(group, member, 3))
		for p.Take(group, member, 1) {
			n++
		}
		require.Equal(t, room, n)
		return n
	}
	require.EqualValues(t, 90, fill("north", "first"))
	require.EqualValues(t, 30, fill("north", "second"))
	require.EqualValues(t, 10, fill("north", "third"))
	south := fill("south", "another")
	require.GreaterOrEqual(t, south, int64(45))
	p.Give("south", "another", south)
	p.Add("north", "third", 5)
	p.Give("north", "first", 12)
	require.EqualValues(t, 3, p.Room("north", "third", 9), "it owes what it has beyond its share")
	p.Give("north", "first", 78)
	p.Give("north", "second", 30)
	p.Give("north", "third", 15)
	require.Equal(t, NewPlaces[string](90), p, "nothing is kept of who has none")
}

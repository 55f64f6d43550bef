package share

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fill takes one at a time until there is no more, and tells how many it were.
func fill(p *Pool, party string) (n int64) {
	for p.Take(party, 1) {
		n++
	}
	return n
}

func TestOnePartyAloneGetsAll(t *testing.T) {
	t.Parallel()
	for _, alone := range []int64{1, 2, 3, 16, 100, 1024} {
		p := New(alone)
		require.Equal(t, alone, fill(p, "a"), "%d", alone)
		p.Give("a", alone)
		require.Zero(t, p.Used())
		require.True(t, p.Take("b", alone), "%d at once", alone)
		require.False(t, New(alone).Take("a", alone+1))
	}
}

// TestThereIsSomethingLeftForTheNext, however greedy those before are.
func TestThereIsSomethingLeftForTheNext(t *testing.T) {
	t.Parallel()
	p := New(1024)
	var got []int64
	for n := range 6 {
		got = append(got, fill(p, fmt.Sprint(n)))
	}
	require.Equal(t, []int64{1024, 341, 114, 38, 12, 4}, got)
	require.LessOrEqual(t, p.Used(), int64(1536))
	p.Give("0", 1024)
	require.Greater(t, fill(p, "5"), int64(600), "what one gives back the others may have")
}

// TestALargePieceIsNotTakenInPart, and leaves room for others.
func TestALargePieceIsNotTakenInPart(t *testing.T) {
	t.Parallel()
	p := New(100)
	require.True(t, p.Take("a", 90))
	require.False(t, p.Take("a", 11))
	require.True(t, p.Take("b", 30))
	require.False(t, p.Take("b", 20))
	require.EqualValues(t, 90, p.Held("a"))
	require.EqualValues(t, 120, p.Used())
}

func TestNothingIsLostAmongMany(t *testing.T) {
	t.Parallel()
	p := New(64)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for range 2000 {
				if party := fmt.Sprint(n % 3); p.Take(party, 3) {
					p.Give(party, 3)
				}
			}
		})
	}
	all.Wait()
	require.Zero(t, p.Used())
	require.Empty(t, p.by)
}

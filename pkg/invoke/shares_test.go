package invoke

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/share"
)

func sharing(instance, target string) party { return party{instance, instance + "/", target} }

// enterAll takes as many places at once as there are.
func enterAll(s *Shares, instance, target string) (n int) {
	for s.enter(context.Background(), sharing(instance, target), 0) {
		n++
	}
	return n
}

// TestPlacesAreLeft for a third target of an instance, and for another instance,
// however many hang.
func TestPlacesAreLeft(t *testing.T) {
	t.Parallel()
	s := NewShares(90)
	require.Equal(t, 90, enterAll(s, "north", "first"))
	require.Equal(t, 30, enterAll(s, "north", "second"))
	require.Equal(t, 10, enterAll(s, "north", "third"))
	require.GreaterOrEqual(t, enterAll(s, "south", "first"), 45)
}

// TestWhoWaitsIsLetInByTurns: the targets one after the other, and those of one in
// the order in which they came; who gave up is passed over.
func TestWhoWaitsIsLetInByTurns(t *testing.T) {
	t.Parallel()
	s := NewShares(1)
	held := sharing("north", "a")
	require.True(t, s.enter(t.Context(), held, 0))
	require.False(t, s.enter(t.Context(), sharing("north", "a"), time.Millisecond), "it has given up")
	in := make(chan int, 3)
	for n := range 3 {
		go func() {
			if s.enter(context.Background(), held, time.Minute) {
				in <- n
			}
		}()
		require.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.lines[held].Len() == n+1 }, time.Minute, time.Millisecond)
	}
	for n := range 3 {
		s.leave(held)
		require.Equal(t, n, <-in)
		require.Empty(t, in, "one place is one place")
	}
	s.leave(held)
	require.Equal(t, share.NewPlaces[party](1), s.underWay, "nothing is kept of who has none")
}

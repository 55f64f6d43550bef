package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// farApart is the distance by its definition, as plain recursion.
func farApart(a, b string) int {
	switch {
	case a == "":
		return len(b)
	case b == "":
		return len(a)
	case a[0] == b[0]:
		return farApart(a[1:], b[1:])
	}
	least := 1 + min(farApart(a[1:], b), farApart(a, b[1:]), farApart(a[1:], b[1:]))
	if len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] {
		least = min(least, 1+farApart(a[2:], b[2:]))
	}
	return least
}

// TestDistance holds the table against the recursion: the same up to the limit,
// and more than the limit beyond.
func TestDistance(t *testing.T) {
	word := rapid.StringOfN(rapid.SampledFrom([]rune("abc")), 0, 7, -1)
	rapid.Check(t, func(t *rapid.T) {
		a, b, limit := word.Draw(t, "a"), word.Draw(t, "b"), rapid.IntRange(0, 8).Draw(t, "limit")
		want, got := farApart(a, b), distance(a, b, limit)
		if want <= limit {
			require.Equal(t, want, got, "%q %q", a, b)
		} else {
			require.Greater(t, got, limit, "%q %q", a, b)
		}
		require.Equal(t, got > limit, distance(b, a, limit) > limit, "both ways")
	})
}

// TestNearestIsNear: what is offered is one of the candidates, at most a third
// of the letters away, none is nearer, and their order does not matter.
func TestNearestIsNear(t *testing.T) {
	word := rapid.StringOfN(rapid.SampledFrom([]rune("ab_C")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		name, candidates := word.Draw(t, "name"), rapid.SliceOfNDistinct(word.Filter(func(s string) bool { return s != "" }), 0, 6, rapid.ID[string]).Draw(t, "candidates")
		best := Nearest(name, candidates)
		least := max(len(plain(name))/3, 1)
		for _, c := range candidates {
			d := farApart(plain(name), plain(c))
			if best == "" {
				require.Greater(t, d, least, "%q is near enough to %q", c, name)
			}
			if best != "" {
				require.LessOrEqual(t, farApart(plain(name), plain(best)), d)
			}
		}
		if best != "" {
			require.Contains(t, candidates, best)
			require.LessOrEqual(t, farApart(plain(name), plain(best)), least)
		}
		require.Equal(t, best, Nearest(name, rapid.Permutation(candidates).Draw(t, "order")))
	})
}

// TestGuessesAreBounded: a file full of mistakes does not cost the square of its
// size.
func TestGuessesAreBounded(t *testing.T) {
	var g Guesser
	for range maxGuesses {
		require.Equal(t, `; did you mean "target"?`, g.Hint("traget", []string{"type", "target"}))
	}
	require.Empty(t, g.Hint("traget", []string{"target"}))

	g = Guesser{} // of long names in great number
	long := slices.Repeat([]string{strings.Repeat("a", 300)}, 10000)
	guesses := 0
	for g.Hint(strings.Repeat("b", 300), long); g.compared < maxCompared; guesses++ {
		g.Hint(strings.Repeat("b", 300), long)
	}
	require.Less(t, guesses, 10)
	require.Empty(t, g.Hint("traget", []string{"target"}))
	require.Empty(t, (&Guesser{}).Hint("something else", []string{"target"}))
	require.Equal(t, fmt.Sprintf("; did you mean %s?", Quote(strings.Repeat("x", 300))), (&Guesser{}).Hint(strings.Repeat("x", 299), []string{strings.Repeat("x", 300)}))
}

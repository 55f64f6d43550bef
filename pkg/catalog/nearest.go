package catalog

import (
	"maps"
	"slices"
	"strings"
)

// nearest gives the candidate that is most like name, or "" when none is near
// enough to be what was meant: at most a third of the letters differ. Case, _
// and - count for nothing. Ties go to the first in alphabetical order.
func nearest(name string, candidates []string) string {
	want := plain(name)
	best, bestDistance := "", max(len(want)/3, 1)+1
	for _, c := range candidates {
		have := plain(c)
		if len(have)-len(want) >= bestDistance || len(want)-len(have) >= bestDistance {
			continue
		}
		d := distance(want, have, bestDistance)
		if d < bestDistance || d == bestDistance && best != "" && c < best {
			best, bestDistance = c, d
		}
	}
	return best
}

func plain(s string) string {
	if len(s) > 255 {
		s = s[:255]
	}
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// distance counts the bytes to insert, remove, change or swap with their
// neighbour between a and b (Damerau-Levenshtein, restricted). It gives up at
// limit + 1.
func distance(a, b string, limit int) int {
	before, previous := make([]int, len(b)+1), make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
		before, previous, row = previous, row, before
	}
	return previous[len(b)]
}

// maxGuesses bounds the searches for a near name in one run: each looks at
// every candidate, so that a file full of mistakes would otherwise cost the
// square of its size.
const maxGuesses = 200

// guesser gives hints of the form `; did you mean "x"?`.
type guesser struct {
	spent int
}

func (g *guesser) hint(name string, candidates []string) string {
	if g.spent >= maxGuesses {
		return ""
	}
	g.spent++
	if best := nearest(name, candidates); best != "" {
		return "; did you mean " + quote(best) + "?"
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

package catalog

import (
	"maps"
	"slices"
	"strings"
)

// Nearest gives the candidate that is most like name, or "" when none is near
// enough to be what was meant: at most a third of the letters differ. Case, _
// and - count for nothing. Ties go to the first in alphabetical order.
func Nearest(name string, candidates []string) string {
	want := plain(name)
	best, bestDistance := "", max(len(want)/3, 1)+1
	for _, c := range candidates {
		have, most := plain(c), bestDistance-1
		if best != "" && c < best { // it wins a tie
			most = bestDistance
		}
		if len(have)-len(want) > most || len(want)-len(have) > most {
			continue
		}
		if d := distance(want, have, most); d <= most {
			best, bestDistance = c, d
		}
	}
	return best
}

// maxPlain is how much of a name is compared, in bytes.
const maxPlain = 255

func plain(s string) string {
	if len(s) > maxPlain {
		s = s[:maxPlain]
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

// maxGuesses and maxCompared bound the searches for a near name in one run: each
// looks at every candidate, so that a file full of mistakes would otherwise cost
// the square of its size.
const (
	maxGuesses  = 200
	maxCompared = 100 << 20 // pairs of letters
)

// Guesser finds what may have been meant by a name that is not known. It gives
// up to 200 hints, fewer where there are very many and long candidates. The zero
// value is ready; it is for one goroutine.
type Guesser struct {
	spent    int
	compared int
}

// Hint is of the form `; did you mean "x"?`, empty when no candidate is near: at
// most a third of the letters may differ.
func (g *Guesser) Hint(name string, candidates []string) string {
	return hint(g.guess(name, candidates))
}

// hint asks for what may have been meant, if anything.
func hint(meant string) string {
	if meant == "" {
		return ""
	}
	return "; did you mean " + Quote(meant) + "?"
}

// guess gives the candidate that may have been meant, or "".
func (g *Guesser) guess(name string, candidates []string) string {
	if g.spent >= maxGuesses || g.compared >= maxCompared {
		return ""
	}
	g.spent++
	for _, c := range candidates {
		g.compared += min(len(name), maxPlain) * min(len(c), maxPlain)
	}
	return Nearest(name, candidates)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

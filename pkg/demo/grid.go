package demo

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The columns of the drawing. The clock stands left of the columns.
const (
	clockWidth      = 9
	leftMargin      = clockWidth + 4 // to the first column, half of its name
	rightMargin     = 8              // behind the last column, half of its name
	minGap          = 10
	maxGap          = 24
	minColumnsWidth = leftMargin + 5*minGap + rightMargin
)

// grid says where everything stands.
type grid struct {
	width int
	gap   int
}

func newGrid(width int) grid {
	gap := min((width-leftMargin-rightMargin)/(len(Parties)-1), maxGap)
	return grid{width: width, gap: gap}
}

// at is the column of a column.
func (g grid) at(l Party) int { return leftMargin + g.gap*slices.Index(Parties, l) }

// cell is one character of a row and how it looks.
type cell struct {
	r rune
	s style
}

// row is one line of the drawing, with the columns in it.
type row []cell

// newRow has nothing but the columns' lines.
func (g grid) newRow() row {
	r := g.blank()
	for _, l := range Parties {
		r[g.at(l)] = cell{'│', dim}
	}
	return r
}

func (g grid) blank() row {
	r := make(row, g.width)
	for i := range r {
		r[i] = cell{' ', plain}
	}
	return r
}

// put writes text from column at; what does not fit is left out.
func (r row) put(at int, text string, s style) {
	for _, c := range text {
		if at >= 0 && at < len(r) {
			r[at] = cell{c, s}
		}
		at++
	}
}

// print turns a row into text, changing the colour only where it changes.
func (r row) print(i ink) string {
	end := len(r)
	for end > 0 && r[end-1].r == ' ' {
		end--
	}
	var b, run strings.Builder
	current := plain
	flush := func() {
		b.WriteString(i.paint(current, run.String()))
		run.Reset()
	}
	for _, c := range r[:end] {
		if c.s != current {
			flush()
			current = c.s
		}
		run.WriteRune(c.r)
	}
	flush()
	return b.String() + "\n"
}

// fit shortens text to width characters, and shows that it did.
func fit(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	return string([]rune(text)[:width-1]) + "…"
}

// split breaks a name in camel case into as few lines as fit width, and those
// as even as can be.
func split(name string, width int) []string {
	words := camel(name)
	for n := 1; n < len(words); n++ {
		lines := best(words, n)
		if widest(lines) <= width {
			return lines
		}
	}
	return words
}

// best is the split of words into n lines whose widest line is narrowest.
func best(words []string, n int) []string {
	if n == 1 {
		return []string{strings.Join(words, "")}
	}
	var found []string
	for k := 1; k <= len(words)-n+1; k++ {
		lines := append([]string{strings.Join(words[:k], "")}, best(words[k:], n-1)...)
		if found == nil || widest(lines) <= widest(found) {
			found = lines
		}
	}
	return found
}

func widest(lines []string) int {
	w := 0
	for _, l := range lines {
		w = max(w, len(l))
	}
	return w
}

// camel takes a name apart at its capitals; LDAP stays whole.
func camel(name string) []string {
	var words []string
	start := 0
	for i := 1; i < len(name); i++ {
		if unicode.IsUpper(rune(name[i])) && unicode.IsLower(rune(name[i-1])) {
			words = append(words, name[start:i])
			start = i
		}
	}
	return append(words, name[start:])
}

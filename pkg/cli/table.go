package cli

import (
	"cmp"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// cell is a place in a table: a text, and a colour or none.
type cell struct{ text, colour string }

// table writes rows in columns, a page at a time: a page that comes later
// widens a column and never narrows it, so that what is printed stays. A column
// in which nothing stands is left out, until something does.
type table struct {
	out    io.Writer
	pen    pen
	head   []string
	whole  bool // columns in which nothing stands are shown too
	within int  // columns of a terminal that a row may take; 0 = as many as it needs
	shown  []bool
	widths []int
	rows   [][]cell
}

func (p *Program) table(head ...string) *table {
	t := &table{out: p.Out, pen: p.pen(), head: head}
	switch {
	case p.columns > 0:
		t.within = p.columns
	case isTerminal(p.Out):
		t.within = cmp.Or(width(p.Out), usualWidth)
	}
	return t
}

// wide shows everything, in as many columns as that takes.
func (t *table) wide() *table {
	t.whole, t.within = true, 0
	return t
}

// usualWidth is how many columns a terminal has that does not say.
const usualWidth = 80

// add takes a row; an empty text is shown as -.
func (t *table) add(texts ...string) {
	row := make([]cell, len(texts))
	for i, text := range texts {
		row[i].text = orDash(text)
	}
	t.rows = append(t.rows, row)
}

// colour paints a cell of the row that was added last.
func (t *table) colour(column int, colour string) { t.rows[len(t.rows)-1][column].colour = colour }

// flush prints what was added. The head comes with the first page, unless the
// table is empty, and again with a page that has something in a column that was
// left out.
func (t *table) flush() error {
	if len(t.rows) == 0 {
		return nil
	}
	if t.reveal() {
		head := make([]cell, len(t.head))
		for i, text := range t.head {
			head[i].text = text
		}
		t.rows = append([][]cell{head}, t.rows...)
	}
	for _, row := range t.rows {
		for i, c := range row {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(c.text))
		}
	}
	widths := t.fitting()
	var b strings.Builder
	for _, row := range t.rows {
		t.write(&b, row, widths)
	}
	t.rows = nil
	_, err := io.WriteString(t.out, b.String())
	return err
}

// reveal finds out which columns are shown. It tells whether that are more than
// before.
func (t *table) reveal() (more bool) {
	if t.shown == nil {
		t.shown, t.widths, more = make([]bool, len(t.head)), make([]int, len(t.head)), true
	}
	for i, name := range t.head {
		needed := t.whole || i == 0 || slices.ContainsFunc(t.rows, func(row []cell) bool { return row[i].text != dash })
		if needed && !t.shown[i] {
			t.shown[i], more = true, true
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(name))
		}
	}
	return more
}

// narrowest is how narrow a column becomes at most, where its head is not wider.
const narrowest = 8

// fitting are the widths with which a row fits: the widest column gives way
// first. The first one, by which a thing is named to other commands, never does.
func (t *table) fitting() []int {
	widths := slices.Clone(t.widths)
	if t.within == 0 {
		return widths
	}
	for {
		sum, widest := -2, -1
		for i, w := range widths {
			if !t.shown[i] {
				continue
			}
			sum += w + 2
			if i == 0 && len(t.head) > 1 {
				continue
			}
			if w > max(narrowest, utf8.RuneCountInString(t.head[i])) && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if sum <= t.within || widest < 0 {
			return widths
		}
		widths[widest]--
	}
}

func (t *table) write(b *strings.Builder, row []cell, widths []int) {
	gap := 0
	for i, c := range row {
		if !t.shown[i] {
			continue
		}
		text := shortened(c.text, widths[i])
		b.WriteString(strings.Repeat(" ", gap))
		b.WriteString(t.pen.paint(c.colour, text))
		gap = widths[i] - utf8.RuneCountInString(text) + 2
	}
	b.WriteByte('\n')
}

// shortened is a text in so many characters: what is left out is in the middle,
// since names differ at their ends.
func shortened(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	front := most / 2
	return string(runes[:front]) + "…" + string(runes[len(runes)-(most-front-1):])
}

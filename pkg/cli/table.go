package cli

import (
	"io"
	"strings"
	"unicode/utf8"
)

// cell is a place in a table: a text, and a colour or none.
type cell struct{ text, colour string }

// table writes rows in columns, a page at a time: a page that comes later
// widens a column and never narrows it, so that what is printed stays.
type table struct {
	out    io.Writer
	pen    pen
	head   []string
	widths []int
	rows   [][]cell
}

func (p *Program) table(head ...string) *table {
	return &table{out: p.Out, pen: p.pen(), head: head}
}

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
// table is empty.
func (t *table) flush() error {
	if t.head != nil && len(t.rows) > 0 {
		head := make([]cell, len(t.head))
		for i, text := range t.head {
			head[i].text = text
		}
		t.rows, t.head = append([][]cell{head}, t.rows...), nil
	}
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		for i, c := range row {
			b.WriteString(t.pen.paint(c.colour, c.text))
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(c.text)+2))
			}
		}
		b.WriteByte('\n')
	}
	t.rows = nil
	_, err := io.WriteString(t.out, b.String())
	return err
}

// facts writes what is known of one thing: a name and a value a line, those
// without a value left out.
type facts struct{ rows [][2]string }

func (f *facts) add(name, value string) {
	if value != "" {
		f.rows = append(f.rows, [2]string{name, value})
	}
}

// list adds values one below the other.
func (f *facts) list(name string, values []string) {
	for _, value := range values {
		f.rows = append(f.rows, [2]string{name, value})
		name = ""
	}
}

func (f *facts) String() string {
	width := 0
	for _, row := range f.rows {
		width = max(width, len(row[0]))
	}
	var b strings.Builder
	for _, row := range f.rows {
		b.WriteString(row[0] + strings.Repeat(" ", width-len(row[0])+2) + printable(row[1]) + "\n")
	}
	return b.String()
}

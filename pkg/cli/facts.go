package cli

import "strings"

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

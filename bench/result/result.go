// Package result keeps what is measured: raw in files, and as tables of medians with their spread.
package result

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/callout-hq/callout/bench/process"
)

// Row is one measurement.
type Row struct {
	Part   string             `json:"part"`   // what was measured; a table for each
	Case   string             `json:"case"`   // with how much of it, or ""
	Of     string             `json:"of"`     // who was measured
	Turn   int                `json:"turn"`   // from 0; rows of one turn are compared
	Load   [2]float64         `json:"load"`   // of the machine in the minute before it, at its beginning and its end
	Values map[string]float64 `json:"values"` // by names that tell the unit
	Failed string             `json:"failed,omitempty"`
}

// Run is all that one start of the program measures. It may be used from several goroutines.
type Run struct {
	mu   sync.Mutex
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	Args []string  `json:"args"`
	CPUs int       `json:"cpus"`
	Go   string    `json:"go"`
	Rows []Row     `json:"rows"`
}

// NewRun begins a run, which is told by the words it was started with.
func NewRun(name string, args []string) *Run {
	return &Run{Name: name, At: time.Now().UTC(), Args: args, CPUs: runtime.NumCPU(), Go: runtime.Version()}
}

// Measure adds a row of what measure finds. A measurement that fails is a row too, and the run goes on.
func (r *Run) Measure(part, name, of string, turn int, measure func() (map[string]float64, error)) error {
	row := Row{Part: part, Case: name, Of: of, Turn: turn, Load: [2]float64{process.Load(), 0}}
	values, err := measure()
	row.Values, row.Load[1] = values, process.Load()
	if err != nil {
		row.Failed = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Rows = append(r.Rows, row)
	return err
}

// Write keeps the rows in a directory, as NAME-TIME.json and .csv, and gives the names without their endings.
func (r *Run) Write(dir string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	base := filepath.Join(dir, r.Name+"-"+r.At.Format("20060102T150405"))
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return "", err
	}
	return base, errors.Join(os.WriteFile(base+".json", append(raw, '\n'), 0o600), r.csv(base+".csv"))
}

func (r *Run) csv(name string) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := csv.NewWriter(f)
	lines := [][]string{{"part", "case", "of", "turn", "load_before", "load_after", "measure", "value", "failed"}}
	for _, row := range r.Rows {
		head := []string{row.Part, row.Case, row.Of, strconv.Itoa(row.Turn), number(row.Load[0]), number(row.Load[1])}
		if row.Failed != "" {
			lines = append(lines, append(slices.Clone(head), "", "", row.Failed))
		}
		for _, measure := range sorted(row.Values) {
			lines = append(lines, append(slices.Clone(head), measure, number(row.Values[measure]), ""))
		}
	}
	return w.WriteAll(lines)
}

func sorted(values map[string]float64) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }

// Spread is the middle of some values, and the least and the most of them.
type Spread struct {
	Least, Middle, Most float64
	Of                  int
}

// SpreadOf is that of values; of none it is zero.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(values))
	middle := s[len(s)/2]
	if len(s)%2 == 0 {
		middle = (middle + s[len(s)/2-1]) / 2
	}
	return Spread{Least: s[0], Middle: middle, Most: s[len(s)-1], Of: len(s)}
}

func (s Spread) String() string {
	switch {
	case s.Of == 0:
		return "–"
	case s.Of == 1 || s.Least == s.Most:
		return short(s.Middle)
	default:
		return fmt.Sprintf("%s (%s–%s)", short(s.Middle), short(s.Least), short(s.Most))
	}
}

// short has three digits that count, and no more behind the dot than that asks for.
func short(f float64) string {
	switch {
	case f >= 100 || f == float64(int64(f)):
		return strconv.FormatFloat(f, 'f', 0, 64)
	case f >= 10:
		return strconv.FormatFloat(f, 'f', 1, 64)
	default:
		return strconv.FormatFloat(f, 'f', 2, 64)
	}
}

// Err is what has failed, or nil.
func (r *Run) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []error
	for _, row := range r.Rows {
		if row.Failed != "" {
			all = append(all, fmt.Errorf("%s %s, %s, turn %d: %s", row.Part, row.Case, row.Of, row.Turn, row.Failed))
		}
	}
	return errors.Join(all...)
}

// Tables prints a table of Markdown for each part: a line for each case and who was measured, a column for each of the
// measures that it has, in their order, and one for each of ratios, against what base had in the same turn; then the
// load of the machine.
func (r *Run) Tables(out io.Writer, base string, measures, ratios []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var parts []string
	for _, row := range r.Rows {
		if !slices.Contains(parts, row.Part) {
			parts = append(parts, row.Part)
		}
	}
	for _, part := range parts {
		rows := slices.DeleteFunc(slices.Clone(r.Rows), func(row Row) bool { return row.Part != part })
		if err := table(out, part, rows, base, present(rows, measures), present(rows, ratios)); err != nil {
			return err
		}
	}
	return nil
}

// present are the measures that some of the rows have.
func present(rows []Row, measures []string) []string {
	return slices.DeleteFunc(slices.Clone(measures), func(measure string) bool { return len(values(rows, measure)) == 0 })
}

func table(out io.Writer, part string, rows []Row, base string, measures, ratios []string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "| %s | |", part)
	for _, measure := range measures {
		fmt.Fprintf(&text, " %s |", measure)
	}
	for _, ratio := range ratios {
		fmt.Fprintf(&text, " %s, of %s |", ratio, base)
	}
	fmt.Fprintf(&text, " load |\n|%s\n", strings.Repeat("---|", len(measures)+len(ratios)+3))
	for _, group := range groups(rows) {
		fmt.Fprintf(&text, "| %s | %s |", group[0].Case, group[0].Of)
		for _, measure := range measures {
			fmt.Fprintf(&text, " %s |", SpreadOf(values(group, measure)))
		}
		for _, ratio := range ratios {
			fmt.Fprintf(&text, " %s |", SpreadOf(against(rows, group, base, ratio)))
		}
		fmt.Fprintf(&text, " %s |\n", SpreadOf(loads(group)))
	}
	_, err := fmt.Fprintln(out, text.String())
	return err
}

// groups are the rows of the same case and who, in the order in which these were measured first.
func groups(rows []Row) [][]Row {
	var all [][]Row
	for _, row := range rows {
		i := slices.IndexFunc(all, func(g []Row) bool { return g[0].Case == row.Case && g[0].Of == row.Of })
		if i < 0 {
			all, i = append(all, nil), len(all)
		}
		all[i] = append(all[i], row)
	}
	return all
}

func values(rows []Row, measure string) []float64 {
	var found []float64
	for _, row := range rows {
		if v, there := row.Values[measure]; there {
			found = append(found, v)
		}
	}
	return found
}

func loads(rows []Row) []float64 {
	var found []float64
	for _, row := range rows {
		found = append(found, row.Load[:]...)
	}
	return found
}

// against gives the ratio of each turn that both have.
func against(rows, group []Row, base, measure string) []float64 {
	var found []float64
	for _, row := range group {
		for _, other := range rows {
			if other.Case != row.Case || other.Of != base || other.Turn != row.Turn {
				continue
			}
			ours, there := row.Values[measure]
			if theirs := other.Values[measure]; there && theirs > 0 {
				found = append(found, ours/theirs)
			}
		}
	}
	return found
}

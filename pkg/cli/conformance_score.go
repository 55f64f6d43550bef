package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/conformance"
)

// score is how the cases went, in their order, and the line that counts meanwhile.
type score struct {
	program *Program
	place   map[string]int
	results []conformance.Result
	done    int
	counts  map[string]int
	unknown int // failed for want of a handler
	line    *progress
}

func (p *Program) newScore(names []string) (*score, error) {
	if len(names) == 0 {
		return nil, &usageError{fmt.Errorf("--case names no case: it is how one begins, such as 2.2 or 7")}
	}
	s := &score{program: p, place: map[string]int{}, results: make([]conformance.Result, len(names)), counts: map[string]int{}, line: p.newProgress()}
	for i, name := range names {
		s.place[name] = i
		s.results[i] = conformance.Result{Case: name, Result: notRun}
	}
	return s, nil
}

// contractPage is where somebody reads the contract who has the program alone.
const contractPage = "https://github.com/callout-hq/callout/blob/main/schemas/conformance/README.md"

// notRun is a case that was not come to.
const notRun = "not run"

func (s *score) add(r conformance.Result) {
	s.results[s.place[r.Case]] = r
	s.done++
	s.counts[r.Result]++
	if r.Result == conformance.Failed && strings.Contains(r.Why, `"unknown_condition"`) {
		s.unknown++
	}
	s.line.count(fmt.Sprintf("%d of %d cases, %d failed", s.done, len(s.results), s.counts[conformance.Failed]))
}

// end prints how the cases went, and tells what broke the run off.
func (s *score) end(form string, broken error) error {
	s.line.clear()
	if err := s.print(form); err != nil {
		return err
	}
	if broken != nil {
		return broken
	}
	if s.unknown > 0 && s.unknown*2 >= s.counts[conformance.Failed] {
		s.program.note(fmt.Sprintf("%s answered unknown_condition: what is driven is a small target around your receiver, with the handlers of section 9 of %s; sdk/*/conformance has one in each language",
			count(s.unknown, "failed case"), contractPage))
	}
	if s.counts[conformance.Failed] > 0 {
		return errTold
	}
	return nil
}

func (s *score) print(form string) error {
	if isJSON(form) {
		return s.printJSON(form)
	}
	t := s.program.table("CASE", "RESULT", "TIME", "WHY").wide()
	for _, r := range s.results {
		took := time.Duration(r.DurationMS * float64(time.Millisecond)).Round(time.Millisecond)
		t.add(r.Case, r.Result, took.String(), printable(r.Why))
		t.colour(1, map[string]string{conformance.Passed: green, conformance.Failed: red, conformance.Skipped: yellow, notRun: yellow}[r.Result])
	}
	if err := t.flush(); err != nil {
		return err
	}
	return s.program.say("\n%s: %d passed, %d failed, %d skipped\n", count(len(s.results), "case"), s.counts[conformance.Passed], s.counts[conformance.Failed], s.counts[conformance.Skipped])
}

func (s *score) printJSON(form string) error {
	var items [][]byte
	for _, r := range s.results {
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		items = append(items, raw)
	}
	if form == asLines {
		for _, raw := range items {
			if err := s.program.say("%s\n", raw); err != nil {
				return err
			}
		}
		return nil
	}
	return s.program.printItems(form, items)
}

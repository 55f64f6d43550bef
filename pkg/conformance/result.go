package conformance

import (
	"bytes"
	"encoding/json"
	"time"
)

// How a case went.
const (
	Passed  = "pass"
	Failed  = "fail"
	Skipped = "skip" // it needs what this run has not
)

// Result is how a case went.
type Result struct {
	Case       string  `json:"case"`
	Rule       string  `json:"rule"`
	Result     string  `json:"result"` // Passed, Failed or Skipped
	Why        string  `json:"why,omitempty"`
	DurationMS float64 `json:"durationMs"`
}

func resultOf(name, rule string, begun time.Time, why error) Result {
	r := Result{Case: name, Rule: rule, Result: Passed, DurationMS: float64(time.Since(begun).Microseconds()) / 1000}
	if why != nil {
		r.Result, r.Why = Failed, why.Error()
	}
	return r
}

// decodeStrictly reads what we have written ourselves: a member that nobody knows is a
// misspelt one.
func decodeStrictly(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

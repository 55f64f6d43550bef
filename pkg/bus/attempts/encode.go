package attempts

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/callout-hq/callout/pkg/action"
)

// append appends the JSON of a record as it is stored, member by member: each turn of
// each call has one. The members are those that reading a Record by its tags knows, and
// a test holds them against these. It fails for a time that has no year of four digits.
func (r *Record) append(dst []byte) ([]byte, error) {
	w := writer{out: append(dst, '{')}
	if action.Format != 1 { // what has no number is of format 1
		w.number("format", action.Format)
	}
	w.always("delivery_id", r.DeliveryID)
	w.text("call_id", r.CallID)
	w.text("event_id", r.EventID)
	w.number("sequence", r.Sequence)
	w.always("instance", r.Instance)
	w.text("org", r.Org)
	w.text("scope", r.Scope)
	w.text("owner", r.Owner)
	w.always("phase", string(r.Phase))
	w.text("name", r.Name)
	w.text("aggregate", r.Aggregate)
	w.always("target", r.Target)
	w.text("kind", string(r.Kind))
	w.number("attempt", uint64(max(r.Attempt, 0)))
	w.truth("unsent", r.Unsent)
	w.truth("earlier", r.Earlier)
	w.truth("redrive", r.Redrive)
	w.truth("replay", r.Replay)
	w.number("status", uint64(max(r.Status, 0)))
	w.text("code", string(r.Code))
	w.text("stage", string(r.Stage))
	w.text("error", r.Error)
	w.time("began", r.Began)
	w.time("ended", r.Ended)
	w.always("decision", string(r.Decision))
	if !r.NextTry.IsZero() {
		w.time("next_try", r.NextTry)
	}
	w.always("worker", r.Worker)
	w.number("revision", r.Revision)
	if r.Answer != nil {
		answer, _ := json.Marshal(r.Answer) // texts cannot fail
		w.name("answer")
		w.out = append(w.out, answer...)
	}
	w.number("dropped", r.Dropped)
	return append(w.out, '}'), w.err
}

// writer writes the members of one object. What is empty, 0 or false is left out.
type writer struct {
	out []byte
	err error // of the last that could not be written
}

func (w *writer) name(name string) {
	if w.out[len(w.out)-1] != '{' {
		w.out = append(w.out, ',')
	}
	w.out = append(append(append(w.out, '"'), name...), '"', ':')
}

// always writes a text even when it is empty. What is no UTF-8 becomes U+FFFD.
func (w *writer) always(name, value string) {
	w.name(name)
	w.out, _ = jsontext.AppendQuote(w.out, value)
}

func (w *writer) text(name, value string) {
	if value != "" {
		w.always(name, value)
	}
}

func (w *writer) number(name string, value uint64) {
	if value != 0 {
		w.name(name)
		w.out = strconv.AppendUint(w.out, value, 10)
	}
}

func (w *writer) truth(name string, value bool) {
	if value {
		w.name(name)
		w.out = append(w.out, "true"...)
	}
}

func (w *writer) time(name string, value time.Time) {
	w.name(name)
	w.out = append(w.out, '"')
	var err error
	if w.out, err = value.AppendText(w.out); err != nil {
		w.err = err
	}
	w.out = append(w.out, '"')
}

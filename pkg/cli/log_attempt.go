package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/outcome"
)

// briefly writes the log of an attempt as one line that a person takes in, and
// leaves all else to who writes the rest.
type briefly struct {
	out  io.Writer
	rest io.Writer
	pen  pen
}

// attempted is what is logged of an exchange, as far as its line shows it.
type attempted struct {
	Message  string    `json:"message"`
	Time     time.Time `json:"time"`
	Instance string    `json:"instance"`
	Org      string    `json:"org"`
	Phase    string    `json:"phase"`
	Name     string    `json:"name"`
	Target   string    `json:"target"`
	Sequence uint64    `json:"sequence"`
	Attempt  int       `json:"attempt"`
	Status   int       `json:"status"`
	Code     string    `json:"code"`
	Answered string    `json:"answer_code"` // what the target's answer names as its code
	Error    string    `json:"error"`
	Took     float64   `json:"took_ms"`
	Wait     float64   `json:"wait_ms"`
	Verdict  string    `json:"verdict"`
}

func (b *briefly) Write(raw []byte) (int, error) {
	var a attempted
	if !bytes.Contains(raw, []byte(`"message":"attempt"`)) || json.Unmarshal(raw, &a) != nil || a.Message != "attempt" {
		return b.rest.Write(raw)
	}
	colour := green
	if a.Code != "" {
		colour = yellow
	}
	_, err := fmt.Fprintf(b.out, "%s %s\n", b.pen.paint(faint, a.Time.Local().Format(time.TimeOnly)), b.pen.paint(colour, printable(a.String())))
	return len(raw), err
}

// String is such as: audit user.added #3 attempt 2: connection refused, again in
// 1.2 s.
func (a attempted) String() string {
	var words []string
	if a.Instance != "" && a.Instance != catalog.DefaultInstance {
		words = append(words, a.Instance+":")
	}
	words = append(words, a.Target)
	if a.Phase != string(action.OnEvent) {
		words = append(words, a.Phase)
	}
	words = append(words, a.Name)
	if a.Sequence > 0 {
		words = append(words, fmt.Sprintf("#%d", a.Sequence))
	}
	if a.Attempt > 1 {
		words = append(words, fmt.Sprintf("attempt %d", a.Attempt))
	}
	text := strings.Join(words, " ") + ": " + a.happened()
	if next := a.next(); next != "" {
		text += ", " + next
	}
	return text
}

// happened is the answer, or why there was none: of an error the last cause, which
// says the most.
func (a attempted) happened() string {
	switch {
	case a.Code == "":
		return fmt.Sprintf("ok, status %d, after %s", a.Status, spanText(a.Took))
	case a.Status > 0 && a.Answered != "":
		return fmt.Sprintf("status %d (%s)", a.Status, a.Answered)
	case a.Status > 0:
		return fmt.Sprintf("status %d", a.Status)
	}
	_, last, found := strings.Cut(a.Error, "target "+a.Target)
	if at := strings.LastIndex(last, ": "); found && at >= 0 {
		return last[at+2:]
	}
	return a.Code
}

// next is what becomes of a delivery, or of a call, that did not go well.
func (a attempted) next() string {
	switch outcome.Verdict(a.Verdict) {
	case outcome.Retry:
		return "again in " + spanText(a.Wait)
	case outcome.Dead:
		return "a dead letter"
	case outcome.Stop:
		return "the line stops"
	case outcome.Pause:
		return "the target is paused"
	case outcome.Ack:
		return ""
	}
	switch action.StepOutcome(a.Verdict) {
	case action.StepOK:
		return ""
	case action.StepChanged:
		return "the object is changed"
	}
	return strings.TrimPrefix(a.Verdict, string(action.StepFailed))
}

// spanText is a span of milliseconds, with as much of it as matters.
func spanText(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return catalog.ShortDuration(d.Round(time.Second))
}

package work

import (
	"encoding/json"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/attempts"
	"github.com/callout-hq/callout/pkg/invoke"
)

// exchange is one exchange with a target as it is logged and recorded, of a call
// or of a delivery: one wide line, with names that stay.
type exchange struct {
	about
	number   int
	status   int
	err      *action.Error
	took     time.Duration
	verdict  string
	wait     time.Duration
	revision uint64
	ended    time.Time
	answer   invoke.Answer // of one that failed, as far as it is recorded
	decision attempts.Decision
	earlier  bool // something was recorded of the delivery before
	unsent   bool
}

// about says what an exchange is for.
type about struct {
	instance  string
	scope     string // whose execution it is
	org       string // of the event or the call
	phase     action.Phase
	name      string // method, function or event type
	aggregate string
	eventID   string
	callID    string
	owner     string // who defines the target
	target    *action.Target
	id        string // delivery id
	sequence  uint64
	redrive   bool
	replay    bool
}

// said is the error in words. A rejection has those of the target, which may repeat what
// it was sent.
func (e *exchange) said() string { return string(e.answer.Masked([]byte(e.err.Error()), e.target)) }

func (w *Worker) logExchange(e exchange) {
	event := w.log.Info()
	if e.err != nil {
		event = w.log.Warn().Str("code", string(e.err.Code)).Str("stage", string(e.err.Stage)).Str("error", e.said())
		if code := answerCode(failedAnswer(e.answer, e.target)); code != "" {
			event = event.Str("answer_code", code)
		}
	}
	if e.scope != "" {
		event = event.Str("org", e.scope)
	}
	if e.sequence > 0 {
		event = event.Uint64("sequence", e.sequence)
	}
	if e.wait > 0 {
		event = event.Dur("wait_ms", e.wait)
	}
	event.Str("instance", e.instance).Str("phase", string(e.phase)).Str("name", e.name).
		Str("target", e.target.Name).Str("kind", string(e.target.Kind)).Str("delivery", e.id).
		Int("attempt", e.number).Int("status", e.status).Dur("took_ms", e.took).
		Str("verdict", e.verdict).Uint64("revision", e.revision).Msg("attempt")
	w.record(e)
}

// maxAnswerCode bounds what is logged of an answer's own code, in bytes.
const maxAnswerCode = 64

// answerCode is the member code of an answer that is a JSON object, such as what an SDK
// refuses with: it says which of the reasons for a status it was. It is "" where there is
// none, or none of 1 to maxAnswerCode bytes. Secrets are masked in it as in the answer.
func answerCode(a *action.FailedAnswer) string {
	if a == nil || a.Truncated {
		return ""
	}
	var members map[string]json.RawMessage
	var code string
	if json.Unmarshal([]byte(a.Body), &members) != nil || json.Unmarshal(members["code"], &code) != nil || len(code) > maxAnswerCode {
		return ""
	}
	return code
}

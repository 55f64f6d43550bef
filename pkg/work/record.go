package work

import (
	"strings"
	"unicode/utf8"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/attempts"
	"github.com/callout-hq/callout/pkg/invoke"
	"github.com/callout-hq/callout/pkg/outcome"
)

// decisions are what the log of attempts calls a verdict, or the outcome of a
// turn.
var (
	decisions = map[outcome.Verdict]attempts.Decision{
		outcome.Ack: attempts.Delivered, outcome.Retry: attempts.Retry, outcome.Dead: attempts.DeadLetter,
		outcome.Stop: attempts.Stopped, outcome.Pause: attempts.Paused,
	}
	turnDecisions = map[action.StepOutcome]attempts.Decision{
		action.StepOK: attempts.Continue, action.StepChanged: attempts.Continue, action.StepStored: attempts.Stored,
		action.StepRejected: attempts.Rejected, action.StepFailed: attempts.Failed,
	}
)

// record hands an exchange to the log of attempts, which never holds up who does.
func (w *Worker) record(e exchange) {
	r := attempts.Record{
		DeliveryID: e.id, CallID: e.callID, EventID: e.eventID, Sequence: e.sequence, Instance: e.instance, Org: e.org, Scope: e.scope, Owner: e.owner,
		Phase: e.phase, Name: e.name, Aggregate: e.aggregate, Target: e.target.Name, Kind: e.target.Kind, Attempt: e.number, Unsent: e.unsent,
		Earlier: e.earlier, Redrive: e.redrive, Replay: e.replay, Status: e.status, Began: e.ended.Add(-e.took), Ended: e.ended,
		Decision: e.decision, Revision: e.revision,
	}
	if e.unsent && e.callID != "" {
		r.Attempt = 0
	}
	if e.wait > 0 {
		r.NextTry = e.ended.Add(e.wait)
	}
	if e.err != nil {
		r.Code, r.Stage = e.err.Code, e.err.Stage
		r.Error, _ = clipped(e.said(), maxDescription)
		r.Answer = failedAnswer(e.answer, e.target)
	}
	w.recorder.Record(r)
}

// maxHeaders bounds what is recorded of an answer's headers, in bytes.
const maxHeaders = 4 << 10

// failedAnswer is what is kept of an answer that failed; nil when there was
// none.
func failedAnswer(a invoke.Answer, t *action.Target) *action.FailedAnswer {
	if a.Status == 0 {
		return nil
	}
	out := &action.FailedAnswer{Truncated: a.Cut}
	beginning := a.AnswerBeginning
	if beginning == nil { // what it said was well-formed, and could not be used
		out.Truncated = len(a.Body) > action.MaxBeginning
		beginning = a.Masked(a.Body[:min(len(a.Body), action.MaxBeginning)], t)
	}
	body, cut := clipped(string(beginning), action.MaxBeginning)
	out.Body, out.Truncated = body, out.Truncated || cut
	left := maxHeaders
	for _, line := range headerLines(a.Header, action.NamesSecret) {
		name, nameCut := clipped(string(a.Masked([]byte(line.Name), t)), left)
		value, valueCut := clipped(string(a.Masked([]byte(line.Value), t)), left-len(name))
		if name == "" {
			out.Truncated = true
			break
		}
		left -= len(name) + len(value)
		out.Headers = append(out.Headers, action.AnswerHeader{Name: name, Value: value})
		out.Truncated = out.Truncated || nameCut || valueCut
	}
	return out
}

// clipped is text of UTF-8 that has at most so many bytes. It tells whether there
// was more.
func clipped(text string, most int) (string, bool) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text, false
	}
	most = max(most, 0)
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most], true
}

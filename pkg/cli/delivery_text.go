package cli

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// deliveryColours are those of states.
var deliveryColours = map[string]string{
	"delivered": green, "continue": green, "waiting": yellow, "stored": yellow, "paused": yellow, "rejected": yellow,
	"dead_letter": red, "stopped": red, "failed": red,
}

func (p *Program) deliveryLister(form string) *lister[*calloutv1.Delivery] {
	head := []string{"ID", "TARGET", "TYPE", "LAST", "AGE", "STATE"}
	t := p.table(head...)
	if form == asWide {
		t = p.table(append(head, "ATTEMPTS", "PHASE", "ORG", "AGGREGATE", "SEQUENCE", "EVENT-ID", "WORKER")...).wide()
	}
	return &lister[*calloutv1.Delivery]{Program: p, form: form, what: "deliveries", table: t, name: (*calloutv1.Delivery).GetDeliveryId,
		row: func(d *calloutv1.Delivery) { deliveryRow(t, d, form == asWide) }}
}

func deliveryRow(t *table, d *calloutv1.Delivery, wide bool) {
	last := d.GetLast()
	row := []string{d.GetDeliveryId(), last.GetTarget(), last.GetName(), lastText(d), age(d.GetLastTime(), time.Now()), deliveryState(d, time.Now())}
	if wide {
		row = append(row, fmt.Sprint(d.GetAttempts()), string(manage.PhaseWord(last.GetPhase())), last.GetOrg(), last.GetAggregateId(), sequenceText(last), last.GetEventId(), last.GetWorker())
	}
	t.add(row...)
	t.colour(5, deliveryColours[d.GetState()])
}

func sequenceText(a *calloutv1.Attempt) string {
	if a.GetSequence() == 0 {
		return ""
	}
	return fmt.Sprint(a.GetSequence())
}

// lastText is the answer to the last attempt, and which attempt that was.
func lastText(d *calloutv1.Delivery) string {
	text := answerText(d.GetLast())
	if d.GetAttempts() > 1 {
		text = fmt.Sprintf("%s #%d", orDash(text), d.GetAttempts())
	}
	return text
}

// answerText is the status of an answer, or the code where there was none.
func answerText(a *calloutv1.Attempt) string {
	if a.GetStatus() > 0 {
		return fmt.Sprint(a.GetStatus())
	}
	return a.GetCode()
}

// deliveryState says how a delivery stands.
func deliveryState(d *calloutv1.Delivery, now time.Time) string {
	text := strings.ReplaceAll(d.GetState(), "_", " ")
	if d.GetState() != "waiting" {
		return text
	}
	return text + " (" + againText(d.GetLast().GetNextTime(), now) + ")"
}

// againText says when something is made again.
func againText(at *timestamppb.Timestamp, now time.Time) string {
	if at == nil {
		return "soon again"
	}
	left := at.AsTime().Sub(now)
	switch {
	case left <= 0:
		return "again now"
	case left < time.Second:
		return fmt.Sprintf("again in %d ms", left.Milliseconds())
	case left < 10*time.Second:
		return fmt.Sprintf("again in %.1f s", left.Seconds())
	case left < 2*time.Minute:
		return fmt.Sprintf("again in %d s", int(left.Seconds()))
	case left < 2*time.Hour:
		return fmt.Sprintf("again in %d min", int(left.Minutes()))
	}
	return fmt.Sprintf("again in %d h", int(left.Hours()))
}

// decisionTexts are the decisions whose words say little.
var decisionTexts = map[string]string{
	"retry": "made again", "dead_letter": "dead letter", "paused": "its target is paused", "stopped": "its line is stopped", "stored": "stored, to be delivered",
	"continue": "the call goes on", "rejected": "the call is rejected", "failed": "failed",
}

// deliveryFacts tells of one delivery, as all its attempts say it.
func deliveryFacts(d *calloutv1.Delivery, dead *calloutv1.DeadLetter, now time.Time) string {
	last := d.GetLast()
	var f facts
	f.add("delivery id", d.GetDeliveryId())
	f.add("state", deliveryState(d, now))
	if dead != nil {
		f.add("dead letter", fmt.Sprintf("since %s, for %s: callout dead show %s", dead.GetDeadAt().AsTime().Local().Format(time.RFC3339), dead.GetReason(), d.GetDeliveryId()))
	}
	f.add("target", last.GetTarget()+" ("+last.GetKind()+")")
	f.add("target defined by", scopeName(last.GetOwner()))
	f.add("execution of", scopeName(last.GetExecutionOrg()))
	f.add("phase", string(manage.PhaseWord(last.GetPhase())))
	f.add("name", last.GetName())
	f.add("organization", last.GetOrg())
	f.add("aggregate", last.GetAggregateId())
	f.add("sequence", sequenceText(last))
	f.add("event id", last.GetEventId())
	f.add("call id", last.GetCallId())
	f.add("attempts", fmt.Sprint(d.GetAttempts()))
	return f.String()
}

// attemptText tells of one attempt: when, what it answered, how long it took, and
// what was made of it; below it how the answer began.
func attemptText(a *calloutv1.Attempt) string {
	var b strings.Builder
	what := "ok"
	switch {
	case a.GetStatus() > 0:
		what = fmt.Sprintf("status %d", a.GetStatus())
	case a.GetCode() != "":
		what = a.GetCode()
	}
	number := fmt.Sprintf("#%d", a.GetNumber())
	took := ", " + exchangeText(a.GetDuration().AsDuration())
	if a.GetUnsent() {
		number, took = "-", ", nothing was sent"
	}
	decision := a.GetDecision()
	if text := decisionTexts[decision]; text != "" {
		decision = text
	}
	if a.GetDecision() == "retry" && a.GetNextTime() != nil {
		decision = againText(a.GetNextTime(), a.GetBeginTime().AsTime().Add(a.GetDuration().AsDuration()))
	}
	switch {
	case a.GetRedrive():
		decision += ", as a dead letter that is sent again"
	case a.GetReplay():
		decision += ", as an event that is sent again"
	}
	fmt.Fprintf(&b, "%-3s %s  %s%s: %s\n", number, a.GetBeginTime().AsTime().Local().Format("2006-01-02T15:04:05.000Z07:00"), printable(what), took, printable(decision))
	if a.GetError() != "" && a.GetCode() != string(action.CodeStatus) { // that says no more than the status
		fmt.Fprintf(&b, "    error    %s\n", printable(a.GetError()))
	}
	fmt.Fprintf(&b, "    worker   %s, revision %d\n", printable(a.GetWorker()), a.GetRevision())
	return b.String() + failedAnswerText(a.GetAnswer())
}

// failedAnswerText shows what an answer began with.
func failedAnswerText(a *calloutv1.FailedAnswer) string {
	var b strings.Builder
	for _, h := range a.GetHeaders() {
		fmt.Fprintf(&b, "    header   %s: %s\n", printable(h.GetName()), printable(h.GetValue()))
	}
	if body := a.GetBody(); body != "" {
		for line := range strings.Lines(body) {
			fmt.Fprintf(&b, "    answer   %s\n", printable(strings.TrimRight(line, "\r\n")))
		}
	}
	if a.GetTruncated() {
		b.WriteString("    answer   … there was more\n")
	}
	return b.String()
}

// exchangeText is how long an exchange took.
func exchangeText(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

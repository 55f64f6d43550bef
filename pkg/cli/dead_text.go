package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

func (p *Program) deadLister(form string) *lister[*calloutv1.DeadLetter] {
	head := []string{"ID", "TARGET", "ORG", "TYPE", "REASON", "AGE"}
	t := p.table(head...)
	if form == asWide {
		t = p.table(append(head, "ATTEMPTS", "EVENT-ORG", "AGGREGATE", "PHASE", "CONDITION", "SEQUENCE", "BYTES")...).wide()
	}
	return &lister[*calloutv1.DeadLetter]{Program: p, form: form, what: "dead letters", table: t, name: (*calloutv1.DeadLetter).GetDeliveryId,
		row: func(l *calloutv1.DeadLetter) { deadRow(t, l, time.Now(), form == asWide) }}
}

// deadRow shows a dead letter to a person, with its age up to now; a wide one with
// where it comes from.
func deadRow(t *table, l *calloutv1.DeadLetter, now time.Time, wide bool) {
	row := []string{l.GetDeliveryId(), l.GetTarget(), l.GetOrg(), l.GetEventType(), reasonText(l), age(l.GetDeadAt(), now)}
	if wide {
		row = append(row, fmt.Sprint(l.GetAttempts()), l.GetEventOrg(), l.GetAggregateId(), string(manage.PhaseWord(l.GetPhase())), l.GetCondition(), fmt.Sprint(l.GetSequence()), fmt.Sprint(l.GetBodySize()))
	}
	t.add(row...)
}

// reasonText is why it was given up, and what the target last answered.
func reasonText(l *calloutv1.DeadLetter) string {
	if l.GetLastStatus() == 0 {
		return l.GetReason()
	}
	return fmt.Sprintf("%s, %d", l.GetReason(), l.GetLastStatus())
}

// deadLetterText shows one dead letter to a person, its body last.
func deadLetterText(l *calloutv1.DeadLetter) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"delivery id", l.GetDeliveryId()}, {"target", l.GetTarget()}, {"target defined by", scopeName(l.GetOwner())},
		{"execution of", scopeName(l.GetOrg())}, {"phase", string(manage.PhaseWord(l.GetPhase()))}, {"condition", l.GetCondition()},
		{"event type", l.GetEventType()}, {"event id", l.GetEventId()}, {"organization", l.GetEventOrg()}, {"aggregate", l.GetAggregateId()},
		{"subject", l.GetSubject()}, {"sequence", fmt.Sprint(l.GetSequence())},
		{"stored at", timeText(l.GetStoredAt())}, {"failing since", timeText(l.GetFailingSince())}, {"given up at", timeText(l.GetDeadAt())},
		{"reason", l.GetReason()}, {"attempts", fmt.Sprint(l.GetAttempts())}, {"last status", statusText(l.GetLastStatus())},
		{"last error", l.GetLastError()},
	} {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", row[0], orDash(row[1]))
	}
	_ = w.Flush() // a Builder takes everything
	if l.GetLastAnswer() != nil {
		b.WriteString("what the target answered last:\n" + failedAnswerText(l.GetLastAnswer()))
	}
	return b.String() + "\n" + bodyText(l.GetBody()) + "\n"
}

func statusText(status uint32) string {
	if status == 0 {
		return "-"
	}
	return fmt.Sprint(status)
}

func timeText(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Local().Format(time.RFC3339Nano)
}

func orDash(s string) string {
	if s == "" {
		return dash
	}
	return printable(s)
}

// dash stands where there is nothing.
const dash = "-"

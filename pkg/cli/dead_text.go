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

// deadTable shows dead letters to a person, with ages up to now; a wide one
// with where they come from.
func deadTable(letters []*calloutv1.DeadLetter, now time.Time, wide bool) string {
	var b strings.Builder
	t := &table{out: &b, head: []string{"ID", "TARGET", "ORG", "TYPE", "REASON", "LAST-STATUS", "ATTEMPTS", "AGE"}}
	if wide {
		t.head = append(t.head, "PHASE", "CONDITION", "SEQUENCE", "BYTES")
	}
	for _, l := range letters {
		row := []string{l.GetDeliveryId(), l.GetTarget(), l.GetOrg(), l.GetEventType(), l.GetReason(), statusText(l.GetLastStatus()),
			fmt.Sprint(l.GetAttempts()), age(l.GetDeadAt(), now)}
		if wide {
			row = append(row, string(manage.PhaseWord(l.GetPhase())), l.GetCondition(), fmt.Sprint(l.GetSequence()), fmt.Sprint(l.GetBodySize()))
		}
		t.add(row...)
	}
	_ = t.flush() // a Builder takes everything
	return b.String()
}

// deadLetterText shows one dead letter to a person, its body last.
func deadLetterText(l *calloutv1.DeadLetter) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range [][2]string{
		{"delivery id", l.GetDeliveryId()}, {"target", l.GetTarget()}, {"target defined by", scopeName(l.GetOwner())},
		{"execution of", scopeName(l.GetOrg())}, {"phase", string(manage.PhaseWord(l.GetPhase()))}, {"condition", l.GetCondition()},
		{"event type", l.GetEventType()}, {"subject", l.GetSubject()}, {"sequence", fmt.Sprint(l.GetSequence())},
		{"stored at", timeText(l.GetStoredAt())}, {"failing since", timeText(l.GetFailingSince())}, {"given up at", timeText(l.GetDeadAt())},
		{"reason", l.GetReason()}, {"attempts", fmt.Sprint(l.GetAttempts())}, {"last status", statusText(l.GetLastStatus())},
		{"last error", l.GetLastError()},
	} {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", row[0], orDash(row[1]))
	}
	_ = w.Flush() // a Builder takes everything
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
		return "-"
	}
	return printable(s)
}

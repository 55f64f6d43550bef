package cli

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/callout-hq/callout/pkg/manage"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// explanation shows what explain found to a person.
func explanation(x *calloutv1.ExplainResponse) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", manage.PhaseWord(x.GetPhase()), x.GetName())
	if x.GetOrg() != "" {
		fmt.Fprintf(&b, ", organization %s", x.GetOrg())
	}
	fmt.Fprintf(&b, " (instance %s", x.GetInstance())
	if x.GetRevision() > 0 {
		fmt.Fprintf(&b, ", revision %d", x.GetRevision())
	}
	b.WriteString(")\n")
	orgKnown := x.GetOrg() == ""
	for _, sc := range x.GetScopes() {
		orgKnown = orgKnown || sc.GetOrg() == x.GetOrg()
		writeScope(&b, sc)
	}
	if !orgKnown {
		fmt.Fprintf(&b, "\norganization %s\n  it has nothing configured\n", x.GetOrg())
	}
	b.WriteByte('\n')
	writeTurns(&b, x)
	if x.GetHint() != "" {
		fmt.Fprintf(&b, "hint: %s\n", x.GetHint())
	}
	return b.String()
}

// scopeName is a scope in words.
func scopeName(org string) string {
	if org == "" {
		return "instance"
	}
	return "organization " + org
}

var verdictWords = map[calloutv1.Candidate_Verdict]string{
	calloutv1.Candidate_VERDICT_WON: "won", calloutv1.Candidate_VERDICT_LOST: "lost", calloutv1.Candidate_VERDICT_NO_MATCH: "no match",
	calloutv1.Candidate_VERDICT_REPLACED: "replaced", calloutv1.Candidate_VERDICT_AVAILABLE: "available",
}

func writeScope(b *strings.Builder, sc *calloutv1.ExplainedScope) {
	fmt.Fprintf(b, "\n%s\n", scopeName(sc.GetOrg()))
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, c := range sc.GetCandidates() {
		name := c.GetCondition()
		if c.GetName() != name {
			name += " (" + c.GetName() + ")"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", verdictWords[c.GetVerdict()], name, c.GetReason())
	}
	_ = w.Flush() // into memory
	switch n := int(sc.GetOthers()); {
	case n == 1:
		b.WriteString("  1 execution has nothing to do with it\n")
	case n > 1:
		fmt.Fprintf(b, "  %d executions have nothing to do with it\n", n)
	case len(sc.GetCandidates()) == 0:
		b.WriteString("  no executions\n")
	}
}

func writeTurns(b *strings.Builder, x *calloutv1.ExplainResponse) {
	if len(x.GetTurns()) == 0 {
		b.WriteString("nothing is called\n")
		return
	}
	event := x.GetPhase() == calloutv1.Phase_PHASE_EVENT
	if event {
		b.WriteString("delivered to\n")
	} else {
		b.WriteString("called, in this order\n")
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	place := 0
	for _, t := range x.GetTurns() {
		number := "-"
		if !t.GetSkipped() {
			place++
			number = strconv.Itoa(place)
		}
		row := []string{number, targetName(t), t.GetKind(), origin(t)}
		if m := marks(t, event); len(m) > 0 {
			row = append(row, strings.Join(m, ", "))
		}
		fmt.Fprintf(w, "  %s\n", strings.Join(row, "\t"))
	}
	_ = w.Flush() // into memory
	if x.GetOnUnavailable() != "" {
		fmt.Fprintf(b, "when no worker is available: %s\n", x.GetOnUnavailable())
	}
}

func targetName(t *calloutv1.ExplainedTurn) string {
	if t.GetOwner() == "" {
		return t.GetTarget()
	}
	return t.GetTarget() + " of " + t.GetOwner()
}

// origin is the execution and the includes that brought a target.
func origin(t *calloutv1.ExplainedTurn) string {
	return scopeName(t.GetOrg()) + ": " + strings.Join(append([]string{t.GetExecution()}, t.GetIncludes()...), " > ")
}

// marks is what is worth knowing about a turn.
func marks(t *calloutv1.ExplainedTurn, event bool) []string {
	var out []string
	if t.GetInterruptOnError() && !event {
		out = append(out, "interrupts")
	}
	if t.GetPaused() {
		out = append(out, "paused")
	}
	switch n := t.GetOccurrence(); {
	case t.GetSkipped():
		out = append(out, "named again in this execution: one delivery")
	case n > 1 && event:
		out = append(out, fmt.Sprintf("delivery %d to this target", n))
	case n > 1:
		out = append(out, fmt.Sprintf("call %d of this target", n))
	}
	return out
}

package manage

import (
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// The words of the catalog and their numbers on the wire.
var (
	phases = map[calloutv1.Phase]action.Phase{
		calloutv1.Phase_PHASE_REQUEST: action.Request, calloutv1.Phase_PHASE_RESPONSE: action.Response,
		calloutv1.Phase_PHASE_FUNCTION: action.Function, calloutv1.Phase_PHASE_EVENT: action.OnEvent,
	}
	phaseNumbers = reversed(phases)

	verdicts = map[catalog.Verdict]calloutv1.Candidate_Verdict{
		catalog.Won: calloutv1.Candidate_VERDICT_WON, catalog.Lost: calloutv1.Candidate_VERDICT_LOST,
		catalog.NoMatch:  calloutv1.Candidate_VERDICT_NO_MATCH,
		catalog.Replaced: calloutv1.Candidate_VERDICT_REPLACED, catalog.Available: calloutv1.Candidate_VERDICT_AVAILABLE,
	}

	severities = map[catalog.Severity]calloutv1.Problem_Severity{
		catalog.Error: calloutv1.Problem_SEVERITY_ERROR, catalog.Warning: calloutv1.Problem_SEVERITY_WARNING,
	}
	severityWords = reversed(severities)

	actions = map[catalog.ChangeAction]calloutv1.Change_Action{
		catalog.Added: calloutv1.Change_ACTION_ADDED, catalog.Changed: calloutv1.Change_ACTION_CHANGED,
		catalog.Removed: calloutv1.Change_ACTION_REMOVED,
	}
	actionWords = reversed(actions)

	kinds = map[catalog.ObjectKind]calloutv1.Change_Kind{
		catalog.KindTarget: calloutv1.Change_KIND_TARGET, catalog.KindExecution: calloutv1.Change_KIND_EXECUTION,
		catalog.KindList: calloutv1.Change_KIND_LIST,
	}
	kindWords = reversed(kinds)
)

func reversed[A, B comparable](words map[A]B) map[B]A {
	out := make(map[B]A, len(words))
	for a, b := range words {
		out[b] = a
	}
	return out
}

// PhaseNumber is a phase on the wire.
func PhaseNumber(p action.Phase) calloutv1.Phase { return phaseNumbers[p] }

// PhaseWord is a phase of the wire; empty when it is none.
func PhaseWord(p calloutv1.Phase) action.Phase { return phases[p] }

func problems(found []catalog.Problem) []*calloutv1.Problem {
	var out []*calloutv1.Problem
	for _, p := range found {
		out = append(out, &calloutv1.Problem{File: p.File, Line: uint32(p.Line), Column: uint32(p.Col), Path: p.Path,
			Severity: severities[p.Severity], Code: p.Code, Message: p.Message})
	}
	return out
}

// Problem is a problem of the wire as the catalog has it.
func Problem(p *calloutv1.Problem) catalog.Problem {
	return catalog.Problem{File: p.GetFile(), Line: int(p.GetLine()), Col: int(p.GetColumn()), Path: p.GetPath(),
		Severity: severityWords[p.GetSeverity()], Code: p.GetCode(), Message: p.GetMessage()}
}

// Change is a change of the wire as the catalog has it.
func Change(c *calloutv1.Change) catalog.Change {
	return catalog.Change{Action: actionWords[c.GetAction()], Kind: kindWords[c.GetKind()], Org: c.GetOrg(),
		Phase: phases[c.GetPhase()], Name: c.GetName(), Match: c.GetCondition(), Fields: c.GetFields()}
}

package manage

import (
	"context"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// Explain tells what runs for a call or an event, and why.
func (s *Service) Explain(ctx context.Context, req *connect.Request[calloutv1.ExplainRequest]) (*connect.Response[calloutv1.ExplainResponse], error) {
	phase := phases[req.Msg.GetPhase()]
	if err := CheckQuestion(phase, req.Msg.GetName(), req.Msg.GetOrg()); err != nil {
		return nil, err
	}
	m, err := s.catalog(ctx, req.Msg.GetInstance(), req.Msg.GetMinRevision())
	if err != nil {
		return nil, err
	}
	out := Explanation(m.Explain(phase, req.Msg.GetName(), req.Msg.GetOrg()))
	if out.Hint, err = s.declaredHint(ctx, m.Instance(), phase, req.Msg.GetName()); err != nil {
		return nil, err
	}
	for _, t := range out.GetTurns() { // a pause is state, which no catalog knows
		_, paused := s.engine(m.Instance()).Paused(t.GetOwner(), t.GetTarget())
		t.Paused = t.GetPaused() || paused
	}
	return connect.NewResponse(out), nil
}

// CheckQuestion tells whether name can be asked for in a phase. The error is
// bad_field, with the field.
func CheckQuestion(phase action.Phase, name, org string) error {
	check := map[action.Phase]func(string) error{
		action.Request: action.CheckMethod, action.Response: action.CheckMethod,
		action.Function: action.CheckFunction, action.OnEvent: action.CheckEventType,
	}[phase]
	if check == nil {
		return badField("phase", "the phase is request, response, function or event")
	}
	if err := check(name); err != nil {
		return badField("name", err.Error())
	}
	if err := action.CheckID(org); err != nil {
		return badField("org", err.Error())
	}
	return nil
}

func badField(field, message string) error {
	return action.NewError(action.CodeBadField, action.StageDecode, message).WithField(field)
}

// Explanation is an explanation as it goes over the wire.
func Explanation(x catalog.Explanation) *calloutv1.ExplainResponse {
	out := &calloutv1.ExplainResponse{Instance: x.Instance, Revision: x.Revision, Phase: phaseNumbers[x.Phase],
		Name: x.Name, Org: x.Org, OnUnavailable: string(x.OnUnavailable)}
	for _, sc := range x.Scopes {
		scope := &calloutv1.ExplainedScope{Org: sc.Org, Others: uint32(sc.Others)}
		for _, c := range sc.Candidates {
			scope.Candidates = append(scope.Candidates, &calloutv1.Candidate{Name: c.Name, Condition: c.Match, Verdict: verdicts[c.Verdict], Reason: c.Reason})
		}
		out.Scopes = append(out.Scopes, scope)
	}
	for _, t := range x.Turns {
		out.Turns = append(out.Turns, &calloutv1.ExplainedTurn{
			Target: t.Target.Name, Owner: t.Owner, Kind: string(t.Target.Kind), InterruptOnError: t.Target.InterruptOnError, Paused: t.Target.Paused,
			Org: t.Scope, Execution: t.Execution, Includes: t.Includes, Occurrence: uint32(t.Occurrence), Skipped: t.Skipped,
		})
	}
	return out
}

package callout

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/callout-hq/callout/pkg/action"
)

// Intercept is Request or Response for who needs no more than what to go on
// with: changed is the object to use instead, nil when nothing changed. The
// error means that the core must not go on: it is an *action.Error, whose
// message and status are safe to show, or what accept returned. Warnings tell of
// what went wrong without ending the call, and may stand beside an error.
//
// accept puts a changed object into the core's own form and says by an error
// that it cannot: it does not decode, or breaks a rule. It must leave everything
// as it was then, for an object is taken whole or not at all. The error ends the
// call when one of the targets that changed the object has interrupt_on_error;
// otherwise it is a warning, and nothing changed. Nil accepts every object.
//
// The same holds of an object that cannot be put before the targets; see
// Unshown.
func (c *Client) Intercept(ctx context.Context, phase action.Phase, call Call, accept func(json.RawMessage) error) (changed json.RawMessage, warnings []action.Warning, err error) {
	if phase == action.Request {
		call.Response = nil
	}
	result, err := c.call(ctx, phase, call)
	if err != nil {
		warnings, err = c.notCalled(phase, call, err)
		return nil, warnings, err
	}
	if refusal := Refusal(result); refusal != nil {
		return nil, result.Warnings, refusal
	}
	if result.Object == nil || accept == nil {
		return result.Object, result.Warnings, nil
	}
	unfit := accept(result.Object)
	if unfit == nil {
		return result.Object, result.Warnings, nil
	}
	target, interrupts := changers(result.Steps)
	if interrupts {
		return nil, result.Warnings, named(unfit, target)
	}
	return nil, append(result.Warnings, warning(unfit, target)), nil
}

// Unshown decides about a request or response that cannot be put before the
// targets, such as one that is too large, and why says so: without a target that
// has interrupt_on_error it gives a warning, and the core goes on with what it
// has; else it gives why as the error. Before the conditions were read it is
// Options.OnUnknown that decides. A request stands beside the response when that
// is intercepted, so of a request the response's targets are asked about too,
// before the core has done its work. Nothing is configured: no warning.
func (c *Client) Unshown(phase action.Phase, method, org string, why error) ([]action.Warning, error) {
	phases := []action.Phase{phase}
	if phase == action.Request {
		phases = append(phases, action.Response)
	}
	configured := false
	for _, p := range phases {
		if !c.Configured(p, method, org) {
			continue
		}
		if c.interrupts(p, method, org) {
			return nil, why
		}
		configured = true
	}
	if !configured {
		return nil, nil
	}
	return []action.Warning{warning(why, "")}, nil
}

// interrupts tells whether what goes wrong with a call ends it. It does for what
// is no method: nobody would notice that it is never intercepted.
func (c *Client) interrupts(phase action.Phase, method, org string) bool {
	if !action.IsMethod(method) {
		return true
	}
	if filter := c.filter.Load(); filter != nil {
		return filter.Interrupts(phase, method, org)
	}
	return c.opts.OnUnknown != action.UnavailableContinue
}

// notCalled decides about a call that could not be made at all. What is wrong
// with the call itself is the object's; a worker that could not take it is as
// good as none.
func (c *Client) notCalled(phase action.Phase, call Call, why error) ([]action.Warning, error) {
	switch action.CodeOf(why) {
	case action.CodeTooLarge, action.CodeTooDeep, action.CodeMalformed, action.CodeBadField:
		return c.Unshown(phase, call.Method, call.OrgID, why)
	case action.CodeCancelled, action.CodeDeadline: // nobody waits any more
		return nil, why
	}
	if _, fail := c.filter.Load().Call(phase, call.Method, call.OrgID); fail {
		return nil, why
	}
	return []action.Warning{warning(why, "")}, nil
}

// Refusal is why a core must not go on, nil when it may: the error of a result
// whose outcome is not continue.
func Refusal(r action.Result) *action.Error {
	switch {
	case r.Outcome == action.Continue:
		return nil
	case r.Error != nil:
		return r.Error
	}
	return action.NewError(action.CodeInternal, action.StageInvoke, "")
}

// changers tells of the targets that changed the object whether any interrupts,
// and the name if it is one target: of several nobody knows whose the fault is.
func changers(steps []action.Step) (target string, interrupts bool) {
	several := false
	for _, s := range steps {
		if s.Outcome != action.StepChanged {
			continue
		}
		interrupts = interrupts || s.Interrupt
		several = several || target != "" && target != s.Target
		target = s.Target
	}
	if several {
		target = ""
	}
	return target, interrupts
}

// named is an error of ours with the name of a target; the core's own stays.
func named(err error, target string) error {
	if ours, ok := err.(*action.Error); ok && ours.Target == "" { //nolint:errorlint // one of ours within the core's stays there
		return ours.WithTarget(target)
	}
	return err
}

// warning says of an error what a core is told when it goes on all the same.
func warning(err error, target string) action.Warning {
	var ours *action.Error
	if !errors.As(err, &ours) || ours.Code.Status() == 0 { // the core's validation has no codes of ours
		ours = action.NewError(action.CodeBadField, action.StageApply, message(err))
	}
	if ours.Target != "" {
		target = ours.Target
	}
	return action.Warning{Code: ours.Code, Status: ours.Status, Message: ours.Message, Target: target}
}

// message is what an error says to who may be shown no more than that.
func message(err error) string {
	var ours *action.Error
	if errors.As(err, &ours) {
		return ours.Message
	}
	return err.Error()
}

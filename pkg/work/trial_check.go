package work

import (
	"errors"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// checkTrial holds what came over the bus against the rules that the management
// service has for it: the target is one that a catalog could hold, and the body
// one that it could be sent. For a call it gives the body as it is read. The
// error is bad_field, malformed, mismatch, or another of a body that no call or
// event could have; it shows nothing of the target.
func checkTrial(t *calls.Trial, maxObject int) (*wire.Call, error) {
	var faults []error
	for _, p := range catalog.Validate(catalog.Empty(t.Instance).WithTarget(t.Owner, t.Target)) {
		if p.Severity == catalog.Error {
			faults = append(faults, errors.New(p.String()))
		}
	}
	if faults != nil {
		return nil, action.NewError(action.CodeBadField, action.StageDecode, "the target is none that a configuration could hold").
			WithField("target").WithCause(errors.Join(faults...))
	}
	if !t.Stored && len(t.Target.Egress) > 0 {
		return nil, action.NewError(action.CodeBadField, action.StageDecode, "a target that is not stored may not ask for addresses").WithField("target")
	}
	if !t.Stored && readsHeaders(&t.Target) { // else it would be sent what is kept for the one of its name
		return nil, action.NewError(action.CodeBadField, action.StageDecode, "a target that is not stored has nothing that was read from elsewhere").WithField("target")
	}
	switch t.Phase {
	case action.Request, action.Response, action.Function:
		check := action.CheckMethod
		if t.Phase == action.Function {
			check = action.CheckFunction
		}
		if err := check(t.Name); err != nil {
			return nil, action.NewError(action.CodeBadField, action.StageDecode, err.Error()).WithField("name")
		}
		return wire.NewCall(t.Instance, t.Phase, t.Name, t.Body, maxObject)
	case action.OnEvent:
		return nil, checkTriedEvent(t)
	}
	return nil, action.NewError(action.CodeBadField, action.StageDecode, "a sample is request, response, function or event").WithField("phase")
}

func checkTriedEvent(t *calls.Trial) error {
	if t.Target.Kind == action.CallOut {
		return action.NewError(action.CodeBadField, action.StageDecode, "a call target is sent no events").WithField("phase")
	}
	facts, err := wire.ReadEvent(t.Body)
	switch {
	case err != nil:
		return err
	case facts.Type != t.Name:
		return action.NewError(action.CodeMismatch, action.StageDecode, "").WithField("event_type")
	case facts.InstanceID != "" && facts.InstanceID != t.Instance:
		return action.NewError(action.CodeMismatch, action.StageDecode, "").WithField("instanceID")
	}
	return nil
}

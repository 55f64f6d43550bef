package manage

import (
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/calls"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// fillTest says what is sent: the body that was given, whose members tell its
// phase unless sample does, or a sample that fits the target. Errors are those
// of a body that no call or event could have.
func fillTest(t *calls.Trial, s *catalog.Snapshot, body []byte) error {
	switch t.Phase {
	case "", action.Request, action.Response, action.Function, action.OnEvent:
	default:
		return badField("sample", "a sample is request, response, function or event")
	}
	if t.Phase == action.OnEvent && t.Target.Kind == action.CallOut {
		return badField("sample", "a call target is sent no events")
	}
	if len(body) == 0 {
		fitting(t, s)
		body = wire.Sample(t.Phase, t.Instance, t.Owner, t.Name, time.Now())
	}
	var err error
	if t.Phase == "" {
		if t.Phase, err = wire.PhaseOf(body); err != nil {
			return err
		}
	}
	if t.Phase == action.OnEvent {
		return fillEvent(t, body)
	}
	return fillCall(t, s, body)
}

// fitting chooses the phase of a sample, unless it is set, and its name: those of
// the first execution that names the target; if none does, those that such a
// target usually has.
func fitting(t *calls.Trial, s *catalog.Snapshot) {
	if t.Stored {
		for _, phase := range action.Phases {
			if t.Phase != "" && t.Phase != phase {
				continue
			}
			if name, used := usedIn(s, t, phase); used {
				t.Phase, t.Name = phase, name
				return
			}
		}
	}
	switch {
	case t.Phase != "":
	case t.Target.Kind == action.CallOut:
		t.Phase = action.Request
	default:
		t.Phase = action.OnEvent
	}
}

// usedIn tells whether an execution or a list of a phase names the target, and
// the condition of the first that does when it is exact.
func usedIn(s *catalog.Snapshot, t *calls.Trial, phase action.Phase) (name string, used bool) {
	for _, org := range s.Orgs() {
		sc := s.Scopes[org]
		if owner, _, ok := s.Target(org, t.Target.Name); sc == nil || !ok || owner != t.Owner {
			continue
		}
		for _, e := range sc.Sections[phase] {
			for _, entry := range e.Entries {
				if entry.Target != t.Target.Name {
					continue
				}
				used = true
				if c := (action.Condition{Phase: phase, Match: e.Match}); !e.IsList() && c.Level() == action.LevelExact {
					return e.Match, true
				}
			}
		}
	}
	return "", used
}

func fillEvent(t *calls.Trial, body []byte) error {
	if t.Target.Kind == action.CallOut {
		return badField("body", "this is the body of an event, and a call target is sent no events")
	}
	facts, err := wire.ReadEvent(body)
	if err != nil {
		return err
	}
	if facts.InstanceID != "" && facts.InstanceID != t.Instance {
		return action.NewError(action.CodeMismatch, action.StageDecode, "instanceID: the body disagrees with the instance").WithField("instanceID")
	}
	t.Name, t.Body = facts.Type, body
	return nil
}

func fillCall(t *calls.Trial, s *catalog.Snapshot, body []byte) error {
	name, err := nameOfCall(t, s, body)
	if err != nil {
		return err
	}
	c, err := wire.NewCall(t.Instance, t.Phase, name, body, action.DefaultObject)
	if err != nil {
		return err
	}
	t.Name, t.Body = name, c.Raw()
	return nil
}

// nameOfCall is the method or function that a body names. A function need not be
// named, as over HTTP: it is then one that fits.
func nameOfCall(t *calls.Trial, s *catalog.Snapshot, body []byte) (string, error) {
	if t.Phase != action.Function {
		return wire.FullMethod(body)
	}
	name, err := wire.FunctionName(body)
	if name != "" || err != nil {
		return name, err
	}
	if fitting(t, s); t.Name != "" {
		return t.Name, nil
	}
	return wire.SampleFunction, nil
}

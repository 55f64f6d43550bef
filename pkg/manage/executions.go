package manage

import (
	"cmp"
	"context"
	"fmt"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// SetExecution makes an execution or a list, or takes the place of the one with
// its condition.
func (s *Service) SetExecution(ctx context.Context, req *connect.Request[calloutv1.SetExecutionRequest]) (*connect.Response[calloutv1.SetExecutionResponse], error) {
	change, err := newExecutionChange(req.Msg)
	if err != nil {
		return nil, err
	}
	done, err := s.edit(ctx, edit{instance: orDefault(req.Msg.GetInstance()), source: "api SetExecution", request: req.Msg.GetRequestId(),
		dryRun: req.Msg.GetDryRun(), about: &change.subject, make: s.declaredOnly(change)})
	if err != nil {
		return nil, err
	}
	org, phase := change.place.Org, change.place.Phase
	_, had := done.was.Execution(org, phase, change.execution)
	is, has := done.is.Execution(org, phase, change.execution)
	if !has {
		return nil, anotherRequest(done, change.place)
	}
	return connect.NewResponse(&calloutv1.SetExecutionResponse{
		Execution: executionOf(done.is, phase, org, &is), Revision: done.revision, Created: !had,
		Changed: done.repeated || done.is != done.was, Warnings: warnings(change.doubts),
	}), nil
}

// executionChange is what a SetExecution asks for.
type executionChange struct {
	subject
	execution  action.Execution
	etag       string
	createOnly bool
	doubts     []catalog.Problem
}

func newExecutionChange(req *calloutv1.SetExecutionRequest) (*executionChange, error) {
	wanted := req.GetExecution()
	phase := phases[wanted.GetPhase()]
	var wrong []catalog.Problem
	need := func(ok bool, field, message string) {
		if !ok {
			wrong = append(wrong, catalog.Problem{Path: field, Severity: catalog.Error, Code: catalog.ProblemMissing, Message: message})
		}
	}
	need(phase != "", "execution.phase", "the phase is request, response, function or event")
	need(executionKey(wanted) != "", "execution.condition", "an execution has a condition, and a list a name")
	need(len(wanted.GetTargets()) > 0, "execution.targets", "at least one target or include is needed")
	if len(wrong) > 0 {
		return nil, badFields(wrong)
	}
	c := &executionChange{etag: wanted.GetEtag(), createOnly: req.GetCreateOnly()}
	c.place = catalog.Place{Org: wanted.GetOrg(), Ref: catalog.Ref{Phase: phase, Name: executionKey(wanted)}}
	c.field = "execution"
	c.execution, c.reading = file.ReadExecution(c.place.Org, phase, c.place.Name, executionSettings(wanted))
	return c, nil
}

// make gives the catalog with the execution.
func (c *executionChange) make(_ context.Context, current *catalog.Snapshot) (*catalog.Snapshot, error) {
	was, exists := current.Execution(c.place.Org, c.place.Phase, c.execution)
	what, field := fmt.Sprintf("an execution for %q", c.execution.Match), "execution.condition"
	if c.execution.IsList() {
		what, field = fmt.Sprintf("a list %q", c.execution.Name), "execution.name"
	}
	switch {
	case exists && c.createOnly:
		return nil, action.NewError(action.CodeAlreadyExists, action.StageCatalog, "there is "+what+" already").WithField(field)
	case !exists && c.etag != "":
		return nil, action.NewError(action.CodeConflict, action.StageCatalog, "an etag was given, and there is not "+what+" any more").WithField("execution.etag")
	case exists:
		if err := sameEtag(c.etag, catalog.Etag(was), "the execution", "execution.etag"); err != nil {
			return nil, err
		}
	}
	next := current.WithExecution(c.place.Org, c.place.Phase, c.execution)
	var err error
	if c.doubts, err = c.check(next); err != nil {
		return nil, err
	}
	if exists && catalog.Etag(was) == catalog.Etag(c.execution) {
		return current, nil
	}
	return next, nil
}

// GetExecution gives one execution or list.
func (s *Service) GetExecution(ctx context.Context, req *connect.Request[calloutv1.GetExecutionRequest]) (*connect.Response[calloutv1.GetExecutionResponse], error) {
	m, err := s.catalog(ctx, req.Msg.GetInstance(), req.Msg.GetMinRevision())
	if err != nil {
		return nil, err
	}
	place, e, err := executionMeant(m.Snapshot(), req.Msg)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.GetExecutionResponse{
		Execution: executionOf(m.Snapshot(), place.Phase, place.Org, &e), Revision: m.Revision(),
		UsedBy: texts(m.Snapshot().UsedBy(place), catalog.Place.String),
	}), nil
}

// whichExecution says which execution or list is meant.
type whichExecution interface {
	GetOrg() string
	GetPhase() calloutv1.Phase
	GetCondition() string
	GetName() string
}

// executionMeant finds the execution or list that a request means, by one of
// condition and name.
func executionMeant(c *catalog.Snapshot, which whichExecution) (catalog.Place, action.Execution, error) {
	phase := phases[which.GetPhase()]
	if phase == "" {
		return catalog.Place{}, action.Execution{}, badField("phase", "the phase is request, response, function or event")
	}
	if (which.GetCondition() == "") == (which.GetName() == "") {
		return catalog.Place{}, action.Execution{}, badField("condition", "one of condition and name says which execution is meant")
	}
	if e, ok := c.FindExecution(which.GetOrg(), phase, which.GetCondition(), which.GetName()); ok {
		return catalog.Place{Org: which.GetOrg(), Ref: catalog.Ref{Phase: phase, Name: e.Name}}, e, nil
	}
	field := "condition"
	if which.GetName() != "" {
		field = "name"
	}
	where := ""
	if which.GetOrg() != "" {
		where = fmt.Sprintf(" in organization %q", which.GetOrg())
	}
	return catalog.Place{}, action.Execution{}, action.NewError(action.CodeNotFound, action.StageCatalog,
		fmt.Sprintf("no %s execution has the %s %q%s", phase, field, cmp.Or(which.GetCondition(), which.GetName()), where)).WithField(field)
}

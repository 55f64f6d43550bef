package zitadel

import (
	"context"
	"fmt"
	"slices"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

type setExecutionRequest struct {
	Condition *condition `json:"condition"`
	Targets   []string   `json:"targets"`
}

type setExecutionResponse struct {
	SetDate stamp `json:"setDate,omitzero"`
}

// setExecution gives a condition its targets; without any the execution is
// removed. What else it has stays: its name, and what ZITADEL does not know.
func (f *face) setExecution(ctx context.Context, c caller, q *setExecutionRequest) (*setExecutionResponse, uint64, error) {
	where, err := q.Condition.read("condition")
	if err != nil {
		return nil, 0, err
	}
	if len(q.Targets) == 0 {
		return f.removeExecution(ctx, c, where)
	}
	if len(q.Targets) > action.MaxTargets {
		return nil, 0, badField("targets", fmt.Sprintf("at most %d targets can be given", action.MaxTargets))
	}
	var set *calloutv1.SetExecutionResponse
	err = f.inTurns(ctx, func() error {
		set, err = f.setOnce(ctx, c, where, q.Targets)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	// Where nothing was changed that is when it was set to what it is, so that the
	// date of an answer is always the change date of a list.
	return &setExecutionResponse{SetDate: stamp{set.GetExecution().GetUpdateTime()}}, set.GetRevision(), nil
}

func (f *face) setOnce(ctx context.Context, c caller, where place, ids []string) (*calloutv1.SetExecutionResponse, error) {
	names, err := f.namesOf(ctx, c, ids)
	if err != nil {
		return nil, err
	}
	wanted := &calloutv1.Execution{Phase: where.phase, Condition: where.match}
	current, err := f.service.GetExecution(ctx, connect.NewRequest(&calloutv1.GetExecutionRequest{Instance: c.instance, Phase: where.phase, Condition: where.match}))
	isNew := f.is(err, action.CodeNotFound) || f.is(err, action.CodeUnknownInstance)
	switch {
	case err == nil:
		wanted = current.Msg.GetExecution()
	case !isNew:
		return nil, err
	}
	wanted.Targets = nil
	for _, name := range names {
		wanted.Targets = append(wanted.Targets, &calloutv1.Entry{Entry: &calloutv1.Entry_Target{Target: name}})
	}
	answer, err := f.service.SetExecution(ctx, connect.NewRequest(&calloutv1.SetExecutionRequest{Instance: c.instance, Execution: wanted, CreateOnly: isNew}))
	if err == nil {
		return answer.Msg, nil
	}
	if isNew && f.is(err, action.CodeAlreadyExists) {
		return nil, errAgain
	}
	// A target that was given another name since its id was looked up?
	if again, fault := f.namesOf(ctx, c, ids); fault != nil || !slices.Equal(again, names) {
		return nil, errAgain
	}
	return nil, err
}

// namesOf gives the names of the targets with these ids, in their order.
func (f *face) namesOf(ctx context.Context, c caller, ids []string) ([]string, error) {
	byID, err := f.reading(c).byID(ctx, ids)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(ids))
	for i, id := range ids {
		if names[i] = byID[id]; names[i] == "" {
			return nil, action.NewError(action.CodeNotFound, action.StageCatalog, fmt.Sprintf("no target has the id %q", id)).WithField(fmt.Sprintf("targets[%d]", i))
		}
	}
	return names, nil
}

func (f *face) removeExecution(ctx context.Context, c caller, where place) (*setExecutionResponse, uint64, error) {
	answer, err := f.service.DeleteExecution(ctx, connect.NewRequest(&calloutv1.DeleteExecutionRequest{
		Instance: c.instance, Phase: where.phase, Condition: where.match, Waiting: c.waiting}))
	if f.is(err, action.CodeNotFound) {
		return &setExecutionResponse{SetDate: now()}, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return &setExecutionResponse{SetDate: now()}, answer.Msg.GetRevision(), nil
}

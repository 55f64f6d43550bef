package zitadel

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

type listExecutionsRequest struct {
	Pagination pagination        `json:"pagination"`
	Sorting    executionField    `json:"sortingColumn"`
	Filters    []executionFilter `json:"filters"`
}

// executionFilter is one of the three.
type executionFilter struct {
	InConditions *inConditionsFilter  `json:"inConditionsFilter"`
	Type         *executionTypeFilter `json:"executionTypeFilter"`
	Target       *idFilter            `json:"targetFilter"`
}

type inConditionsFilter struct {
	Conditions []condition `json:"conditions"`
}

type executionTypeFilter struct {
	Type executionType `json:"executionType"`
}

type idFilter struct {
	TargetID string `json:"targetId"`
}

type listExecutionsResponse struct {
	Pagination paginationResponse `json:"pagination"`
	Executions []execution        `json:"executions,omitempty"`
}

// execution is an execution as it is shown: its includes are replaced by the
// targets that they stand for.
type execution struct {
	Condition    condition `json:"condition"`
	CreationDate stamp     `json:"creationDate,omitzero"`
	ChangeDate   stamp     `json:"changeDate,omitzero"`
	Targets      []string  `json:"targets,omitempty"`
}

// phaseOf gives the phase of a type, each at its number.
var phaseOf = []calloutv1.Phase{
	calloutv1.Phase_PHASE_UNSPECIFIED, calloutv1.Phase_PHASE_REQUEST, calloutv1.Phase_PHASE_RESPONSE,
	calloutv1.Phase_PHASE_EVENT, calloutv1.Phase_PHASE_FUNCTION,
}

// listExecutions lists the executions of the instance that reach a target and
// fit every filter. Lists and executions of organizations are not among them.
func (f *face) listExecutions(ctx context.Context, c caller, q *listExecutionsRequest) (*listExecutionsResponse, uint64, error) {
	chosen, err := q.read()
	if err != nil {
		return nil, 0, err
	}
	var answer *listExecutionsResponse
	var r *reading
	err = f.inTurns(ctx, func() error {
		r = f.reading(c)
		answer, err = q.answer(ctx, r, chosen)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return answer, r.revision, nil
}

func (q *listExecutionsRequest) answer(ctx context.Context, r *reading, chosen *choice) (*listExecutionsResponse, error) {
	all, err := r.reached(ctx, chosen.filter)
	if err != nil {
		return nil, err
	}
	if chosen.names, err = r.byID(ctx, chosen.ids); err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(e reached) bool { return len(e.targets) == 0 || !chosen.fits(e) })
	page, part := pageOf(q.Pagination, all, executionOrders[q.Sorting], func(e reached) string { return e.key })
	var names []string
	for _, e := range page {
		names = append(names, e.targets...)
	}
	ids, err := r.byName(ctx, names)
	if err != nil {
		return nil, err
	}
	answer := &listExecutionsResponse{Pagination: part}
	for _, e := range page {
		shown := execution{Condition: conditionOf(e.Execution), CreationDate: stamp{e.GetCreateTime()}, ChangeDate: stamp{e.GetUpdateTime()}}
		for _, name := range e.targets {
			shown.Targets = append(shown.Targets, ids[name])
		}
		answer.Executions = append(answer.Executions, shown)
	}
	return answer, nil
}

// executionOrders are the ways of sorting, each at the number of its field.
var executionOrders = []func(a, b reached) int{
	byCreation[reached],
	func(a, b reached) int { return cmp.Compare(a.key, b.key) },
	byCreation[reached],
	byChange[reached],
}

// choice is what the filters of a list choose.
type choice struct {
	filter *calloutv1.ExecutionFilter // of the service, which lets through no less
	tests  []func(reached) bool
	ids    []string          // of targets that the tests ask for
	names  map[string]string // of these, by id, when the tests are made
}

func (c *choice) fits(e reached) bool {
	return !slices.ContainsFunc(c.tests, func(test func(reached) bool) bool { return !test(e) })
}

func (q *listExecutionsRequest) read() (*choice, error) {
	if err := cmp.Or(q.Pagination.check(), checkFilters(q.Filters)); err != nil {
		return nil, err
	}
	chosen := &choice{filter: &calloutv1.ExecutionFilter{}}
	for i, filter := range q.Filters {
		if err := filter.read(fmt.Sprintf("filters[%d]", i), chosen); err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

func (f executionFilter) read(at string, chosen *choice) error {
	if err := onlyOne(at, "inConditionsFilter, executionTypeFilter and targetFilter", f.InConditions != nil, f.Type != nil, f.Target != nil); err != nil {
		return err
	}
	switch {
	case f.InConditions != nil:
		return f.InConditions.read(at+".inConditionsFilter.conditions", chosen)
	case f.Type != nil:
		phase := phaseOf[f.Type.Type]
		if phase == calloutv1.Phase_PHASE_UNSPECIFIED {
			return badField(at+".executionTypeFilter.executionType", "a type is needed, such as "+executionTypes[1])
		}
		chosen.filter.Phases = []calloutv1.Phase{phase}
		chosen.tests = append(chosen.tests, func(e reached) bool { return e.GetPhase() == phase })
	case f.Target.TargetID == "":
		return badField(at+".targetFilter.targetId", "the id of a target is needed")
	default:
		id := f.Target.TargetID
		chosen.ids = append(chosen.ids, id)
		chosen.tests = append(chosen.tests, func(e reached) bool { return slices.Contains(e.targets, chosen.names[id]) })
	}
	return nil
}

func (f *inConditionsFilter) read(at string, chosen *choice) error {
	if n := len(f.Conditions); n == 0 || n > maxPage {
		return badField(at, fmt.Sprintf("1 to %d conditions are needed", maxPage))
	}
	wanted := map[place]bool{}
	chosen.filter.Conditions = nil
	for i := range f.Conditions {
		where, err := f.Conditions[i].read(fmt.Sprintf("%s[%d]", at, i))
		if err != nil {
			return err
		}
		wanted[where] = true
		chosen.filter.Conditions = append(chosen.filter.Conditions, where.match)
	}
	chosen.tests = append(chosen.tests, func(e reached) bool { return wanted[place{e.GetPhase(), e.GetCondition()}] })
	return nil
}

package zitadel

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// reached is an execution with the names of the targets that it reaches, in
// their order: those of its includes stand in their place.
type reached struct {
	*calloutv1.Execution
	targets []string
	key     string // its id, which no other has
}

// reached gives the executions of the instance that a filter lets through, and
// what they reach. What has no condition is not among them: it never fires by
// itself.
func (r *reading) reached(ctx context.Context, filter *calloutv1.ExecutionFilter) ([]reached, error) {
	found, err := r.executions(ctx, filter)
	if err != nil {
		return nil, err
	}
	all := found // what includes may name
	if len(filter.GetConditions()) > 0 && slices.ContainsFunc(found, includes) {
		if all, err = r.executions(ctx, &calloutv1.ExecutionFilter{}); err != nil {
			return nil, err
		}
	}
	x := expansion{}
	for _, e := range all {
		x[place{e.GetPhase(), cmp.Or(e.GetName(), e.GetCondition())}] = e
	}
	var out []reached
	for _, e := range found {
		if e.GetCondition() != "" {
			out = append(out, reached{e, x.targets(nil, e, 0), idOf(e.GetPhase(), e.GetCondition())})
		}
	}
	return out, nil
}

// idOf is what ZITADEL calls an execution: it sorts by that.
func idOf(phase calloutv1.Phase, match string) string {
	return strings.ToLower(strings.TrimPrefix(phase.String(), "PHASE_")) + "/" + match
}

func includes(e *calloutv1.Execution) bool {
	return slices.ContainsFunc(e.GetTargets(), func(entry *calloutv1.Entry) bool { return entry.GetInclude() != "" })
}

// expansion is what includes may name, by phase and name.
type expansion map[place]*calloutv1.Execution

// targets adds the targets that an execution reaches. A configuration has no
// rings and no deeper includes.
func (x expansion) targets(names []string, e *calloutv1.Execution, depth int) []string {
	for _, entry := range e.GetTargets() {
		included := x[place{e.GetPhase(), entry.GetInclude()}]
		switch {
		case entry.GetTarget() != "":
			names = append(names, entry.GetTarget())
		case included != nil && depth < action.MaxIncludes:
			names = x.targets(names, included, depth+1)
		}
	}
	return names
}

package manage

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ListExecutions lists executions and lists page by page.
func (s *Service) ListExecutions(ctx context.Context, req *connect.Request[calloutv1.ListExecutionsRequest]) (*connect.Response[calloutv1.ListExecutionsResponse], error) {
	l, err := newListing(req.Msg, req.Msg.GetFilter(), byCondition, byCreation, byChange)
	if err != nil {
		return nil, err
	}
	f, err := newExecutionFilter(req.Msg.GetFilter())
	if err != nil {
		return nil, err
	}
	c, err := l.catalog(ctx, s, req.Msg.GetInstance(), req.Msg.GetMinRevision())
	if err != nil {
		return nil, err
	}
	page, total, more := l.page(f.keys(c, l.order))
	answer := &calloutv1.ListExecutionsResponse{TotalSize: uint32(total), Revision: c.Revision}
	for _, k := range page {
		phase := action.Phases[k.Phase]
		answer.Executions = append(answer.Executions, executionOf(c, phase, k.Org, &c.Scopes[k.Org].Sections[phase][k.Place]))
	}
	if more {
		answer.NextPageToken, err = l.next(c.Revision, page[len(page)-1])
	}
	return connect.NewResponse(answer), err
}

// executionFilter is a filter made ready.
type executionFilter struct {
	*calloutv1.ExecutionFilter
	org        *string
	phases     []bool // by their place in action.Phases
	conditions map[string]bool
	part       string // of condition or name, in lower case
	list       *bool
}

func newExecutionFilter(f *calloutv1.ExecutionFilter) (*executionFilter, error) {
	out := &executionFilter{ExecutionFilter: f, phases: make([]bool, len(action.Phases)), part: strings.ToLower(f.GetContains())}
	if f != nil {
		out.org, out.list = f.Org, f.List
	}
	for _, wanted := range f.GetPhases() {
		i := slices.Index(action.Phases, phases[wanted])
		if i < 0 {
			return nil, badField("filter.phases", "a phase is request, response, function or event")
		}
		out.phases[i] = true
	}
	if len(f.GetPhases()) == 0 {
		out.phases = slices.Repeat([]bool{true}, len(action.Phases))
	}
	var err error
	out.conditions, err = chosenSet("filter.conditions", f.GetConditions())
	return out, err
}

// keys gives the keys of the executions that fit, in no order.
func (f *executionFilter) keys(c *catalog.Snapshot, order string) iter.Seq[key] {
	reaching := func(catalog.Place) bool { return true }
	if f.GetTarget() != "" {
		reaching = c.Reaching(f.GetTarget())
	}
	return func(yield func(key) bool) {
		for _, org := range chosenOrgs(c, f.org) {
			sc := c.Scopes[org]
			for p, phase := range action.Phases {
				if sc == nil || !f.phases[p] {
					continue
				}
				for i := range sc.Sections[phase] {
					e := &sc.Sections[phase][i]
					ref := catalog.Ref{Phase: phase, Name: e.Name}
					if !f.fits(e) || !reaching(catalog.Place{Org: org, Ref: ref}) {
						continue
					}
					k := key{Org: org, Phase: p, Place: i, Time: timeKey(sc, ref, order)}
					if order == byCondition {
						k.Text = cmp.Or(e.Match, e.Name)
					}
					if !yield(k) {
						return
					}
				}
			}
		}
	}
}

func (f *executionFilter) fits(e *action.Execution) bool {
	if f.list != nil && *f.list != e.IsList() || f.conditions != nil && (e.IsList() || !f.conditions[e.Match]) {
		return false
	}
	return f.part == "" || strings.Contains(strings.ToLower(e.Match), f.part) || strings.Contains(strings.ToLower(e.Name), f.part)
}

package zitadel

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

type listTargetsRequest struct {
	Pagination pagination     `json:"pagination"`
	Sorting    targetField    `json:"sortingColumn"`
	Filters    []targetFilter `json:"filters"`
}

// targetFilter is one of the two.
type targetFilter struct {
	Name *targetNameFilter  `json:"targetNameFilter"`
	IDs  *inTargetIDsFilter `json:"inTargetIdsFilter"`
}

type targetNameFilter struct {
	TargetName string     `json:"targetName"`
	Method     textMethod `json:"method"`
}

type inTargetIDsFilter struct {
	TargetIDs []string `json:"targetIds"`
}

type listTargetsResponse struct {
	Pagination paginationResponse `json:"pagination"`
	Targets    []target           `json:"targets,omitempty"`
}

// listTargets lists the targets of the instance that fit every filter.
func (f *face) listTargets(ctx context.Context, c caller, q *listTargetsRequest) (*listTargetsResponse, uint64, error) {
	fits, asked, err := q.read()
	if err != nil {
		return nil, 0, err
	}
	r := f.reading(c)
	var found []*calloutv1.Target
	err = f.inTurns(ctx, func() error {
		r.revision = 0
		found, err = r.targets(ctx, asked)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	found = slices.DeleteFunc(found, func(t *calloutv1.Target) bool { return !fits(t) })
	page, answer := pageOf(q.Pagination, found, targetOrders[q.Sorting], (*calloutv1.Target).GetId)
	out := &listTargetsResponse{Pagination: answer}
	for _, t := range page {
		out.Targets = append(out.Targets, targetOf(t, c.version))
	}
	return out, r.revision, nil
}

// read gives the test that all filters make together, and a filter of the
// service that lets through no less.
func (q *listTargetsRequest) read() (fits func(*calloutv1.Target) bool, asked *calloutv1.TargetFilter, err error) {
	if err := cmp.Or(q.Pagination.check(), checkFilters(q.Filters)); err != nil {
		return nil, nil, err
	}
	var tests []func(*calloutv1.Target) bool
	asked = &calloutv1.TargetFilter{}
	for i, filter := range q.Filters {
		at := fmt.Sprintf("filters[%d]", i)
		switch {
		case (filter.Name == nil) == (filter.IDs == nil):
			return nil, nil, badField(at, "one of targetNameFilter and inTargetIdsFilter is needed")
		case filter.Name != nil:
			asked.NameContains = filter.Name.TargetName
			tests = append(tests, filter.Name.fits)
		case len(filter.IDs.TargetIDs) == 0 || len(filter.IDs.TargetIDs) > maxPage:
			return nil, nil, badField(at+".inTargetIdsFilter.targetIds", fmt.Sprintf("1 to %d ids are needed", maxPage))
		default:
			ids := filter.IDs.TargetIDs
			asked.Ids = ids
			tests = append(tests, func(t *calloutv1.Target) bool { return slices.Contains(ids, t.GetId()) })
		}
	}
	return func(t *calloutv1.Target) bool {
		return !slices.ContainsFunc(tests, func(test func(*calloutv1.Target) bool) bool { return !test(t) })
	}, asked, nil
}

func (n *targetNameFilter) fits(t *calloutv1.Target) bool {
	have, want := t.GetName(), n.TargetName
	if n.Method%2 == 1 { // every second method ignores the case
		have, want = strings.ToLower(have), strings.ToLower(want)
	}
	switch textMethods[n.Method&^1] {
	case "TEXT_FILTER_METHOD_STARTS_WITH":
		return strings.HasPrefix(have, want)
	case "TEXT_FILTER_METHOD_CONTAINS":
		return strings.Contains(have, want)
	case "TEXT_FILTER_METHOD_ENDS_WITH":
		return strings.HasSuffix(have, want)
	}
	return have == want
}

// targetOrders are the ways of sorting, each at the number of its field. Without
// one it is the time at which a target was made.
var targetOrders = []func(a, b *calloutv1.Target) int{
	byCreation[*calloutv1.Target],
	func(a, b *calloutv1.Target) int { return cmp.Compare(a.GetId(), b.GetId()) },
	byCreation[*calloutv1.Target],
	byChange[*calloutv1.Target],
	func(a, b *calloutv1.Target) int { return cmp.Compare(a.GetName(), b.GetName()) },
	func(a, b *calloutv1.Target) int { return cmp.Compare(kindRanks[a.GetType()], kindRanks[b.GetType()]) },
	func(a, b *calloutv1.Target) int { return cmp.Compare(a.GetUrl(), b.GetUrl()) },
	func(a, b *calloutv1.Target) int {
		return cmp.Compare(a.GetTimeout().AsDuration(), b.GetTimeout().AsDuration())
	},
	func(a, b *calloutv1.Target) int {
		return cmp.Compare(rank(a.GetInterruptOnError()), rank(b.GetInterruptOnError()))
	},
}

// dated is what has the two times.
type dated interface {
	GetCreateTime() *timestamppb.Timestamp
	GetUpdateTime() *timestamppb.Timestamp
}

func byCreation[T dated](a, b T) int {
	return a.GetCreateTime().AsTime().Compare(b.GetCreateTime().AsTime())
}

func byChange[T dated](a, b T) int {
	return a.GetUpdateTime().AsTime().Compare(b.GetUpdateTime().AsTime())
}

var kindRanks = map[string]int{string(action.Webhook): 0, string(action.CallOut): 1, string(action.Async): 2}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

package manage

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/letters"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// filter reads a filter.
func filter(f *calloutv1.DeadLetterFilter) (*letters.Filter, error) {
	if n := len(f.GetDeliveryIds()); n > maxLetters {
		return nil, badField("delivery_ids", fmt.Sprintf("%d ids are too many at once, at most %d can be given", n, maxLetters))
	}
	for _, id := range f.GetDeliveryIds() {
		if err := checkDelivery(id); err != nil {
			return nil, err
		}
	}
	reason := action.Code(f.GetReason())
	if reason != "" && reason.Message() == "" {
		return nil, badField("reason", fmt.Sprintf("%q is no code of docs/errors.md, such as exhausted, expired, status, skipped, stopped or malformed", f.GetReason()))
	}
	if _, err := typeCondition("event_type", f.GetEventType()); err != nil {
		return nil, err
	}
	return &letters.Filter{IDs: slices.Compact(slices.Sorted(slices.Values(f.GetDeliveryIds()))), Target: f.GetTarget(), Org: f.GetOrg(), Reason: reason,
		EventType: f.GetEventType(), EventOrg: f.GetEventOrg(), Aggregate: f.GetAggregateId(), Since: timeOf(f.GetSince()), Until: timeOf(f.GetUntil())}, nil
}

// typeCondition reads a type, a group or *; empty is *.
func typeCondition(field, pattern string) (action.Condition, error) {
	c, err := action.ParseCondition(action.OnEvent, cmp.Or(pattern, "*"))
	if err != nil {
		return c, badField(field, err.Error())
	}
	return c, nil
}

// timeOf is a time of the wire; zero when it has none.
func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

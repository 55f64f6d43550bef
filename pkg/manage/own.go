package manage

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/letters"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ownsLine refuses a subscription or line that is not of the organization that asks,
// as one that does not exist: names of lines tell nothing of whose they are.
func (w wall) ownsLine(ctx context.Context, message proto.Message, at access.Scope) error {
	var name string
	switch m := message.(type) {
	case *calloutv1.PauseSubscriptionRequest:
		name = m.GetName()
	case *calloutv1.ResumeSubscriptionRequest:
		name = m.GetName()
	case *calloutv1.RetrySubscriptionRequest:
		name = m.GetName()
	case *calloutv1.SkipSubscriptionRequest:
		name = m.GetName()
	case *calloutv1.ReplayEventsRequest:
		name = m.GetSubscription()
	default:
		return nil
	}
	all, err := w.service.engine(at.Instance).Subscriptions(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Org == at.Org && (s.Name == name || s.Line == name) {
			return nil
		}
	}
	return action.NewError(action.CodeNotFound, action.StageCatalog, fmt.Sprintf("there is no subscription or line %q", name)).WithField("name")
}

// keep takes out of an answer what is not of the organization that asked. One thing
// that is another's is as one that does not exist.
func keep(answer any, org string) error {
	switch m := answer.(type) {
	case *calloutv1.ListSubscriptionsResponse:
		m.Subscriptions = slices.DeleteFunc(m.GetSubscriptions(), func(s *calloutv1.Subscription) bool { return s.GetOrg() != org })
	case *calloutv1.ListDeliveriesResponse:
		m.Deliveries = slices.DeleteFunc(m.GetDeliveries(), func(d *calloutv1.Delivery) bool { return d.GetLast().GetExecutionOrg() != org })
	case *calloutv1.GetDeliveryResponse:
		foreign := func(a *calloutv1.Attempt) bool { return a.GetExecutionOrg() != org }
		if foreign(m.GetDelivery().GetLast()) || slices.ContainsFunc(m.GetAttempts(), foreign) {
			return nothingKept(m.GetDelivery().GetDeliveryId())
		}
	case *calloutv1.GetDeadLetterResponse:
		if m.GetDeadLetter().GetOrg() != org {
			return letters.None(m.GetDeadLetter().GetDeliveryId())
		}
	}
	return nil
}

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

// keep takes out of an answer what is not for who asked: addresses within the network of
// the workers, if he is not of the installation; and what is not of his organization, if
// he is of one. One thing that is another's is as one that does not exist.
func keep(answer any, of access.Scope) error {
	if m, ok := answer.(*calloutv1.TestTargetResponse); ok && of.Level() != access.Installation && tellsAddress(action.Code(m.GetCode())) {
		m.Message = action.Code(m.GetCode()).Message()
	}
	if of.Level() != access.Organization {
		return nil
	}
	return keepOwn(answer, of.Org)
}

// tellsAddress tells whether the cause of a failed exchange names the address that was
// dialled, or could not be.
func tellsAddress(c action.Code) bool {
	return slices.Contains([]action.Code{action.CodeBlockedAddress, action.CodeDNS, action.CodeConnect, action.CodeTimeout, action.CodeAnswerBroken, action.CodeOurFault}, c)
}

func keepOwn(answer any, org string) error {
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

package manage

import (
	"context"
	"strconv"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ListEvents lists stored events, the newest first. The token of a page is the
// sequence that it ended with: what is stored later is on no later page.
func (s *Service) ListEvents(ctx context.Context, req *connect.Request[calloutv1.ListEventsRequest]) (*connect.Response[calloutv1.ListEventsResponse], error) {
	filter := req.Msg.GetFilter()
	o := lines.EarlierOptions{Org: filter.GetOrg(), Aggregate: filter.GetAggregateId(), Since: timeOf(filter.GetSince())}
	var err error
	if o.Limit, err = pageSize(req.Msg.GetPageSize()); err != nil {
		return nil, err
	}
	if o.Type, err = typeCondition("filter.type", filter.GetType()); err != nil {
		return nil, err
	}
	for field, id := range map[string]string{"filter.org": o.Org, "filter.aggregate_id": o.Aggregate} {
		if err := action.CheckID(id); err != nil {
			return nil, badField(field, err.Error())
		}
	}
	if token := req.Msg.GetPageToken(); token != "" {
		if o.Before, err = strconv.ParseUint(token, 10, 64); err != nil || o.Before == 0 {
			return nil, badToken()
		}
	}
	found, next, err := s.engine(orDefault(req.Msg.GetInstance())).Earlier(ctx, o)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListEventsResponse{}
	for _, e := range found {
		answer.Events = append(answer.Events, storedEvent(e))
	}
	if next > 0 {
		answer.NextPageToken = strconv.FormatUint(next, 10)
	}
	return connect.NewResponse(answer), nil
}

package manage

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/attempts"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// The bounds that end an answer early, as they are told.
const (
	boundLooked = "max_attempts_looked_at"
	boundAnswer = "max_answer_size"
)

// ListDeliveries lists deliveries by their last attempt, the newest first.
func (s *Service) ListDeliveries(ctx context.Context, req *connect.Request[calloutv1.ListDeliveriesRequest]) (*connect.Response[calloutv1.ListDeliveriesResponse], error) {
	size, err := pageSize(req.Msg.GetPageSize())
	if err != nil {
		return nil, err
	}
	chosen, err := deliveryFilter(req.Msg.GetFilter())
	if err != nil {
		return nil, err
	}
	at, err := readPlace(req.Msg.GetPageToken(), req.Msg.GetFilter())
	if err != nil {
		return nil, err
	}
	page, err := s.engine(orDefault(req.Msg.GetInstance())).Deliveries(ctx, chosen, size, at)
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListDeliveriesResponse{Unrecorded: page.Dropped, Unreadable: uint32(page.Left)}
	if answer.NextPageToken, err = writePlace(page.Next, req.Msg.GetFilter()); err != nil {
		return nil, err
	}
	if page.Looked {
		answer.Bound = boundLooked
	}
	for _, d := range page.Deliveries {
		shown := delivery(d)
		shown.Last.Answer = nil
		answer.Deliveries = append(answer.Deliveries, shown)
	}
	return connect.NewResponse(answer), nil
}

// GetDelivery gives the attempts of one delivery.
func (s *Service) GetDelivery(ctx context.Context, req *connect.Request[calloutv1.GetDeliveryRequest]) (*connect.Response[calloutv1.GetDeliveryResponse], error) {
	id := req.Msg.GetDeliveryId()
	if err := checkDelivery(id); err != nil {
		return nil, err
	}
	only := &calloutv1.DeliveryFilter{DeliveryId: id}
	at, err := readPlace(req.Msg.GetPageToken(), only)
	if err != nil {
		return nil, err
	}
	var from uint64
	if at != nil {
		from = at.Below
	}
	engine := s.engine(orDefault(req.Msg.GetInstance()))
	all, err := engine.Attempts(ctx, id, from)
	if err != nil {
		return nil, err
	}
	if len(all.Records) == 0 && all.Next == 0 && from == 0 {
		return nil, nothingKept(id)
	}
	answer := &calloutv1.GetDeliveryResponse{Unrecorded: all.Dropped, Unreadable: uint32(all.Left)}
	var next *attempts.Place
	switch {
	case all.Next == 0:
	case all.Large:
		next, answer.Bound = &attempts.Place{Below: all.Next}, boundAnswer
	default:
		next, answer.Bound = &attempts.Place{Below: all.Next}, boundLooked
	}
	if answer.NextPageToken, err = writePlace(next, only); err != nil {
		return nil, err
	}
	for n := range all.Records {
		answer.Attempts = append(answer.Attempts, attempt(&all.Records[n]))
	}
	if n := len(all.Records); n > 0 {
		answer.Delivery = delivery(ofRecords(all.Records))
		answer.Delivery.Last = answer.Attempts[n-1]
	}
	l, err := engine.DeadLetter(ctx, id)
	switch action.CodeOf(err) {
	case "":
		answer.DeadLetter = deadLetter(l)
	case action.CodeNotFound:
	default:
		return nil, err
	}
	return connect.NewResponse(answer), nil
}

// ofRecords is a delivery as some of its attempts tell of it, which are not none.
func ofRecords(all []attempts.Record) attempts.Delivery {
	d := attempts.Delivery{Last: all[len(all)-1]}
	for _, r := range all {
		d.Attempts = max(d.Attempts, r.Attempt)
	}
	if !all[0].Earlier {
		d.First = all[0].Began
	}
	return d
}

// deliveryFilter reads a filter.
func deliveryFilter(f *calloutv1.DeliveryFilter) (attempts.Filter, error) {
	out := attempts.Filter{
		DeliveryID: f.GetDeliveryId(), Sequence: f.GetEventSequence(), EventID: f.GetEventId(), Target: f.GetTarget(), Org: f.GetOrg(),
		Aggregate: f.GetAggregateId(), EventType: f.GetEventType(), State: attempts.State(f.GetState()),
	}
	for field, id := range map[string]string{"delivery_id": out.DeliveryID, "event_id": out.EventID, "target": out.Target, "org": out.Org, "aggregate_id": out.Aggregate} {
		if err := action.CheckID(id); err != nil {
			return out, badField(field, err.Error())
		}
	}
	if _, err := typeCondition("event_type", out.EventType); err != nil {
		return out, err
	}
	if out.State != "" {
		if err := checkState(out.State); err != nil {
			return out, err
		}
	}
	for field, at := range map[string]*timestamppb.Timestamp{"since": f.GetSince(), "until": f.GetUntil()} {
		if at != nil && at.CheckValid() != nil {
			return out, badField(field, "a time is between the years 1 and 9999")
		}
	}
	if out.Since, out.Until = timeOf(f.GetSince()), timeOf(f.GetUntil()); !out.Until.IsZero() && out.Until.Before(out.Since) {
		return out, badField("until", "it is before since: nothing lies between them")
	}
	return out, nil
}

func checkState(state attempts.State) error {
	var known []string
	for _, s := range attempts.States() {
		if s == state {
			return nil
		}
		known = append(known, string(s))
	}
	return badField("state", fmt.Sprintf("%q is no state of a delivery: there are %s", state, strings.Join(known, ", ")))
}

// delivery is a delivery as it goes over the wire.
func delivery(d attempts.Delivery) *calloutv1.Delivery {
	return &calloutv1.Delivery{DeliveryId: d.Last.DeliveryID, State: string(d.Last.State()), Attempts: uint32(d.Attempts),
		FirstTime: moment(d.First), LastTime: moment(d.Last.Ended), Last: attempt(&d.Last)}
}

// attempt is an attempt as it goes over the wire.
func attempt(r *attempts.Record) *calloutv1.Attempt {
	a := &calloutv1.Attempt{
		DeliveryId: r.DeliveryID, CallId: r.CallID, EventId: r.EventID, Sequence: r.Sequence, Org: r.Org, ExecutionOrg: r.Scope, Owner: r.Owner,
		Phase: phaseNumbers[r.Phase], Name: r.Name, AggregateId: r.Aggregate, Target: r.Target, Kind: string(r.Kind), Number: uint32(r.Attempt),
		Unsent: r.Unsent, Redrive: r.Redrive, Replay: r.Replay, Status: uint32(r.Status), Code: string(r.Code), Stage: string(r.Stage), Error: r.Error,
		BeginTime: moment(r.Began), Duration: durationpb.New(r.Ended.Sub(r.Began)), Decision: string(r.Decision), NextTime: moment(r.NextTry),
		Worker: r.Worker, Revision: r.Revision,
	}
	a.Answer = failedAnswer(r.Answer)
	return a
}

// failedAnswer is an answer as it goes over the wire; nil when there was none.
func failedAnswer(a *action.FailedAnswer) *calloutv1.FailedAnswer {
	if a == nil {
		return nil
	}
	out := &calloutv1.FailedAnswer{Body: a.Body, Truncated: a.Truncated}
	for _, h := range a.Headers {
		out.Headers = append(out.Headers, &calloutv1.Header{Name: h.Name, Value: h.Value})
	}
	return out
}

func nothingKept(id string) error {
	return action.NewError(action.CodeNotFound, action.StageStore, fmt.Sprintf("no attempt of a delivery %q is kept", id)).WithField("delivery_id")
}

package manage

import (
	"context"
	"errors"
	"strings"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ReplayEvents sends the events of a subscription again.
func (s *Service) ReplayEvents(ctx context.Context, req *connect.Request[calloutv1.ReplayEventsRequest]) (*connect.Response[calloutv1.ReplayEventsResponse], error) {
	if req.Msg.GetFromSequence() == 0 && req.Msg.GetSince() == nil {
		return nil, badField("from", "a replay begins with a sequence of 1 or more, or with a time")
	}
	instance := orDefault(req.Msg.GetInstance())
	all, _, err := s.known(ctx, instance)
	if err == nil {
		_, err = named(all, req.Msg.GetSubscription(), allLanes)
	}
	if err != nil {
		return nil, err
	}
	j, err := s.engine(instance).Replay(ctx, req.Msg.GetSubscription(), req.Msg.GetFromSequence(), timeOf(req.Msg.GetSince()))
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.ReplayEventsResponse{Line: j.Line, Job: job(j)}), nil
}

// TailEvents shows events as they are stored, until the client goes away.
func (s *Service) TailEvents(ctx context.Context, req *connect.Request[calloutv1.TailEventsRequest], stream *connect.ServerStream[calloutv1.TailEventsResponse]) error {
	condition, err := typeCondition("type", req.Msg.GetType())
	if err != nil {
		return err
	}
	if err := action.CheckID(req.Msg.GetOrg()); err != nil {
		return badField("org", err.Error())
	}
	leave, err := s.tails.enter(req.Peer().Addr, orDefault(req.Msg.GetInstance()))
	if err != nil {
		return err
	}
	defer leave()
	send := func(m *calloutv1.TailEventsResponse) error {
		return inTime(ctx, func() error { return stream.Send(m) })
	}
	err = s.engine(orDefault(req.Msg.GetInstance())).Tail(ctx, lines.TailOptions{Type: condition, Org: req.Msg.GetOrg(), From: req.Msg.GetFromSequence()},
		func(from uint64) error {
			return send(&calloutv1.TailEventsResponse{Message: &calloutv1.TailEventsResponse_Begun{Begun: &calloutv1.TailBegun{FromSequence: from}}})
		},
		func(e lines.StoredEvent) error {
			return send(&calloutv1.TailEventsResponse{Message: &calloutv1.TailEventsResponse_Event{Event: storedEvent(e)}})
		})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // the client has gone
	}
	return err
}

// storedEvent is an event as it goes over the wire. Whoever publishes over NATS
// can use a subject that is no text.
func storedEvent(e lines.StoredEvent) *calloutv1.StoredEvent {
	text := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
	return &calloutv1.StoredEvent{
		Sequence: e.Sequence, StoredAt: moment(e.StoredAt), Subject: text(e.Subject), Org: text(e.Org), Type: text(e.Type),
		Partition: uint32(e.Lane64), AggregateId: text(e.Aggregate), Body: e.Body,
	}
}

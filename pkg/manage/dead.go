package manage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ListDeadLetters lists dead letters without their bodies.
func (s *Service) ListDeadLetters(ctx context.Context, req *connect.Request[calloutv1.ListDeadLettersRequest]) (*connect.Response[calloutv1.ListDeadLettersResponse], error) {
	found, next, err := s.chosen(ctx, req.Msg, listLimit)
	if err == nil {
		err = found.missingError("")
	}
	if err != nil {
		return nil, err
	}
	answer := &calloutv1.ListDeadLettersResponse{NextPageToken: next}
	for _, l := range found.letters {
		answer.DeadLetters = append(answer.DeadLetters, l.shown)
	}
	return connect.NewResponse(answer), nil
}

// GetDeadLetter gives one dead letter whole.
func (s *Service) GetDeadLetter(ctx context.Context, req *connect.Request[calloutv1.GetDeadLetterRequest]) (*connect.Response[calloutv1.GetDeadLetterResponse], error) {
	if err := checkDelivery(req.Msg.GetDeliveryId()); err != nil {
		return nil, err
	}
	l, err := s.engine.DeadLetter(ctx, orDefault(req.Msg.GetInstance()), req.Msg.GetDeliveryId())
	if err != nil {
		return nil, err
	}
	letter := deadLetter(l)
	letter.Body, letter.LastError = l.Body, strings.ToValidUTF8(l.LastError, "\uFFFD")
	return connect.NewResponse(&calloutv1.GetDeadLetterResponse{DeadLetter: letter}), nil
}

// RedriveDeadLetters sends dead letters again.
func (s *Service) RedriveDeadLetters(ctx context.Context, req *connect.Request[calloutv1.RedriveDeadLettersRequest]) (*connect.Response[calloutv1.RedriveDeadLettersResponse], error) {
	ids, next, err := s.eachChosen(ctx, req.Msg, s.engine.RedriveDeadLetter, "sent again")
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.RedriveDeadLettersResponse{DeliveryIds: ids, NextPageToken: next}), nil
}

// DiscardDeadLetters takes dead letters out for good.
func (s *Service) DiscardDeadLetters(ctx context.Context, req *connect.Request[calloutv1.DiscardDeadLettersRequest]) (*connect.Response[calloutv1.DiscardDeadLettersResponse], error) {
	ids, next, err := s.eachChosen(ctx, req.Msg, s.engine.DiscardDeadLetter, "taken out")
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.DiscardDeadLettersResponse{DeliveryIds: ids, NextPageToken: next}), nil
}

// choice is what a request that acts on dead letters says.
type choice interface {
	question
	GetAll() bool
}

// eachChosen does something to each dead letter that is chosen, oldest first.
// One that somebody else has acted on meanwhile is passed over.
func (s *Service) eachChosen(ctx context.Context, req choice, do func(ctx context.Context, instance, id string) error, done string) (ids []string, next string, err error) {
	switch nothing := isEmpty(req.GetFilter()); {
	case nothing && !req.GetAll():
		return nil, "", badField("filter", "nothing is chosen: choose by the filter, or set all")
	case !nothing && req.GetAll():
		return nil, "", badField("all", "all goes without a filter")
	}
	found, next, err := s.chosen(ctx, req, maxLetters)
	if err != nil {
		return nil, "", err
	}
	for _, l := range found.letters {
		err := do(ctx, orDefault(req.GetInstance()), l.shown.GetDeliveryId())
		switch {
		case action.CodeOf(err) == action.CodeNotFound:
		case err != nil:
			return nil, "", soFar(err, len(ids), done)
		default:
			ids = append(ids, l.shown.GetDeliveryId())
		}
	}
	return ids, next, found.missingError(fmt.Sprintf("; %d %s", len(ids), done))
}

// soFar is an error in the middle, which says how many were done before.
func soFar(err error, n int, done string) error {
	var fault *action.Error
	if !errors.As(err, &fault) || n == 0 {
		return err
	}
	said := *fault
	said.Message = fmt.Sprintf("%s; %d %s before", fault.Message, n, done)
	return &said
}

func checkDelivery(id string) error {
	if id == "" || action.CheckID(id) != nil {
		return badField("delivery_id", fmt.Sprintf("a delivery id has 1 to %d bytes of UTF-8 without control characters", action.MaxID))
	}
	return nil
}

// deadLetter is a dead letter as it goes over the wire, without its body and
// what is for the operator alone.
func deadLetter(l bus.StoredLetter) *calloutv1.DeadLetter {
	return &calloutv1.DeadLetter{
		DeliveryId: l.DeliveryID, Org: l.Org, Target: l.Target, Owner: l.Owner, Phase: phaseNumbers[l.Phase], Condition: l.Match,
		EventType: l.EventType, Subject: l.Subject, Sequence: l.Sequence, StoredAt: moment(l.StoredAt),
		FailingSince: moment(l.FailingSince), DeadAt: moment(l.DeadAt), Reason: string(l.Reason), Attempts: uint32(l.Attempts),
		LastStatus: uint32(l.LastStatus), BodySize: uint32(len(l.Body)),
	}
}

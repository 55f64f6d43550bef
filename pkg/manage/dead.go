package manage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/jobs"
	"github.com/callout-hq/callout/pkg/bus/letters"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// ListDeadLetters lists dead letters without their bodies.
func (s *Service) ListDeadLetters(ctx context.Context, req *connect.Request[calloutv1.ListDeadLettersRequest]) (*connect.Response[calloutv1.ListDeadLettersResponse], error) {
	found, next, err := s.chosen(ctx, req.Msg, listLimit)
	if err == nil {
		err = missingError(found.missing, found.asked, "")
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
	l, err := s.engine(orDefault(req.Msg.GetInstance())).DeadLetter(ctx, req.Msg.GetDeliveryId())
	if err != nil {
		return nil, err
	}
	letter := deadLetter(l)
	letter.Body, letter.LastError = l.Body, strings.ToValidUTF8(l.LastError, "\uFFFD")
	letter.LastAnswer = failedAnswer(l.LastAnswer)
	return connect.NewResponse(&calloutv1.GetDeadLetterResponse{DeadLetter: letter}), nil
}

// RedriveDeadLetters sends dead letters again.
func (s *Service) RedriveDeadLetters(ctx context.Context, req *connect.Request[calloutv1.RedriveDeadLettersRequest]) (*connect.Response[calloutv1.RedriveDeadLettersResponse], error) {
	j, err := s.moveLetters(ctx, req.Msg, action.JobRedrive, req.Msg.Wait, "sent again") //nolint:protogetter // whether it is set counts
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.RedriveDeadLettersResponse{DeliveryIds: j.First, NextPageToken: nextOf(j), Job: job(j)}), nil
}

// DiscardDeadLetters takes dead letters out for good.
func (s *Service) DiscardDeadLetters(ctx context.Context, req *connect.Request[calloutv1.DiscardDeadLettersRequest]) (*connect.Response[calloutv1.DiscardDeadLettersResponse], error) {
	j, err := s.moveLetters(ctx, req.Msg, action.JobDiscardLetters, req.Msg.Wait, "taken out") //nolint:protogetter // whether it is set counts
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&calloutv1.DiscardDeadLettersResponse{DeliveryIds: j.First, NextPageToken: nextOf(j), Job: job(j)}), nil
}

// choice is what a request that acts on dead letters says.
type choice interface {
	question
	GetAll() bool
}

// moveLetters does something to each dead letter that is chosen, oldest first.
// One that somebody else has acted on meanwhile is passed over.
func (s *Service) moveLetters(ctx context.Context, req choice, kind action.JobKind, wait *bool, done string) (jobs.Job, error) {
	chosen, err := filter(req.GetFilter())
	if err != nil {
		return jobs.Job{}, err
	}
	switch nothing := chosen.All(); {
	case nothing && !req.GetAll():
		return jobs.Job{}, badField("filter", "nothing is chosen: choose by the filter, or set all")
	case !nothing && req.GetAll():
		return jobs.Job{}, badField("all", "all goes without a filter")
	}
	from, to, err := readToken(req.GetPageToken())
	if err != nil {
		return jobs.Job{}, err
	}
	instance := orDefault(req.GetInstance())
	j, err := s.engine(instance).Begin(ctx, jobs.Job{Job: action.Job{Kind: kind, About: aboutLetters(chosen)}, Filter: *chosen,
		Cursor: max(from, 1) - 1, To: to, Most: uint64(req.GetLimit())})
	if err != nil {
		return j, err
	}
	j, err = s.await(ctx, instance, j, wait)
	if err != nil {
		return j, soFar(err, j.Done, done)
	}
	return j, missingError(j.Missing, len(chosen.IDs), fmt.Sprintf("; %d %s", j.Done, done))
}

// aboutLetters is what a filter chooses, as a person reads it.
func aboutLetters(f *letters.Filter) string {
	if f.All() {
		return "all dead letters"
	}
	words := []string{"dead letters"}
	if n := len(f.IDs); n > 0 {
		words = []string{count(uint64(n), "dead letter", "dead letters")}
	}
	for _, part := range [][2]string{{"target", f.Target}, {"org", f.Org}, {"reason", string(f.Reason)}, {"type", f.EventType},
		{"event-org", f.EventOrg}, {"aggregate", f.Aggregate}, {"since", timeText(f.Since)}, {"until", timeText(f.Until)}} {
		if part[1] != "" {
			words = append(words, part[0], part[1])
		}
	}
	return strings.Join(words, " ")
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// nextOf is where the same request goes on when its limit has left out some.
func nextOf(j jobs.Job) string {
	if j.Next == 0 {
		return ""
	}
	return writeToken(j.Next, j.To)
}

// soFar is an error in the middle, which says how many were done before.
func soFar(err error, n uint64, done string) error {
	var unended *goesOn
	var fault *action.Error
	if errors.As(err, &unended) || !errors.As(err, &fault) || n == 0 {
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
func deadLetter(l letters.Letter) *calloutv1.DeadLetter {
	return &calloutv1.DeadLetter{
		DeliveryId: l.DeliveryID, Org: l.Org, Target: l.Target, Owner: l.Owner, Phase: phaseNumbers[l.Phase], Condition: l.Match,
		EventType: l.EventType, EventId: l.EventID, EventOrg: l.EventOrg, AggregateId: l.Aggregate, Subject: l.Subject, Sequence: l.Sequence, StoredAt: moment(l.StoredAt),
		FailingSince: moment(l.FailingSince), DeadAt: moment(l.DeadAt), Reason: string(l.Reason), Attempts: uint32(l.Attempts),
		LastStatus: uint32(l.LastStatus), BodySize: uint32(len(l.Body)),
	}
}

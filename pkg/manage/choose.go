package manage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

const (
	listLimit  = 100   // dead letters of a list that asks for no number
	maxLetters = 1000  // dead letters of one page, and ids of one filter
	maxLooked  = 10000 // dead letters looked at for one page
)

// question is what every request for several dead letters says.
type question interface {
	GetInstance() string
	GetFilter() *calloutv1.DeadLetterFilter
	GetLimit() uint32
	GetPageToken() string
}

// letter is a dead letter that was chosen.
type letter struct {
	shown *calloutv1.DeadLetter
	place uint64
}

// letters are the dead letters of one page, oldest first, and the ids asked for
// that are of none.
type letters struct {
	letters []letter
	missing []string
	asked   int
}

// missingError tells of ids that are of no dead letter; nil when there are
// none. after says what was done all the same.
func (l letters) missingError(after string) error {
	if len(l.missing) == 0 {
		return nil
	}
	message := fmt.Sprintf("there is no dead letter %q%s", l.missing[0], after)
	if n := len(l.missing); n > 1 {
		message = fmt.Sprintf("%d of the %d dead letters are not there, %q first%s", n, l.asked, l.missing[0], after)
	}
	return action.NewError(action.CodeNotFound, action.StageStore, message).WithField("delivery_ids")
}

// chosen reads the page of dead letters that a request asks for.
func (s *Service) chosen(ctx context.Context, req question, limit int) (found letters, next string, err error) {
	if req.GetLimit() > maxLetters {
		return found, "", badField("limit", fmt.Sprintf("the limit is at most %d", maxLetters))
	}
	if req.GetLimit() > 0 {
		limit = int(req.GetLimit())
	}
	takes, err := filter(req.GetFilter())
	if err != nil {
		return found, "", err
	}
	instance := orDefault(req.GetInstance())
	if ids := req.GetFilter().GetDeliveryIds(); len(ids) > 0 {
		found, err = s.byID(ctx, instance, ids, takes)
		found.letters = found.letters[:min(limit, len(found.letters))]
		return found, "", err
	}
	return s.page(ctx, instance, req.GetPageToken(), limit, takes)
}

// byID reads dead letters by their ids.
func (s *Service) byID(ctx context.Context, instance string, ids []string, takes func(action.DeadLetter) bool) (letters, error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	found := letters{asked: len(ids)}
	for _, id := range ids {
		l, err := s.engine.DeadLetter(ctx, instance, id)
		switch {
		case action.CodeOf(err) == action.CodeNotFound:
			found.missing = append(found.missing, id)
		case err != nil:
			return found, err
		case takes(l.DeadLetter):
			found.letters = append(found.letters, letter{deadLetter(l), l.Place})
		}
	}
	slices.SortFunc(found.letters, func(a, b letter) int { return cmp.Compare(a.place, b.place) })
	return found, nil
}

// page reads dead letters in their order, up to the one that was the newest
// when the first page was read: one that is sent again and fails again is not
// met twice. It looks at no more than maxLooked.
func (s *Service) page(ctx context.Context, instance, token string, limit int, takes func(action.DeadLetter) bool) (found letters, next string, err error) {
	from, to, err := readToken(token)
	if err != nil {
		return found, "", err
	}
	if token == "" {
		if to, err = s.engine.LastDeadLetter(ctx, instance); err != nil {
			return found, "", err
		}
	}
	looked := 0
	err = s.engine.DeadLettersFrom(ctx, instance, from, func(l bus.StoredLetter) bool {
		if l.Place > to {
			return false
		}
		if looked == maxLooked || len(found.letters) == limit {
			next = writeToken(l.Place, to)
			return false
		}
		looked++
		if takes(l.DeadLetter) {
			found.letters = append(found.letters, letter{deadLetter(l), l.Place})
		}
		return true
	})
	return found, next, err
}

func writeToken(from, to uint64) string { return fmt.Sprintf("%d-%d", from, to) }

func readToken(token string) (from, to uint64, err error) {
	if token == "" {
		return 0, 0, nil
	}
	if n, _ := fmt.Sscanf(token, "%d-%d", &from, &to); n != 2 || writeToken(from, to) != token {
		return 0, 0, badField("page_token", "the page token is not one of an answer before")
	}
	return from, to, nil
}

func isEmpty(f *calloutv1.DeadLetterFilter) bool {
	return len(f.GetDeliveryIds()) == 0 && f.GetTarget() == "" && f.GetOrg() == "" && f.GetReason() == "" && f.GetEventType() == "" &&
		f.GetSince() == nil && f.GetUntil() == nil
}

// filter reads a filter. Ids are not looked at again: what is read by id has it.
func filter(f *calloutv1.DeadLetterFilter) (takes func(action.DeadLetter) bool, err error) {
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
	hasType, err := typePattern("event_type", f.GetEventType())
	if err != nil {
		return nil, err
	}
	since, until := timeOf(f.GetSince()), timeOf(f.GetUntil())
	return func(d action.DeadLetter) bool {
		return (f.GetTarget() == "" || f.GetTarget() == d.Target) && (f.GetOrg() == "" || f.GetOrg() == d.Org) &&
			(reason == "" || reason == d.Reason) && (f.GetEventType() == "" || hasType(d.EventType)) &&
			!d.DeadAt.Before(since) && (until.IsZero() || d.DeadAt.Before(until))
	}, nil
}

// typePattern reads a type, a group or *; empty is *.
func typePattern(field, pattern string) (covers func(eventType string) bool, err error) {
	c, err := typeCondition(field, pattern)
	if err != nil {
		return nil, err
	}
	group := strings.TrimSuffix(c.Match, "*")
	return func(eventType string) bool {
		if c.Level() == action.LevelExact {
			return eventType == c.Match
		}
		return strings.HasPrefix(eventType, group)
	}, nil
}

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

package manage

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/letters"
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

// chosenLetter is a dead letter that was chosen.
type chosenLetter struct {
	shown *calloutv1.DeadLetter
	place uint64
}

// chosenLetters are the dead letters of one page, oldest first, and the ids asked for
// that are of none.
type chosenLetters struct {
	letters []chosenLetter
	missing []string
	asked   int
}

// missingError tells of ids that are of no dead letter; nil when there are
// none. after says what was done all the same.
func missingError(missing []string, asked int, after string) error {
	if len(missing) == 0 {
		return nil
	}
	message := fmt.Sprintf("there is no dead letter %q%s", missing[0], after)
	if n := len(missing); n > 1 {
		message = fmt.Sprintf("%d of the %d dead letters are not there, %q first%s", n, asked, missing[0], after)
	}
	return action.NewError(action.CodeNotFound, action.StageStore, message).WithField("delivery_ids")
}

// chosen reads the page of dead letters that a request asks for.
func (s *Service) chosen(ctx context.Context, req question, limit int) (found chosenLetters, next string, err error) {
	if req.GetLimit() > maxLetters {
		return found, "", badField("limit", fmt.Sprintf("the limit is at most %d", maxLetters))
	}
	if req.GetLimit() > 0 {
		limit = int(req.GetLimit())
	}
	chosen, err := filter(req.GetFilter())
	if err != nil {
		return found, "", err
	}
	instance := orDefault(req.GetInstance())
	if len(chosen.IDs) > 0 {
		found, err = s.byID(ctx, instance, chosen)
		found.letters = found.letters[:min(limit, len(found.letters))]
		return found, "", err
	}
	return s.page(ctx, instance, req.GetPageToken(), limit, chosen)
}

// byID reads dead letters by their ids.
func (s *Service) byID(ctx context.Context, instance string, chosen *letters.Filter) (chosenLetters, error) {
	found := chosenLetters{asked: len(chosen.IDs)}
	for _, id := range chosen.IDs {
		l, err := s.engine(instance).DeadLetter(ctx, id)
		switch {
		case action.CodeOf(err) == action.CodeNotFound:
			found.missing = append(found.missing, id)
		case err != nil:
			return found, err
		case !chosen.Knows(l.DeadLetter):
			found.missing = append(found.missing, id)
		case chosen.Takes(l.DeadLetter):
			found.letters = append(found.letters, chosenLetter{deadLetter(l), l.Place})
		}
	}
	slices.SortFunc(found.letters, func(a, b chosenLetter) int { return cmp.Compare(a.place, b.place) })
	return found, nil
}

// page reads dead letters in their order, up to the one that was the newest
// when the first page was read: one that is sent again and fails again is not
// met twice. It looks at no more than maxLooked.
func (s *Service) page(ctx context.Context, instance, token string, limit int, chosen *letters.Filter) (found chosenLetters, next string, err error) {
	from, to, err := readToken(token)
	if err != nil {
		return found, "", err
	}
	if token == "" {
		if to, err = s.engine(instance).LastDeadLetter(ctx); err != nil {
			return found, "", err
		}
	}
	looked := 0
	err = s.engine(instance).DeadLettersFrom(ctx, from, func(l letters.Letter) bool {
		if l.Place > to {
			return false
		}
		if looked == maxLooked || len(found.letters) == limit {
			next = writeToken(l.Place, to)
			return false
		}
		looked++
		if chosen.Takes(l.DeadLetter) {
			found.letters = append(found.letters, chosenLetter{deadLetter(l), l.Place})
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

package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/revisions"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// maxStrays is how many events without a line, and how many async deliveries, are
// buried in one turn.
const maxStrays = 100

// strays makes dead letters of events that no line can see, and takes them out
// of the stream. They are of no subscription.
func (t *tidying) strays(ctx context.Context) error {
	for range maxStrays {
		m, found, err := t.lines.NextStray(ctx)
		if err != nil || !found {
			return err
		}
		none, from := lines.Line{Instance: t.ID}, lines.EventOrigin(m)
		err = t.letters.Keep(ctx, action.DeadLetter{
			EventID: from.EventID, EventOrg: from.Org, Aggregate: from.Aggregate,
			DeliveryID: none.DeliveryID(m.Sequence, m.StoredAt), Instance: t.ID, Phase: action.OnEvent, Subject: m.Subject,
			Sequence: m.Sequence, StoredAt: m.StoredAt, DeadAt: time.Now(), Reason: action.CodeMalformed,
			LastError: "the subject has a literal wildcard", Body: m.Body,
		}, 0)
		if err == nil {
			err = t.lines.DropStray(ctx, m)
		}
		if err != nil {
			return err
		}
		t.log.Warn().Str("subject", m.Subject).Uint64("sequence", m.Sequence).
			Str("reason", string(action.CodeMalformed)).Msg("dead letter: an event without a line")
	}
	return nil
}

// orphans makes dead letters of async deliveries that no line takes: their target
// left the catalog, and its line was gone when a call that had begun before stored
// them. all are the lines as they were before those that the catalog lacked were
// made.
func (t *tidying) orphans(ctx context.Context, m *catalog.Matcher, all []lines.Line) error {
	subjects, err := t.lines.Orphans(ctx, slices.Concat(all, wanted(m, revisions.Root{}, 0)))
	if err != nil {
		return err
	}
	left := maxStrays
	for _, subject := range subjects {
		for ; left > 0; left-- {
			orphan, found, err := t.lines.NextOrphan(ctx, subject)
			if err != nil {
				return err
			}
			if !found {
				break
			}
			if err := t.buryOrphan(ctx, orphan); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tidying) buryOrphan(ctx context.Context, m bus.Message) error {
	l, reason := lines.Line{Instance: t.ID, Async: true}, action.CodeNoTarget
	var err error
	if l.Owner, l.Target, err = wire.ParseAsync(m.Subject); err != nil {
		reason = action.CodeMalformed
	}
	if err := t.letters.Keep(ctx, letterFor(l, m, reason), 0); err != nil {
		return err
	}
	if err := t.lines.DropOrphan(ctx, m); err != nil {
		return err
	}
	t.log.Warn().Str("subject", m.Subject).Uint64("sequence", m.Sequence).
		Str("reason", string(reason)).Msg("dead letter: an async delivery without a line")
	return nil
}

package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// maxStrays is how many events without a line are buried in one turn.
const maxStrays = 100

// strays makes dead letters of events that no line can see, and takes them out
// of the stream. They are of no subscription.
func (t *tidying) strays(ctx context.Context, instance string) error {
	for range maxStrays {
		m, found, err := t.dispatcher.bus.NextStray(ctx, instance)
		if err != nil || !found {
			return err
		}
		none := bus.Line{Instance: instance}
		err = t.dispatcher.bus.StoreDead(ctx, action.DeadLetter{
			DeliveryID: none.DeliveryID(m.Sequence, m.StoredAt), Instance: instance, Phase: action.OnEvent, Subject: m.Subject,
			Sequence: m.Sequence, StoredAt: m.StoredAt, DeadAt: time.Now(), Reason: action.CodeMalformed,
			LastError: "the subject has a literal wildcard", Body: m.Body,
		}, 0)
		if err == nil {
			err = t.dispatcher.bus.DropStray(ctx, instance, m)
		}
		if err != nil {
			return err
		}
		t.dispatcher.log.Warn().Str("instance", instance).Str("subject", m.Subject).Uint64("sequence", m.Sequence).
			Str("reason", string(action.CodeMalformed)).Msg("dead letter: an event without a line")
	}
	return nil
}

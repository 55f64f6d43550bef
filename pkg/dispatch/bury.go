package dispatch

import (
	"context"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/wire"
)

// bury makes a dead letter of a message that nobody tries any more.
func (i *Instance) bury(ctx context.Context, l lines.Line, m bus.Message, reason action.Code) error {
	s, err := i.lines.Standing(ctx, l)
	if err != nil {
		return err
	}
	letter := letterOf(l, m, reason)
	if r := s.Record; r.Sequence == m.Sequence {
		letter.Attempts, letter.LastStatus, letter.FailingSince = r.Attempts, r.LastStatus, r.FailingSince
	}
	return i.letters.Keep(ctx, letter, 0)
}

// letterOf is the dead letter that a message of an event line becomes when it is
// given up by us.
func letterOf(l lines.Line, m bus.Message, reason action.Code) action.DeadLetter {
	from := l.OriginOf(m)
	return action.DeadLetter{
		EventID: from.EventID, EventOrg: from.Org, Aggregate: from.Aggregate,
		DeliveryID: l.DeliveryID(m.Sequence, m.StoredAt), Instance: l.Instance, Org: l.Org, Owner: l.Owner, Target: l.Target,
		Phase: action.OnEvent, Match: l.Condition.Match, EventType: typeOf(m.Subject), Subject: m.Subject, Sequence: m.Sequence,
		StoredAt: m.StoredAt, DeadAt: time.Now(), Reason: reason, LastError: reason.Message(), Body: m.Body,
	}
}

func typeOf(subject string) string {
	at, _ := wire.ParseStoredEvent(subject) // what can be read of it
	return at.Type
}

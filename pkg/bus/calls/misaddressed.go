package calls

import (
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// dispatcherGroup is the queue group of dispatchers: one of them answers.
const dispatcherGroup = "callout-dispatchers"

// Misaddressed hears of events that are published to a subject with a token too few, and
// so to no stream, until leave is called. Whoever waits for an answer at an inbox gets it,
// as that of a call; told is called for every one, with its subject.
func Misaddressed(b *bus.Bus, told func(subject string)) (leave func(), err error) {
	var all []*nats.Subscription
	leave = func() {
		for _, sub := range all {
			_ = sub.Unsubscribe() // only fails when the connection is gone
		}
	}
	for _, subject := range wire.ShortEvents() {
		sub, err := b.Conn().QueueSubscribe(subject, dispatcherGroup, func(m *nats.Msg) {
			told(m.Subject)
			if isInbox(m.Reply) {
				answerMisaddressed(b, m)
			}
		})
		if err != nil {
			leave()
			return nil, bus.Failure(err)
		}
		all = append(all, sub)
	}
	return leave, nil
}

func answerMisaddressed(b *bus.Bus, m *nats.Msg) {
	refusal := action.NewError(action.CodeBadField, action.StageDecode, wire.ShortEventRule).WithField("subject")
	out := nats.NewMsg(m.Reply)
	out.Header.Set(wire.HeaderStatus, strconv.Itoa(refusal.Status))
	out.Data = wire.EncodeError(refusal)
	if err := m.RespondMsg(out); err != nil {
		b.Log().Warn().Err(err).Msg("refusal could not be sent")
	}
}

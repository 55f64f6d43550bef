package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// headerDead holds a dead letter's facts; its body is the event's own.
const headerDead = "Callout-Dead-Letter"

// StoreDead stores a dead letter and waits for the confirmation. A delivery
// that is there already is left as it is: a repeat does not double it.
func (b *Bus) StoreDead(ctx context.Context, d action.DeadLetter) error {
	facts, err := json.Marshal(d)
	if err != nil {
		return action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	msg := nats.NewMsg(wire.DeadSubject(d.Instance, d.DeliveryID))
	msg.Data = d.Body
	msg.Header.Set(headerDead, string(facts))
	_, err = b.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(DeadStream(d.Instance)))
	if err == nil {
		return nil
	}
	if isCode(err, codeStreamFull) {
		if _, getErr := b.DeadLetter(ctx, d.Instance, d.DeliveryID); getErr == nil {
			return nil
		}
	}
	return failure(err)
}

// DeadLetter reads one dead letter.
func (b *Bus) DeadLetter(ctx context.Context, instance, deliveryID string) (action.DeadLetter, error) {
	stream, err := b.js.Stream(ctx, DeadStream(instance))
	if err != nil {
		return action.DeadLetter{}, failure(err)
	}
	raw, err := stream.GetLastMsgForSubject(ctx, wire.DeadSubject(instance, deliveryID))
	if err != nil {
		return action.DeadLetter{}, failure(err)
	}
	return readDead(raw.Header, raw.Data)
}

// DeadLetters reads all dead letters of an instance, oldest first.
func (b *Bus) DeadLetters(ctx context.Context, instance string) ([]action.DeadLetter, error) {
	stream, err := b.js.Stream(ctx, DeadStream(instance))
	if err != nil {
		return nil, failure(err)
	}
	var all []action.DeadLetter
	state := stream.CachedInfo().State
	for seq := max(state.FirstSeq, 1); seq <= state.LastSeq; seq++ {
		raw, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, failure(err)
		}
		letter, err := readDead(raw.Header, raw.Data)
		if err != nil {
			return nil, err
		}
		all = append(all, letter)
	}
	return all, nil
}

func readDead(h nats.Header, body []byte) (action.DeadLetter, error) {
	var d action.DeadLetter
	if err := json.Unmarshal([]byte(h.Get(headerDead)), &d); err != nil {
		return d, fmt.Errorf("a dead letter without readable facts: %w", err)
	}
	d.Body = body
	return d, nil
}

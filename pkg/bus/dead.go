package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// headerDead holds a dead letter's facts; its body is the event's own.
const headerDead = "Callout-Dead-Letter"

// headerPlace is the sequence of the dead letter that is sent again.
const headerPlace = "Callout-Dead-Place"

// Forget takes out a dead letter that was sent again and has arrived, in case
// who sent it died before it could.
func (b *Bus) Forget(ctx context.Context, d *Delivery) error {
	return b.deleteDead(ctx, d.Line.Instance, d.LetterPlace)
}

// StoreDead stores a dead letter and waits for the confirmation. A delivery
// that is there already is left as it is: a repeat does not double it. replaces
// is the place of the letter that was sent again and died again, 0 = none: who
// sent it may not have taken it out yet, and would then take out the new one's
// only trace.
func (b *Bus) StoreDead(ctx context.Context, d action.DeadLetter, replaces uint64) error {
	if replaces > 0 {
		if err := b.deleteDead(ctx, d.Instance, replaces); err != nil {
			return err
		}
	}
	facts, err := json.Marshal(d)
	if err != nil {
		return action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	msg := nats.NewMsg(wire.DeadSubject(d.Instance, d.DeliveryID))
	msg.Data = d.Body
	msg.Header.Set(headerDead, string(facts))
	place, err := b.setApart(ctx, msg, d.Instance, d.DeliveryID)
	if err != nil {
		return err
	}
	_, err = b.store(ctx, msg, jetstream.WithExpectStream(DeadStream(d.Instance)))
	if err == nil {
		return nil
	}
	if isCode(err, codeStreamFull) {
		if _, getErr := b.DeadLetter(ctx, d.Instance, d.DeliveryID); getErr == nil {
			if place == 0 {
				return nil
			}
			return b.deleteDead(ctx, d.Instance, place) // the letter that is there has its own
		}
	}
	return failure(err)
}

// DeadLetter reads one dead letter; the error is not_found when there is none.
func (b *Bus) DeadLetter(ctx context.Context, instance, deliveryID string) (action.DeadLetter, error) {
	d, _, err := b.deadLetter(ctx, instance, deliveryID)
	return d, err
}

func (b *Bus) deadLetter(ctx context.Context, instance, deliveryID string) (action.DeadLetter, *jetstream.RawStreamMsg, error) {
	stream, err := b.js.Stream(ctx, DeadStream(instance))
	if err != nil {
		return action.DeadLetter{}, nil, failure(err)
	}
	raw, err := stream.GetLastMsgForSubject(ctx, wire.DeadSubject(instance, deliveryID))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return action.DeadLetter{}, nil, action.NewError(action.CodeNotFound, action.StageStore, "there is no dead letter "+deliveryID)
	}
	if err != nil {
		return action.DeadLetter{}, nil, failure(err)
	}
	d, err := b.readLetter(ctx, instance, raw.Header, raw.Data)
	return d, raw, err
}

// EachDeadLetter reads the dead letters of an instance, oldest first, until do
// returns false.
func (b *Bus) EachDeadLetter(ctx context.Context, instance string, do func(action.DeadLetter) bool) error {
	stream, err := b.js.Stream(ctx, DeadStream(instance))
	if err != nil {
		return failure(err)
	}
	for seq := uint64(1); ; {
		raw, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(wire.DeadOf(instance)))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return failure(err)
		}
		seq = raw.Sequence + 1
		if wire.IsDeadBody(raw.Subject) {
			continue
		}
		letter, err := b.readLetter(ctx, instance, raw.Header, raw.Data)
		if err != nil {
			return err
		}
		if !do(letter) {
			return nil
		}
	}
}

// DeadLetters reads all dead letters of an instance, oldest first.
func (b *Bus) DeadLetters(ctx context.Context, instance string) ([]action.DeadLetter, error) {
	var all []action.DeadLetter
	err := b.EachDeadLetter(ctx, instance, func(d action.DeadLetter) bool { all = append(all, d); return true })
	return all, err
}

// Redrive puts a dead letter into the line that sends such again, with its
// delivery id, and then takes it out of the dead letters. Dying in between
// leaves both, and doing it again sends it once.
func (b *Bus) Redrive(ctx context.Context, instance, deliveryID string) error {
	letter, raw, err := b.deadLetter(ctx, instance, deliveryID)
	if err != nil {
		return err
	}
	msg := nats.NewMsg(wire.RedriveSubject(instance, deliveryID))
	msg.Data = letter.Body
	msg.Header.Set(headerDead, raw.Header.Get(headerDead))
	msg.Header.Set(headerPlace, strconv.FormatUint(raw.Sequence, 10))
	// Its body is stored anew, so that it does not age before it is sent. It
	// stays until then: an acknowledgement may be lost.
	if _, err := b.setApart(ctx, msg, instance, deliveryID); err != nil {
		return err
	}
	id := deliveryID + "/" + strconv.FormatUint(raw.Sequence, 10)
	if _, err := b.store(ctx, msg, jetstream.WithMsgID(id), jetstream.WithExpectStream(AsyncStream(instance))); err != nil {
		return failure(err)
	}
	return b.dropLetter(ctx, instance, raw)
}

// Discard takes a dead letter out for good.
func (b *Bus) Discard(ctx context.Context, instance, deliveryID string) error {
	_, raw, err := b.deadLetter(ctx, instance, deliveryID)
	if err != nil {
		return err
	}
	return b.dropLetter(ctx, instance, raw)
}

func (b *Bus) deleteDead(ctx context.Context, instance string, sequence uint64) error {
	stream, err := b.js.Stream(ctx, DeadStream(instance))
	if err != nil {
		return failure(err)
	}
	err = stream.DeleteMsg(ctx, sequence)
	if err == nil {
		return nil
	}
	// What is gone already is gone; the server says so in words only.
	if _, gone := stream.GetMsg(ctx, sequence); errors.Is(gone, jetstream.ErrMsgNotFound) {
		return nil
	}
	return failure(err)
}

func readDead(h nats.Header, body []byte) (action.DeadLetter, error) {
	var d action.DeadLetter
	if err := json.Unmarshal([]byte(h.Get(headerDead)), &d); err != nil {
		return d, fmt.Errorf("a dead letter without readable facts: %w", err)
	}
	d.Body = body
	return d, nil
}

package letters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

const (
	// headerFacts holds a dead letter's facts; its body is the event's own.
	headerFacts = "Callout-Dead-Letter"
	// headerPlace is the place of the dead letter that is sent again.
	headerPlace = "Callout-Dead-Place"
)

// Letters are the dead letters of one instance. It is a value, and may be used
// from any goroutine. Errors are *action.Error.
type Letters struct{ bus.Instance }

// Of gives the dead letters of an instance.
func Of(i bus.Instance) Letters { return Letters{i} }

// Letter is a dead letter and its place among those of its instance: a later one
// has a higher place.
type Letter struct {
	action.DeadLetter
	Place uint64

	facts string // as they are stored
	apart uint64 // where its body lies; 0 = with it
}

// Keep stores a dead letter and waits for the confirmation. A delivery that is
// there already is left as it is: a repeat does not double it. replaces is the
// place of the letter that was sent again and died again, 0 = none: who sent it
// may not have taken it out yet, and would then take out the new one's only
// trace.
func (i Letters) Keep(ctx context.Context, d action.DeadLetter, replaces uint64) error {
	if replaces > 0 {
		if err := i.ForgetOf(ctx, replaces, d.DeliveryID); err != nil {
			return err
		}
	}
	msg, err := i.message(d)
	if err != nil {
		return err
	}
	place, err := i.setApart(ctx, msg, d.DeliveryID)
	if err != nil {
		return err
	}
	_, err = i.Store(ctx, i.Dead, msg, jetstream.WithExpectStream(i.Dead))
	if err == nil {
		return nil
	}
	if bus.IsCode(err, bus.CodeStreamFull) {
		if _, getErr := i.Get(ctx, d.DeliveryID); getErr == nil {
			if place == 0 {
				return nil
			}
			return i.Forget(ctx, place) // the letter that is there has its own
		}
	}
	return err
}

// message is a dead letter as it is stored, when all of it fits into one.
func (i Letters) message(d action.DeadLetter) (*nats.Msg, error) {
	facts, err := json.Marshal(d)
	if err != nil {
		return nil, action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	msg := nats.NewMsg(wire.DeadSubject(i.ID, d.DeliveryID))
	msg.Data = d.Body
	msg.Header.Set(headerFacts, string(facts))
	bus.SetFormat(msg.Header)
	return msg, nil
}

// KeepAll is Keep for many that replace none: they are sent in their order, and
// their confirmations come together. Who calls it bounds how many they are.
func (i Letters) KeepAll(ctx context.Context, all []action.DeadLetter) error {
	for len(all) > 0 {
		var msgs []*nats.Msg
		for _, d := range all {
			msg, err := i.message(d)
			if err != nil {
				return err
			}
			if !i.fits(msg) {
				break
			}
			msgs = append(msgs, msg)
		}
		expect := func(int) []jetstream.PublishOpt { return []jetstream.PublishOpt{jetstream.WithExpectStream(i.Dead)} }
		for n, err := range i.StoreEach(ctx, i.Dead, msgs, expect) {
			if err == nil {
				continue
			}
			if err := i.Keep(ctx, all[n], 0); err != nil { // it may be there already
				return err
			}
		}
		all = all[len(msgs):]
		if len(all) > 0 { // this one's body goes apart
			if err := i.Keep(ctx, all[0], 0); err != nil {
				return err
			}
			all = all[1:]
		}
	}
	return nil
}

// Get reads one dead letter; the error is not_found when there is none. One that
// cannot be read has its Place beside the error, so that it can be taken out. The
// id is checked by who asks.
func (i Letters) Get(ctx context.Context, deliveryID string) (Letter, error) {
	m, ok, err := i.Last(ctx, i.Dead, wire.DeadSubject(i.ID, deliveryID))
	if err != nil {
		return Letter{}, err
	}
	if !ok {
		return Letter{}, None(deliveryID)
	}
	return i.letterOf(ctx, m)
}

// None is the error not_found of a delivery that has no dead letter.
func None(deliveryID string) error {
	return action.NewError(action.CodeNotFound, action.StageStore, "there is no dead letter "+deliveryID)
}

// LastPlace is the place of the newest dead letter; 0 when there never was one.
func (i Letters) LastPlace(ctx context.Context) (uint64, error) {
	info, err := i.State(ctx, i.Dead)
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

// Count is how many messages there are among the dead letters; a body that lies
// apart is one of its own.
func (i Letters) Count(ctx context.Context) (uint64, error) {
	info, err := i.State(ctx, i.Dead)
	if err != nil {
		return 0, err
	}
	return info.State.Msgs, nil
}

// Each reads the dead letters from a place on, oldest first, until do returns
// false. One that somebody else put there, without facts, is left out and
// logged once.
func (i Letters) Each(ctx context.Context, place uint64, do func(Letter) bool) error {
	for {
		batch, next, err := i.Batch(ctx, place)
		if err != nil || next == 0 {
			return err
		}
		for _, l := range batch {
			if !do(l) {
				return nil
			}
		}
		place = next
	}
}

// Batch reads some dead letters from a place on, oldest first, and tells where
// the next ones begin; 0 = there was nothing any more. It may be empty before
// that. One without facts is left out and logged once.
func (i Letters) Batch(ctx context.Context, place uint64) (batch []Letter, next uint64, err error) {
	all, err := i.Read(ctx, i.Dead, wire.DeadOf(i.ID), place, batchMost)
	if err != nil {
		return nil, 0, err
	}
	for _, m := range all {
		next = m.Sequence + 1
		if wire.IsDeadBody(m.Subject) {
			continue
		}
		l, err := i.letterOf(ctx, m)
		if !i.JudgeMessage(i.Dead, m.Sequence, err) {
			continue
		}
		batch = append(batch, l)
	}
	return batch, next, nil
}

// batchMost is how many are read at once.
const batchMost = 256

func (i Letters) letterOf(ctx context.Context, m bus.Message) (l Letter, err error) {
	l.Place, l.facts = m.Sequence, m.Header.Get(headerFacts)
	if l.DeadLetter, err = i.read(ctx, m.Header, m.Body, func(id string) bool { return m.Subject == wire.DeadSubject(i.ID, id) }); err != nil {
		return l, err
	}
	l.apart, err = apart(m.Header)
	return l, err
}

// All reads all dead letters, oldest first.
func (i Letters) All(ctx context.Context) ([]Letter, error) {
	var all []Letter
	err := i.Each(ctx, 1, func(l Letter) bool { all = append(all, l); return true })
	return all, err
}

// Redrive puts dead letters into the line that sends such again, in this order,
// each with its delivery id, and then takes them out of the dead letters. Dying
// in between leaves some in both, and doing it again sends each once. Who calls
// it bounds how many they are.
func (i Letters) Redrive(ctx context.Context, all []Letter) error {
	msgs := make([]*nats.Msg, len(all))
	for n, l := range all {
		msg := nats.NewMsg(wire.RedriveSubject(i.ID, l.DeliveryID))
		msg.Data = l.Body
		msg.Header.Set(headerFacts, l.facts)
		bus.SetFormat(msg.Header)
		msg.Header.Set(headerPlace, strconv.FormatUint(l.Place, 10))
		// Its body is stored anew, so that it does not age before it is sent. It
		// stays until then: an acknowledgement may be lost.
		if _, err := i.setApart(ctx, msg, l.DeliveryID); err != nil {
			return err
		}
		msgs[n] = msg
	}
	once := func(n int) []jetstream.PublishOpt {
		id := all[n].DeliveryID + "/" + strconv.FormatUint(all[n].Place, 10)
		return []jetstream.PublishOpt{jetstream.WithMsgID(id), jetstream.WithExpectStream(i.Async)}
	}
	for n, err := range i.StoreEach(ctx, i.Async, msgs, once) {
		if err == nil {
			continue
		}
		if _, err := i.Store(ctx, i.Async, msgs[n], once(n)...); err != nil {
			return err
		}
	}
	return i.Discard(ctx, all)
}

// Discard takes dead letters out for good.
func (i Letters) Discard(ctx context.Context, all []Letter) error {
	return bus.Together(len(all), func(n int) error { return i.drop(ctx, all[n]) })
}

// Forget takes out what lies at a place, if it is still there.
func (i Letters) Forget(ctx context.Context, place uint64) error {
	stream, err := i.Stream(ctx, i.Dead)
	if err != nil {
		return err
	}
	err = stream.DeleteMsg(ctx, place)
	if err == nil {
		i.JudgeMessage(i.Dead, place, nil)
		return nil
	}
	// What is gone already is gone; the server says so in words only.
	if _, gone := stream.GetMsg(ctx, place); errors.Is(gone, jetstream.ErrMsgNotFound) {
		return nil
	}
	return i.StreamFailure(ctx, i.Dead, err)
}

// ForgetOf is Forget for who was told the place by somebody: nothing but the letter
// of that delivery is taken out.
func (i Letters) ForgetOf(ctx context.Context, place uint64, deliveryID string) error {
	m, ok, err := i.At(ctx, i.Dead, place)
	if err != nil || !ok || m.Subject != wire.DeadSubject(i.ID, deliveryID) {
		return err
	}
	return i.Forget(ctx, place)
}

// ReadRedriven reads a dead letter that is sent again from its message, and the
// place that it had among the dead letters.
func (i Letters) ReadRedriven(ctx context.Context, msg *nats.Msg) (letter Letter, err error) {
	if letter.DeadLetter, err = i.read(ctx, msg.Header, msg.Data, func(id string) bool { return msg.Subject == wire.RedriveSubject(i.ID, id) }); err != nil {
		return letter, err
	}
	letter.Place, err = strconv.ParseUint(msg.Header.Get(headerPlace), 10, 64)
	return letter, err
}

// readFacts reads what a dead letter tells of itself. fits tells whether it lies
// where one of that delivery does.
func (i Letters) readFacts(h nats.Header, body []byte, fits func(id string) bool) (action.DeadLetter, error) {
	var d action.DeadLetter
	if err := bus.CheckMessage(h); err != nil {
		return d, err
	}
	err := bus.Decode([]byte(h.Get(headerFacts)), &d)
	if err == nil && (d.Instance != i.ID || d.DeliveryID == "" || len(d.DeliveryID) > action.MaxToken || !fits(d.DeliveryID)) {
		err = errors.New("they are of another delivery than where they lie")
	}
	for _, id := range []string{d.Org, d.Owner, d.Target, d.EventID, d.EventOrg, d.Aggregate} {
		if err == nil {
			err = action.CheckID(id)
		}
	}
	if err != nil {
		return action.DeadLetter{}, fmt.Errorf("a dead letter without readable facts: %w", err)
	}
	d.Body = body
	return d, nil
}

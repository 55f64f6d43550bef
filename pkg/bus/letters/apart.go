package letters

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// A dead letter is the event's body with its facts in a header. Where both do
// not fit into one message, the body lies in a message of its own, without any
// header: an event that could be stored can be stored once more. The letter
// then names the place of its body. A body without a letter is what a crash
// left; it goes with its age.

// headerApart is the place of a letter's body among the dead letters.
const headerApart = "Callout-Dead-Body"

// letterRoom is what the server and the client may add to the headers of a
// letter, in bytes.
const letterRoom = 512

// fits tells whether a message is within what the server takes.
func (i Letters) fits(msg *nats.Msg) bool {
	size := len(msg.Data) + letterRoom
	for name, values := range msg.Header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	return size <= i.MaxBody()
}

// setApart moves the body of a message to one of its own when it does not fit,
// and tells where that is; 0 = it was not moved.
func (i Letters) setApart(ctx context.Context, msg *nats.Msg, deliveryID string) (place uint64, err error) {
	if i.fits(msg) {
		return 0, nil
	}
	ack, err := i.Store(ctx, i.Dead, &nats.Msg{Subject: wire.DeadBodySubject(i.ID, deliveryID, nuid.Next()), Data: msg.Data})
	if err != nil {
		return 0, err
	}
	msg.Data = nil
	msg.Header.Set(headerApart, strconv.FormatUint(ack.Sequence, 10))
	return ack.Sequence, nil
}

// apart is the place of the body that a message's header names, 0 = it is with
// the message.
func apart(h nats.Header) (uint64, error) {
	text := h.Get(headerApart)
	if text == "" {
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// read reads a dead letter with its body, wherever that is; see readFacts.
func (i Letters) read(ctx context.Context, h nats.Header, data []byte, fits func(id string) bool) (action.DeadLetter, error) {
	d, err := i.readFacts(h, data, fits)
	if err != nil {
		return d, err
	}
	place, err := apart(h)
	if err != nil || place == 0 {
		return d, err
	}
	m, ok, err := i.At(ctx, i.Dead, place)
	if err != nil {
		return d, err
	}
	if !ok || !strings.HasPrefix(m.Subject, wire.DeadBodySubject(i.ID, d.DeliveryID, "")) {
		return d, action.NewError(action.CodeNotFound, action.StageStore, "the body of a dead letter is gone").WithCause(fmt.Errorf("%s at %d", d.DeliveryID, place))
	}
	d.Body = m.Body
	return d, nil
}

// drop takes out a dead letter, and then its body when that is apart.
func (i Letters) drop(ctx context.Context, l Letter) error {
	if err := i.Forget(ctx, l.Place); err != nil || l.apart == 0 {
		return err
	}
	return i.Forget(ctx, l.apart)
}

package bus

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Standing is how a line stands, by the server's numbers and its record.
type Standing struct {
	Backlog
	Redelivered int               // in work and handed out before
	Paused      bool              // somebody stopped it
	Held        bool              // it hands out nothing now, also when only for a moment
	LastAck     time.Time         // when it last went on; zero = never
	Record      action.LineRecord // zero = it never failed
	Oldest      time.Time         // when the first event that waits was stored; zero = none waits
}

// standsFrom is how long a pause without an end lasts at least.
const standsFrom = 365 * 24 * time.Hour

// Standing asks the server how a line stands.
func (b *Bus) Standing(ctx context.Context, l Line) (Standing, error) {
	c, err := b.js.Consumer(ctx, l.Stream(), l.Name)
	if err != nil {
		return Standing{}, failure(err)
	}
	info := c.CachedInfo()
	s := Standing{
		Backlog:     Backlog{Pending: info.NumPending, InWork: info.NumAckPending, Floor: info.AckFloor.Stream},
		Redelivered: info.NumRedelivered, Paused: info.Paused && info.PauseRemaining > standsFrom, Held: info.Paused, LastAck: lastAck(info),
	}
	if s.Record, err = b.lineRecord(ctx, l); err != nil {
		return s, err
	}
	if s.Lag() == 0 {
		return s, nil
	}
	head, ok, err := b.Head(ctx, l)
	if ok {
		s.Oldest = head.StoredAt
	}
	return s, err
}

// Message is a stored message of a line.
type Message struct {
	Subject  string
	Sequence uint64
	StoredAt time.Time
	Body     []byte
}

// Head reads the first message of a line that is not done; ok is false when
// there is none.
func (b *Bus) Head(ctx context.Context, l Line) (Message, bool, error) {
	backlog, err := b.Backlog(ctx, l)
	if err != nil {
		return Message{}, false, err
	}
	return b.NextOf(ctx, l, max(backlog.Floor+1, l.Cut))
}

// NextOf reads the first message at or behind a sequence that a line's filter
// takes.
func (b *Bus) NextOf(ctx context.Context, l Line, sequence uint64) (Message, bool, error) {
	stream, err := b.js.Stream(ctx, l.Stream())
	if err != nil {
		return Message{}, false, failure(err)
	}
	raw, err := stream.GetMsg(ctx, max(sequence, 1), jetstream.WithGetMsgSubject(l.filter()))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Message{}, false, nil
	}
	if err != nil {
		return Message{}, false, failure(err)
	}
	return Message{Subject: raw.Subject, Sequence: raw.Sequence, StoredAt: raw.Time, Body: raw.Data}, true, nil
}

// MoveTo sets a line's position: the message at sequence is handed out next,
// at once, whatever wait was in force.
func (b *Bus) MoveTo(ctx context.Context, l Line, sequence uint64) error {
	if _, err := b.js.ResetConsumerToSequence(ctx, l.Stream(), l.Name, sequence); err != nil {
		return failure(err)
	}
	return nil
}

// LastSequence is the sequence of the newest message of an instance's events.
func (b *Bus) LastSequence(ctx context.Context, instance string) (uint64, error) {
	stream, err := b.js.Stream(ctx, EventStream(instance))
	if err != nil {
		return 0, failure(err)
	}
	return stream.CachedInfo().State.LastSeq, nil
}

// SequenceAt is the sequence of the first event stored at or after a time, or
// the one that the next message will have.
func (b *Bus) SequenceAt(ctx context.Context, instance string, at time.Time) (uint64, error) {
	request, err := json.Marshal(struct {
		Batch int       `json:"batch"`
		Next  string    `json:"next_by_subj"`
		Start time.Time `json:"start_time"`
	}{1, "callout.event." + wire.Token(instance) + ".>", at.UTC()})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	w, err := b.answers.open(b.nc)
	if err != nil {
		return 0, failure(err)
	}
	defer b.answers.close(w)
	if err := b.nc.PublishRequest("$JS.API.DIRECT.GET."+EventStream(instance), w.reply, request); err != nil {
		return 0, failure(err)
	}
	msg, err := w.next(ctx, nil)
	if err != nil {
		return 0, failure(err)
	}
	if msg.Header.Get("Status") != "" { // nothing since then
		last, err := b.LastSequence(ctx, instance)
		return last + 1, err
	}
	return strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
}

package bus

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of Read, how long its whole answer is waited for, and how long one message
// alone.
const (
	readMost  = 512
	readBytes = 8 << 20
	readFor   = 10 * time.Second
	oneFor    = 5 * time.Second
)

// Read reads the messages of a stream that a filter takes, from a sequence on,
// oldest first: at most most, 512 and 8 MiB of them, but one at least. Nothing
// lies behind them when there are none. One question brings them all; NextOf of
// a line asks for each.
func (b *Bus) Read(ctx context.Context, stream, filter string, from uint64, most int) ([]Message, error) {
	ask, err := json.Marshal(struct {
		From  uint64 `json:"seq"`
		Next  string `json:"next_by_subj"`
		Batch int    `json:"batch"`
		Bytes int    `json:"max_bytes"`
	}{max(from, 1), filter, min(most, readMost), readBytes})
	if err != nil {
		return nil, err
	}
	ctx, cancel := b.Session(ctx, time.Now().Add(readFor))
	defer cancel()
	arrived := make(chan *nats.Msg, readMost+1) // and the end
	sub, err := b.nc.ChanSubscribe(b.nc.NewInbox(), arrived)
	if err != nil {
		return nil, Failure(err)
	}
	defer func() { _ = sub.Unsubscribe() }() // only fails when the connection is gone
	if err := b.nc.PublishRequest("$JS.API.DIRECT.GET."+stream, sub.Subject, ask); err != nil {
		return nil, Failure(err)
	}
	var all []Message
	for {
		var msg *nats.Msg
		select {
		case msg = <-arrived:
		case <-ctx.Done():
			return nil, Failure(context.Cause(ctx))
		}
		switch status := StatusOf(msg); status {
		case "":
			m, err := readMessage(msg)
			if err != nil {
				return nil, Failure(err)
			}
			all = append(all, m)
		case "204", "404": // that was all, or there is nothing
			return all, nil
		case statusNobody:
			return nil, Failure(b.missing(ctx, stream, nats.ErrNoResponders))
		default:
			return nil, Failure(&badRead{status, msg.Header.Get("Description")})
		}
	}
}

// Next reads the first message at or behind a sequence that a filter takes; ok is
// false when there is none. Like Last and At it waits for five seconds at most.
func (b *Bus) Next(ctx context.Context, stream, filter string, from uint64) (m Message, ok bool, err error) {
	return b.one(ctx, stream, struct {
		From uint64 `json:"seq"`
		Next string `json:"next_by_subj"`
	}{max(from, 1), filter})
}

// LeadersNext is Next by the word of who leads the stream, and tells the sequence alone.
// Any replica may answer the other questions, and one that is behind does not know of what
// was stored last: where it is concluded that there is nothing, the leader is asked.
func (b *Bus) LeadersNext(ctx context.Context, stream, filter string, from uint64) (sequence uint64, ok bool, err error) {
	ask, err := json.Marshal(struct {
		From uint64 `json:"seq"`
		Next string `json:"next_by_subj"`
	}{max(from, 1), filter})
	if err != nil {
		return 0, false, err
	}
	ctx, cancel := b.Session(ctx, time.Now().Add(oneFor))
	defer cancel()
	msg, err := b.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, ask)
	if err != nil {
		return 0, false, Failure(b.missing(ctx, stream, err))
	}
	var a struct {
		Message struct {
			Sequence uint64 `json:"seq"`
		} `json:"message"`
		Error *jetstream.APIError `json:"error"`
	}
	switch err := json.Unmarshal(msg.Data, &a); {
	case err != nil:
		return 0, false, Failure(err)
	case a.Error != nil && a.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return 0, false, nil
	case a.Error != nil:
		return 0, false, Failure(b.missing(ctx, stream, a.Error))
	}
	return a.Message.Sequence, true, nil
}

// Last reads the newest message of a subject.
func (b *Bus) Last(ctx context.Context, stream, subject string) (m Message, ok bool, err error) {
	return b.one(ctx, stream, struct {
		Last string `json:"last_by_subj"`
	}{subject})
}

// At reads the message at a sequence.
func (b *Bus) At(ctx context.Context, stream string, sequence uint64) (m Message, ok bool, err error) {
	if sequence == 0 { // which would ask for nothing
		return m, false, nil
	}
	return b.one(ctx, stream, struct {
		At uint64 `json:"seq"`
	}{sequence})
}

func (b *Bus) one(ctx context.Context, stream string, ask any) (m Message, ok bool, err error) {
	err = b.direct(ctx, oneFor, stream, ask, func(msg *nats.Msg) (last bool, err error) {
		switch status := StatusOf(msg); status {
		case "":
			m, err = readMessage(msg)
			ok = err == nil
		case "404":
		default:
			err = &badRead{status, msg.Header.Get("Description")}
		}
		return true, err
	})
	if err != nil {
		return Message{}, false, Failure(err)
	}
	return m, ok, nil
}

// badRead is a question that the server did not answer.
type badRead struct{ status, description string }

func (e *badRead) Error() string { return e.status + " " + e.description }

// headerSequence is where the server tells the sequence of a message that was asked
// for.
const headerSequence = "Nats-Sequence"

// StatusOf is what the server says in an answer that is no message; "" = it is one.
// The headers of a message are its publisher's, who may have named one Status too:
// a delivery is to be acknowledged, and what was asked for has a sequence.
func StatusOf(msg *nats.Msg) string {
	if msg.Reply != "" || len(msg.Header[headerSequence]) > 0 {
		return ""
	}
	return msg.Header.Get("Status")
}

// told is what the server tells of a message in a header. It stands behind what the
// publisher may have written there.
func told(h nats.Header, key string) string {
	if all := h[key]; len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

// SequenceOf is the sequence of a message that was asked for.
func SequenceOf(msg *nats.Msg) (uint64, error) {
	return strconv.ParseUint(told(msg.Header, headerSequence), 10, 64)
}

// readMessage takes what the server says of a message out of its headers.
func readMessage(msg *nats.Msg) (m Message, err error) {
	m = Message{Subject: told(msg.Header, "Nats-Subject"), Header: msg.Header, Body: msg.Data}
	if m.Sequence, err = SequenceOf(msg); err != nil {
		return m, err
	}
	m.StoredAt, err = time.Parse(time.RFC3339Nano, told(msg.Header, "Nats-Time-Stamp"))
	return m, err
}

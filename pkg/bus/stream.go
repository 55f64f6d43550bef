package bus

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Message is a message as it lies in a stream.
type Message struct {
	Subject  string
	Sequence uint64
	StoredAt time.Time
	Header   nats.Header
	Body     []byte
}

// directFor is how long the answer to one read is waited for.
const directFor = 2 * time.Second

// Direct asks a stream for messages, in the words of JetStream's DIRECT.GET, and
// hands each answer to do until that says that it was the last. StatusOf tells which
// answer is none of the messages.
func (b *Bus) Direct(ctx context.Context, stream string, ask any, do func(*nats.Msg) (last bool, err error)) error {
	return b.direct(ctx, directFor, stream, ask, do)
}

func (b *Bus) direct(ctx context.Context, wait time.Duration, stream string, ask any, do func(*nats.Msg) (last bool, err error)) error {
	request, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	ctx, cancel := b.Session(ctx, time.Now().Add(wait))
	defer cancel()
	w, err := b.answers.open(b.nc)
	if err != nil {
		return Failure(err)
	}
	defer b.answers.close(w)
	if err := b.nc.PublishRequest("$JS.API.DIRECT.GET."+stream, w.reply, request); err != nil {
		return Failure(err)
	}
	for {
		msg, err := w.next(ctx, nil)
		if err == nil && StatusOf(msg) == statusNobody {
			err = nats.ErrNoResponders
		}
		if err != nil {
			return Failure(b.missing(ctx, stream, orRenewed(ctx, err)))
		}
		if last, err := do(msg); last || err != nil {
			return err
		}
	}
}

// Stream gives a stream to read from and write to. What it tells of its state is
// old; see State.
func (b *Bus) Stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if s, ok := b.streams.Load(name); ok {
		return s.(jetstream.Stream), nil
	}
	return b.fresh(ctx, name)
}

func (b *Bus) fresh(ctx context.Context, name string) (jetstream.Stream, error) {
	s, err := b.js.Stream(ctx, name)
	if err != nil {
		return nil, Failure(b.missing(ctx, name, err))
	}
	b.note(s.CachedInfo())
	b.streams.Store(name, s)
	return s, nil
}

// State asks the server how a stream is configured and how it stands.
func (b *Bus) State(ctx context.Context, name string) (*jetstream.StreamInfo, error) {
	s, err := b.fresh(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.CachedInfo(), nil
}

// StreamFailure is Failure for who used a stream: missing when it is not there.
func (b *Bus) StreamFailure(ctx context.Context, name string, err error) error {
	return Failure(b.missing(ctx, name, err))
}

// LastSequence is the sequence of the newest message of the event stream.
func (i Instance) LastSequence(ctx context.Context) (uint64, error) {
	info, err := i.State(ctx, i.Events)
	if err != nil {
		return 0, err
	}
	return info.State.LastSeq, nil
}

// SequenceAt is the sequence of the first event stored at or after a time, or
// the one that the next message will have.
func (i Instance) SequenceAt(ctx context.Context, at time.Time) (sequence uint64, err error) {
	return i.SequenceSince(ctx, i.Events, "callout.event."+i.Token+".>", at)
}

// SequenceSince is the sequence of the first message of a stream that a filter
// takes and that was stored at or after a time, or the one that the next message
// will have.
func (b *Bus) SequenceSince(ctx context.Context, stream, filter string, at time.Time) (sequence uint64, err error) {
	ask := struct {
		Batch int       `json:"batch"`
		Next  string    `json:"next_by_subj"`
		Start time.Time `json:"start_time"`
	}{1, filter, at.UTC()}
	err = b.Direct(ctx, stream, ask, func(msg *nats.Msg) (bool, error) {
		if StatusOf(msg) != "" { // nothing since then
			info, err := b.State(ctx, stream)
			if err == nil {
				sequence = info.State.LastSeq + 1
			}
			return true, err
		}
		var err error
		sequence, err = SequenceOf(msg)
		return true, err
	})
	return sequence, err
}

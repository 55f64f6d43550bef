package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// marker is the small message in an instance's event stream that carries a
// catalog revision. Its sequence is the cut: events behind it are matched with
// that revision.
type marker struct {
	Revision uint64 `json:"revision"`
	cut      uint64
}

// putMarker publishes a marker behind the one at sequence last. It carries no
// message id: deduplication is stream-wide, an event could swallow it.
func (b *Bus) putMarker(ctx context.Context, instance string, revision, last uint64) (cut uint64, err error) {
	body, err := json.Marshal(marker{Revision: revision})
	if err != nil {
		return 0, err
	}
	ack, err := b.js.Publish(ctx, wire.Marker(instance), body,
		jetstream.WithExpectStream(EventStream(instance)), jetstream.WithExpectLastSequencePerSubject(last))
	if isCode(err, codeWrongLastSeq) {
		return 0, action.NewError(action.CodeConflict, action.StageCatalog, "").WithCause(err)
	}
	if err != nil {
		return 0, failure(err)
	}
	return ack.Sequence, nil
}

func (b *Bus) lastMarker(ctx context.Context, instance string) (marker, error) {
	stream, err := b.js.Stream(ctx, EventStream(instance))
	if err != nil {
		return marker{}, failure(err)
	}
	raw, err := stream.GetLastMsgForSubject(ctx, wire.Marker(instance))
	if err != nil {
		return marker{}, failure(err)
	}
	m := marker{cut: raw.Sequence}
	return m, json.Unmarshal(raw.Data, &m)
}

// firstMarker puts revision 0 at the head of a new stream, so that every event
// has a marker below it.
func (b *Bus) firstMarker(ctx context.Context, instance string) error {
	stream, err := b.js.Stream(ctx, EventStream(instance))
	if err != nil {
		return failure(err)
	}
	if stream.CachedInfo().State.LastSeq > 0 {
		if _, err := stream.GetLastMsgForSubject(ctx, wire.Marker(instance)); err == nil {
			return nil
		}
	}
	_, err = b.putMarker(ctx, instance, 0, 0)
	if action.CodeOf(err) == action.CodeConflict { // another dispatcher was first
		return nil
	}
	return err
}

// span is a run of sequences whose revision is known.
type span struct{ from, to, revision uint64 }

// Ledger tells which catalog revision was in force at a sequence of an
// instance's stream. What it has read it does not read again.
type Ledger struct {
	bus      *Bus
	instance string
	mu       sync.Mutex
	spans    []span // by from, not overlapping
}

// Ledger opens the ledger of an instance.
func (b *Bus) Ledger(instance string) *Ledger { return &Ledger{bus: b, instance: instance} }

const maxSpans = 1024

// RevisionAt gives the revision in force when the event at seq was stored. One
// read serves a backlog: its bound says up to where nothing newer exists.
func (l *Ledger) RevisionAt(ctx context.Context, seq uint64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r, ok := l.known(seq); ok {
		return r, nil
	}
	m, bound, err := l.bus.markerUpTo(ctx, l.instance, 0)
	if err != nil {
		return 0, err
	}
	if bound < seq { // a replica that has not seen the event yet
		return 0, action.NewError(action.CodeUnavailable, action.StageBus, "a stale replica of the event stream answered")
	}
	if m.cut <= seq {
		l.learn(span{m.cut, bound, m.Revision})
		return m.Revision, nil
	}
	l.learn(span{m.cut, bound, m.Revision})
	if m, _, err = l.bus.markerUpTo(ctx, l.instance, seq); err != nil {
		return 0, err
	}
	l.learn(span{m.cut, seq, m.Revision})
	return m.Revision, nil
}

func (l *Ledger) known(seq uint64) (uint64, bool) {
	i, _ := slices.BinarySearchFunc(l.spans, seq, func(s span, seq uint64) int {
		if s.to < seq {
			return -1
		}
		return 1
	})
	if i < len(l.spans) && l.spans[i].from <= seq {
		return l.spans[i].revision, true
	}
	return 0, false
}

func (l *Ledger) learn(s span) {
	for i := range l.spans {
		if l.spans[i].from == s.from {
			l.spans[i].to = max(l.spans[i].to, s.to)
			return
		}
	}
	if len(l.spans) >= maxSpans {
		l.spans = slices.Delete(l.spans, 0, maxSpans/2)
	}
	l.spans = append(l.spans, s)
	slices.SortFunc(l.spans, func(a, b span) int { return int(int64(a.from) - int64(b.from)) })
}

// markerUpTo reads the newest marker at or below seq (0 = of all), and the
// bound up to which that holds, in one round trip.
func (b *Bus) markerUpTo(ctx context.Context, instance string, seq uint64) (marker, uint64, error) {
	request, err := json.Marshal(struct {
		Subjects []string `json:"multi_last"`
		UpTo     uint64   `json:"up_to_seq,omitempty"`
	}{[]string{wire.Marker(instance)}, seq})
	if err != nil {
		return marker{}, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	w, err := b.answers.open(b.nc)
	if err != nil {
		return marker{}, 0, failure(err)
	}
	defer b.answers.close(w)
	if err := b.nc.PublishRequest("$JS.API.DIRECT.GET."+EventStream(instance), w.reply, request); err != nil {
		return marker{}, 0, failure(err)
	}
	var found *marker
	for {
		msg, err := w.next(ctx, nil)
		if err != nil {
			return marker{}, 0, failure(err)
		}
		switch status := msg.Header.Get("Status"); {
		case status == "204" && found != nil:
			bound, err := strconv.ParseUint(msg.Header.Get("Nats-UpTo-Sequence"), 10, 64)
			return *found, bound, err
		case status == "404":
			return marker{}, 0, errNoMarker
		case status != "":
			return marker{}, 0, action.NewError(action.CodeUnavailable, action.StageBus, "").
				WithCause(fmt.Errorf("marker of %s: %s %s", instance, status, msg.Header.Get("Description")))
		}
		if found, err = readMarker(msg); err != nil {
			return marker{}, 0, err
		}
	}
}

// errNoMarker is the error of a stream without a marker up to a sequence.
var errNoMarker = action.NewError(action.CodeUnavailable, action.StageBus, "the event stream has no catalog marker there")

// markerBelow reads the newest marker below a sequence; found is false when
// there is none.
func (b *Bus) markerBelow(ctx context.Context, instance string, seq uint64) (m marker, found bool, err error) {
	if seq <= 1 {
		return m, false, nil
	}
	m, _, err = b.markerUpTo(ctx, instance, seq-1)
	if errors.Is(err, errNoMarker) {
		return m, false, nil
	}
	return m, err == nil, err
}

func readMarker(msg *nats.Msg) (*marker, error) {
	var m marker
	if err := json.Unmarshal(msg.Data, &m); err != nil {
		return nil, fmt.Errorf("catalog marker: %w", err)
	}
	var err error
	m.cut, err = strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
	return &m, err
}

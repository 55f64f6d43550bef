package revisions

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

// marker is the small message in an instance's event stream that carries a
// catalog revision. Its sequence is the cut: events behind it are matched with
// that revision.
type marker struct {
	Format   int    `json:"format,omitempty"`
	Revision uint64 `json:"revision"`
	cut      uint64
}

// putMarker publishes a marker behind the one at sequence last. It carries no
// message id: deduplication is stream-wide, an event could swallow it.
func (i Revisions) putMarker(ctx context.Context, revision, last uint64) (cut uint64, err error) {
	body, err := json.Marshal(marker{Format: action.Format, Revision: revision})
	if err != nil {
		return 0, err
	}
	ack, err := i.storeMarker(ctx, body, last)
	for given := 0; given < roomTries && bus.IsCode(err, bus.CodeStreamFull); given++ {
		if err := i.GiveRoom(ctx); err != nil {
			return 0, err
		}
		ack, err = i.storeMarker(ctx, body, last)
	}
	if bus.IsConflict(err) {
		return 0, action.NewError(action.CodeConflict, action.StageCatalog, "").WithCause(err)
	}
	if err != nil {
		return 0, bus.NotStored(i.StreamFailure(ctx, i.Events, err))
	}
	return ack.Sequence, nil
}

// roomTries is how often a marker is given room in a stream that is full: who publishes
// meanwhile may take it.
const roomTries = 5

func (i Revisions) storeMarker(ctx context.Context, body []byte, last uint64) (*jetstream.PubAck, error) {
	return i.JetStream().Publish(ctx, wire.Marker(i.ID), body,
		jetstream.WithExpectStream(i.Events), jetstream.WithExpectLastSequencePerSubject(last))
}

// Markers counts those in the event stream, which are no events.
func (i Revisions) Markers(ctx context.Context) (uint64, error) {
	stream, err := i.Stream(ctx, i.Events)
	if err != nil {
		return 0, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(wire.Marker(i.ID)))
	if err != nil {
		return 0, i.StreamFailure(ctx, i.Events, err)
	}
	return info.State.Subjects[wire.Marker(i.ID)], nil
}

// lastMarker reads the newest marker; the error is missing when there is none, and
// unreadable for one that is not to be believed: see follows.
func (i Revisions) lastMarker(ctx context.Context) (marker, error) {
	m, err := i.rawMarker(ctx)
	if err == nil {
		err = i.follows(ctx, m)
	}
	if err != nil {
		return marker{}, err
	}
	return m, nil
}

// follows is the error unreadable for a marker behind one of a higher revision: each
// edit has a higher one, so somebody else put it there. Believed, events would be
// taken for those of a catalog that is long out of force.
func (i Revisions) follows(ctx context.Context, m marker) error {
	below, found, err := i.readableBelow(ctx, m.cut)
	if err != nil || !found || below.Revision <= m.Revision {
		return err
	}
	return unreadable(fmt.Sprintf("the catalog marker at %d of the event stream of instance %q goes back from revision %d to %d, and", m.cut, i.ID, below.Revision, m.Revision), nil)
}

// maxStray bounds how many markers in a row are passed over that cannot be read.
const maxStray = 100

// readableBelow reads the newest marker below a sequence that can be read: others
// count for nothing.
func (i Revisions) readableBelow(ctx context.Context, seq uint64) (m marker, found bool, err error) {
	for range maxStray {
		if m, found, err = i.markerBelow(ctx, seq); action.CodeOf(err) != action.CodeUnreadable {
			return m, found, err
		}
		seq = m.cut
	}
	return m, found, err
}

// rawMarker reads the newest marker as it is. One that cannot be read has its place
// beside the error.
func (i Revisions) rawMarker(ctx context.Context) (marker, error) {
	m, ok, err := i.Last(ctx, i.Events, wire.Marker(i.ID))
	if err != nil {
		return marker{}, err
	}
	if !ok {
		return marker{}, i.noMarker()
	}
	return readMarker(m.Body, m.Sequence)
}

// PutBack puts a marker into an event stream that has none: a new one begins
// with revision 0, and one that lost its markers, as by a purge, goes on with
// the revision that the root names. put tells whether it had to.
func (i Revisions) PutBack(ctx context.Context) (put bool, err error) {
	if _, err := i.rawMarker(ctx); !i.isNoMarker(err) {
		return false, err
	}
	root, _, err := i.Current(ctx)
	if err != nil {
		return false, err
	}
	_, err = i.putMarker(ctx, root.Revision, 0)
	if action.CodeOf(err) == action.CodeConflict { // another dispatcher was first
		return false, nil
	}
	return err == nil, err
}

// noMarker is the error of an event stream without any marker.
func (i Revisions) noMarker() error {
	return action.NewError(action.CodeMissing, action.StageBus,
		fmt.Sprintf("the event stream of instance %q has no catalog marker: somebody removed it, a dispatcher puts it back", i.ID)).WithCause(errNoMarker)
}

func (i Revisions) isNoMarker(err error) bool { return errors.Is(err, errNoMarker) }

var errNoMarker = errors.New("no marker")

// markerUpTo reads the newest marker at or below seq (0 = of all), and the bound
// up to which that holds, in one round trip. found is false when there is none.
func (i Revisions) markerUpTo(ctx context.Context, seq uint64) (m marker, bound uint64, found bool, err error) {
	ask := struct {
		Subjects []string `json:"multi_last"`
		UpTo     uint64   `json:"up_to_seq,omitempty"`
	}{[]string{wire.Marker(i.ID)}, seq}
	err = i.Direct(ctx, i.Events, ask, func(msg *nats.Msg) (bool, error) {
		switch status := bus.StatusOf(msg); {
		case status == "204" && found:
			var err error
			bound, err = strconv.ParseUint(msg.Header.Get("Nats-UpTo-Sequence"), 10, 64)
			return true, err
		case status == "404":
			return true, nil
		case status != "":
			return true, action.NewError(action.CodeUnavailable, action.StageBus, "NATS does not tell which catalog was in force").
				WithCause(fmt.Errorf("marker of %s: %s %s", i.ID, status, msg.Header.Get("Description")))
		}
		at, err := bus.SequenceOf(msg)
		if err == nil {
			m, err = readMarker(msg.Data, at)
		}
		found = err == nil
		return false, err
	})
	return m, bound, found && err == nil, err
}

// firstMarker reads the oldest marker that is kept.
func (i Revisions) firstMarker(ctx context.Context) (marker, error) {
	m, found, err := i.markerFrom(ctx, 1)
	if err == nil && !found {
		err = i.noMarker()
	}
	return m, err
}

// markerFrom reads the oldest marker at or behind a sequence; found is false when
// there is none.
func (i Revisions) markerFrom(ctx context.Context, seq uint64) (m marker, found bool, err error) {
	at, ok, err := i.Next(ctx, i.Events, wire.Marker(i.ID), seq)
	if err != nil || !ok {
		return m, false, err
	}
	m, err = readMarker(at.Body, at.Sequence)
	return m, err == nil, err
}

// markerBelow reads the newest marker below a sequence; found is false when
// there is none.
func (i Revisions) markerBelow(ctx context.Context, seq uint64) (m marker, found bool, err error) {
	if seq <= 1 {
		return m, false, nil
	}
	m, _, found, err = i.markerUpTo(ctx, seq-1)
	return m, found, err
}

func readMarker(raw []byte, at uint64) (marker, error) {
	m := marker{cut: at}
	err := bus.Decode(raw, &m)
	if err == nil {
		err = action.CheckFormat(m.Format)
	}
	if err != nil {
		return marker{cut: at}, unreadable(fmt.Sprintf("the catalog marker at %d of the event stream", at), err)
	}
	return m, nil
}

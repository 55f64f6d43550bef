package lines

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// Backlog is what a line has before it, by the server's own count.
type Backlog struct {
	Pending uint64 // not yet handed out
	InWork  int    // handed out, not yet acknowledged
	Floor   uint64 // every sequence up to it is done
}

// Lag is all that waits or is in work.
func (l Backlog) Lag() uint64 { return l.Pending + uint64(l.InWork) }

// info asks the server for a line's consumer. IsLost tells of the error that it
// is not there.
func (i Lines) info(ctx context.Context, l Line) (*jetstream.ConsumerInfo, error) {
	c, err := i.JetStream().Consumer(ctx, i.stream(l), l.Name)
	if err != nil {
		return nil, i.failure(ctx, l, err)
	}
	return c.CachedInfo(), nil
}

// Backlog asks the server. One reading may be a moment behind a publish:
// nothing is concluded from a single zero.
func (i Lines) Backlog(ctx context.Context, l Line) (Backlog, error) {
	if l.Packed() {
		p, err := i.countedOf(ctx, l)
		return p.standing(0).Backlog, err
	}
	info, err := i.info(ctx, l)
	if err != nil {
		return Backlog{}, err
	}
	return backlogOf(info), nil
}

// Floor is the sequence up to which everything of a line is done.
func (i Lines) Floor(ctx context.Context, l Line) (uint64, error) {
	if l.Packed() {
		p, err := i.placementOf(ctx, l)
		return p.Floor, err
	}
	backlog, err := i.Backlog(ctx, l)
	return backlog.Floor, err
}

func backlogOf(info *jetstream.ConsumerInfo) Backlog {
	return Backlog{Pending: info.NumPending, InWork: info.NumAckPending, Floor: info.AckFloor.Stream}
}

// LastAck is when a line last went on; zero = never.
func (i Lines) LastAck(ctx context.Context, l Line) (time.Time, error) {
	if l.Packed() {
		p, err := i.placementOf(ctx, l)
		return p.Moved, err
	}
	info, err := i.info(ctx, l)
	if err != nil {
		return time.Time{}, err
	}
	return lastAck(info), nil
}

func lastAck(info *jetstream.ConsumerInfo) time.Time {
	if info.AckFloor.Last == nil {
		return time.Time{}
	}
	return *info.AckFloor.Last
}

// HandedOut is the highest sequence that a line has ever handed out.
func (i Lines) HandedOut(ctx context.Context, l Line) (uint64, error) {
	if l.Packed() {
		p, err := i.placementOf(ctx, l)
		return p.Handed, err
	}
	info, err := i.info(ctx, l)
	if err != nil {
		return 0, err
	}
	return info.Delivered.Stream, nil
}

// Standing is how a line stands, by the server's numbers and its record.
type Standing struct {
	Backlog
	Redelivered int               // in work and handed out before
	Paused      bool              // somebody stopped it
	Held        bool              // it hands out nothing now, also when only for a moment
	AckWait     time.Duration     // of its consumer
	LastAck     time.Time         // when it last went on; zero = never
	Record      action.LineRecord // zero = it never failed
	Oldest      time.Time         // when the first event that waits was stored; zero = none waits
}

// standsFrom is how long a pause without an end lasts at least.
const standsFrom = 365 * 24 * time.Hour

// Standing asks the server how a line stands.
func (i Lines) Standing(ctx context.Context, l Line) (Standing, error) {
	var s Standing
	if l.Packed() {
		p, err := i.countedOf(ctx, l)
		if err != nil {
			return s, err
		}
		s = p.standing(cmp.Or(l.AckWait, i.AckWait()))
	} else {
		info, err := i.info(ctx, l)
		if err != nil {
			return s, err
		}
		s = standingOf(info)
	}
	var err error
	if s.Record, err = i.LineRecord(ctx, l); err != nil {
		return s, err
	}
	if s.Lag() == 0 {
		return s, nil
	}
	head, ok, err := i.NextOf(ctx, l, max(s.Floor+1, l.Cut))
	if ok {
		s.Oldest = head.StoredAt
	}
	return s, err
}

// standingOf is what the server itself knows.
func standingOf(info *jetstream.ConsumerInfo) Standing {
	return Standing{
		Backlog: backlogOf(info), Redelivered: info.NumRedelivered, AckWait: info.Config.AckWait,
		Paused: info.Paused && info.PauseRemaining > standsFrom, Held: info.Paused, LastAck: lastAck(info),
	}
}

// Head reads the first message of a line that is not done; ok is false when
// there is none.
func (i Lines) Head(ctx context.Context, l Line) (bus.Message, bool, error) {
	floor, err := i.Floor(ctx, l)
	if err != nil {
		return bus.Message{}, false, err
	}
	return i.NextOf(ctx, l, max(floor+1, l.Cut))
}

// NextOf reads the first message at or behind a sequence that a line's filter
// takes.
func (i Lines) NextOf(ctx context.Context, l Line, sequence uint64) (bus.Message, bool, error) {
	return i.Next(ctx, i.stream(l), l.filter(), sequence)
}

// MoveTo sets a line's position: the message at sequence is handed out next,
// at once, whatever wait was in force.
func (i Lines) MoveTo(ctx context.Context, l Line, sequence uint64) error {
	if l.Packed() {
		return i.tell(ctx, l, question{Do: askMove, To: sequence})
	}
	if _, err := i.JetStream().ResetConsumerToSequence(ctx, i.stream(l), l.Name, sequence); err != nil {
		return i.failure(ctx, l, err)
	}
	return nil
}

// take takes a message out of a stream for good. One that is not there is no
// error.
func (i Lines) take(ctx context.Context, from string, sequence uint64) error {
	stream, err := i.Stream(ctx, from)
	if err != nil {
		return err
	}
	err = stream.DeleteMsg(ctx, sequence)
	if err == nil {
		return nil
	}
	// What is gone already is gone; the server says so in words only.
	if _, gone := stream.GetMsg(ctx, sequence); errors.Is(gone, jetstream.ErrMsgNotFound) {
		return nil
	}
	return i.StreamFailure(ctx, from, err)
}

package lines

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// An unordered line has no head. Each delivery that fails has a record of its
// own, and the line's record says how one of them failed last, or why the whole
// line stands.

// ShowFailure writes how a delivery of an unordered line failed last, unless the
// line stands or somebody else writes at this moment.
func (i Lines) ShowFailure(ctx context.Context, l Line, r action.LineRecord) error {
	r.Format = action.Format
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	v, there, err := i.book().Get(ctx, l.RecordKey())
	if err != nil {
		return err
	}
	if there {
		if now, err := readRecord(v.Key, v.Bytes); action.CodeOf(err) == action.CodeNewer || err == nil && (now.State == action.LineStopped || now.State == action.LinePaused) {
			return err
		}
	}
	_, err = i.book().Update(ctx, l.RecordKey(), raw, v.Revision)
	if action.CodeOf(err) == action.CodeConflict {
		return nil
	}
	return err
}

// Hurry ends the wait of deliveries of an unordered line, and of no other: the
// server is told what a worker that hands one back would tell it. A position
// cannot be set instead, since what is delivered out of turn would come again.
func (i Lines) Hurry(ctx context.Context, l Line, sequences []uint64) error {
	info, err := i.info(ctx, l)
	if err != nil {
		return err
	}
	for _, sequence := range sequences {
		if err := i.Conn().Publish(i.replyOf(l, info, sequence), []byte("-NAK")); err != nil {
			return bus.Failure(err)
		}
	}
	return nil
}

// replyOf is where a worker tells what becomes of a delivery that it has.
func (i Lines) replyOf(l Line, info *jetstream.ConsumerInfo, sequence uint64) string {
	return fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.%d.0", i.stream(l), l.Name, sequence, info.Delivered.Consumer, time.Now().UnixNano())
}

// AckWaiting ends deliveries of an unordered line that wait for their next
// attempt, as the worker would that has them, and forgets how they failed.
func (i Lines) AckWaiting(ctx context.Context, l Line, sequences []uint64) error {
	info, err := i.info(ctx, l)
	if err != nil {
		return err
	}
	return bus.Together(len(sequences), func(n int) error {
		if _, err := i.Conn().RequestWithContext(ctx, i.replyOf(l, info, sequences[n]), []byte("+ACK")); err != nil {
			return bus.Failure(err)
		}
		return i.ForgetRecord(ctx, l, sequences[n])
	})
}

// GiveUp makes a dead letter of a delivery of an unordered line that has a
// record: who takes it next buries it.
func (i Lines) GiveUp(ctx context.Context, l Line, sequence uint64, r action.LineRecord, reason action.Code) error {
	r.State, r.Reason = action.LineGivenUp, reason
	return i.putRecord(ctx, l.recordOf(sequence), r)
}

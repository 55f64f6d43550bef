package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
)

// An unordered line has no head. Each delivery that fails has a record of its
// own, and the line's record says how one of them failed last, or why the whole
// line stands.

// ShowFailure writes how a delivery of an unordered line failed last, unless the
// line stands or somebody else writes at this moment.
func (b *Bus) ShowFailure(ctx context.Context, l Line, r action.LineRecord) error {
	kv, err := b.bucket(ctx, bucketLines)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	entry, err := kv.Get(ctx, l.RecordKey())
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		_, err = kv.Create(ctx, l.RecordKey(), raw)
	case err == nil:
		var now action.LineRecord
		if err := json.Unmarshal(entry.Value(), &now); err != nil || now.State == action.LineStopped || now.State == action.LinePaused {
			return err
		}
		_, err = kv.Update(ctx, l.RecordKey(), raw, entry.Revision())
	}
	if errors.Is(err, jetstream.ErrKeyExists) || isCode(err, codeWrongLastSeq) {
		return nil
	}
	if err != nil {
		return failure(err)
	}
	return nil
}

// Hurry ends the wait of deliveries of an unordered line, and of no other: the
// server is told what a worker that hands one back would tell it. A position
// cannot be set instead, since what is delivered out of turn would come again.
func (b *Bus) Hurry(ctx context.Context, l Line, sequences []uint64) error {
	c, err := b.js.Consumer(ctx, l.Stream(), l.Name)
	if err != nil {
		return failure(err)
	}
	for _, sequence := range sequences {
		reply := fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.%d.0", l.Stream(), l.Name, sequence, c.CachedInfo().Delivered.Consumer, time.Now().UnixNano())
		if err := b.nc.Publish(reply, []byte("-NAK")); err != nil {
			return failure(err)
		}
	}
	return nil
}

// GiveUp makes a dead letter of a delivery of an unordered line that has a
// record: who takes it next buries it.
func (b *Bus) GiveUp(ctx context.Context, l Line, sequence uint64, r action.LineRecord, reason action.Code) error {
	r.State, r.Reason = action.LineGivenUp, reason
	return b.putRecord(ctx, l.recordOf(sequence), r)
}

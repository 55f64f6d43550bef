package bus

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
)

// Record reads the record of a delivery's line from the server; ok is false
// when there is none. A line may have lost or gained its order since the
// delivery was handed out before, unseen by the worker that had it then: so what
// that one wrote where it belonged before is found too.
func (b *Bus) Record(ctx context.Context, d *Delivery) (r action.LineRecord, ok bool, err error) {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return r, false, failure(err)
	}
	r, ok, err = readRecord(ctx, kv, d.recordKey)
	if err != nil || !d.Redelivered || r.Sequence == d.Sequence {
		return r, ok, err
	}
	before := d.Line.RecordKey()
	if !d.Line.Unordered {
		before = d.Line.recordOf(d.Sequence)
	}
	other, _, err := readRecord(ctx, kv, before)
	if err == nil && other.Holds() && other.Sequence == d.Sequence {
		return other, true, nil
	}
	return r, ok, err
}

func readRecord(ctx context.Context, kv jetstream.KeyValue, key string) (r action.LineRecord, ok bool, err error) {
	entry, err := kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return r, false, nil
	}
	if err != nil {
		return r, false, failure(err)
	}
	return r, true, json.Unmarshal(entry.Value(), &r)
}

// lineRecord reads the record of a line; zero when it has none. That of an
// unordered one says only how a delivery of it failed last.
func (b *Bus) lineRecord(ctx context.Context, l Line) (r action.LineRecord, err error) {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return r, failure(err)
	}
	r, _, err = readRecord(ctx, kv, l.RecordKey())
	return r, err
}

// PutLineRecord writes the record of a line, when somebody acts on it.
func (b *Bus) PutLineRecord(ctx context.Context, l Line, r action.LineRecord) error {
	return b.putRecord(ctx, l.RecordKey(), r)
}

// LetGo forgets what held an ordered line up; how it failed last stays.
func (b *Bus) LetGo(ctx context.Context, l Line) error {
	r, err := b.lineRecord(ctx, l)
	if err != nil || !r.Holds() {
		return err
	}
	return b.putRecord(ctx, l.RecordKey(), r.Running())
}

func (b *Bus) putRecord(ctx context.Context, key string, r action.LineRecord) error {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return failure(err)
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err := kv.Put(ctx, key, raw); err != nil {
		return failure(err)
	}
	return nil
}

// PutRecord writes the record of a delivery's line and waits until it is
// stored.
func (b *Bus) PutRecord(ctx context.Context, d *Delivery, r action.LineRecord) error {
	return b.putRecord(ctx, d.recordKey, r)
}

// DropRecord removes the record of a delivery's line: it runs again.
func (b *Bus) DropRecord(ctx context.Context, d *Delivery) error {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return failure(err)
	}
	if err := kv.Purge(ctx, d.recordKey, jetstream.PurgeTTL(markerTTL)); err != nil {
		return failure(err)
	}
	return nil
}

// PauseTarget notes that a target is paused, and why. It is state, not an
// edit: no catalog revision is made.
func (b *Bus) PauseTarget(ctx context.Context, instance, owner, target string, reason action.Code) error {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return failure(err)
	}
	if _, err := kv.PutString(ctx, pausedKey(instance, owner, target), string(reason)); err != nil {
		return failure(err)
	}
	return nil
}

// ResumeTarget removes what PauseTarget noted, and notes when: first, so that
// who sees the target go on has seen since when.
func (b *Bus) ResumeTarget(ctx context.Context, instance, owner, target string) error {
	if err := b.NoteResumed(ctx, instance, owner, target); err != nil {
		return err
	}
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return failure(err)
	}
	if err := kv.Purge(ctx, pausedKey(instance, owner, target), jetstream.PurgeTTL(markerTTL)); err != nil {
		return failure(err)
	}
	return nil
}

// NoteResumed notes that a target was paused up to now: that time does not make
// what waits for it older.
func (b *Bus) NoteResumed(ctx context.Context, instance, owner, target string) error {
	kv, err := b.js.KeyValue(ctx, bucketLines)
	if err != nil {
		return failure(err)
	}
	if _, err := kv.PutString(ctx, resumedKey(instance, owner, target), time.Now().UTC().Format(time.RFC3339Nano)); err != nil {
		return failure(err)
	}
	return nil
}

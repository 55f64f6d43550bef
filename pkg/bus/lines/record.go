package lines

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// Record reads the record of a delivery's line from the server; ok is false
// when there is none. A line may have lost or gained its order since the
// delivery was handed out before, unseen by the worker that had it then: so what
// that one wrote where it belonged before is found too.
func (i Lines) Record(ctx context.Context, d *Delivery) (r action.LineRecord, ok bool, err error) {
	r, ok, err = i.record(ctx, d.recordKey)
	if err != nil || !d.Redelivered || r.Sequence == d.Sequence {
		return r, ok, err
	}
	before := d.Line.RecordKey()
	if !d.Line.Unordered {
		before = d.Line.recordOf(d.Sequence)
	}
	other, _, err := i.record(ctx, before)
	if err == nil && other.Holds() && other.Sequence == d.Sequence {
		return other, true, nil
	}
	return r, ok, err
}

// record reads a record. One that cannot be read is none: what it told is lost, and
// the next one takes its place.
func (i Lines) record(ctx context.Context, key string) (r action.LineRecord, ok bool, err error) {
	v, ok, err := i.book().Get(ctx, key)
	if err != nil || !ok {
		return r, false, err
	}
	r, err = readRecord(key, v.Bytes)
	if action.CodeOf(err) == action.CodeNewer {
		return r, false, err
	}
	return r, i.book().Judge(v, err), nil
}

func readRecord(key string, raw []byte) (r action.LineRecord, err error) {
	if err = bus.Decode(raw, &r); err == nil {
		err = action.CheckFormat(r.Format)
	}
	if err != nil {
		return action.LineRecord{}, fmt.Errorf("the record at %s: %w", bus.ShownKey(key), err)
	}
	return r, nil
}

// LineRecord reads the record of a line; zero when it has none. That of an
// unordered one says only how a delivery of it failed last.
func (i Lines) LineRecord(ctx context.Context, l Line) (r action.LineRecord, err error) {
	r, _, err = i.record(ctx, l.RecordKey())
	return r, err
}

// PutLineRecord writes the record of a line, when somebody acts on it.
func (i Lines) PutLineRecord(ctx context.Context, l Line, r action.LineRecord) error {
	return i.putRecord(ctx, l.RecordKey(), r)
}

// LetGo forgets what held an ordered line up; how it failed last stays.
func (i Lines) LetGo(ctx context.Context, l Line) error {
	r, err := i.LineRecord(ctx, l)
	if err != nil || !r.Holds() {
		return err
	}
	return i.putRecord(ctx, l.RecordKey(), r.Running())
}

func (i Lines) putRecord(ctx context.Context, key string, r action.LineRecord) error {
	r.Format = action.Format
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return i.book().Put(ctx, key, raw)
}

// PutRecord writes the record of a delivery's line and waits until it is
// stored.
func (i Lines) PutRecord(ctx context.Context, d *Delivery, r action.LineRecord) error {
	return i.putRecord(ctx, d.recordKey, r)
}

// DropRecord removes the record of a delivery's line: it runs again.
func (i Lines) DropRecord(ctx context.Context, d *Delivery) error {
	return i.book().Purge(ctx, d.recordKey)
}

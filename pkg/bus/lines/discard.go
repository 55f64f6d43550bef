package lines

import (
	"context"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Records reads the records of an unordered line, one a delivery, by sequence.
func (i Lines) Records(ctx context.Context, l Line) (map[uint64]action.LineRecord, error) {
	records := map[uint64]action.LineRecord{}
	err := i.book().Each(ctx, l.RecordKey()+".*", func(v bus.Value) error {
		sequence, err := strconv.ParseUint(v.Key[strings.LastIndexByte(v.Key, '.')+1:], 10, 64)
		var r action.LineRecord
		if err == nil {
			r, err = readRecord(v.Key, v.Bytes)
		}
		if action.CodeOf(err) == action.CodeNewer {
			return err
		}
		if i.book().Judge(v, err) {
			records[sequence] = r
		}
		return nil
	})
	return records, err
}

// ForgetRecord removes the record of one delivery of an unordered line.
func (i Lines) ForgetRecord(ctx context.Context, l Line, sequence uint64) error {
	return i.book().Purge(ctx, l.recordOf(sequence))
}

// Take stops a line for a job, until the line is given back: workers take
// nothing from it, whatever becomes of who works on the job. A line whose
// consumer somebody has deleted has it again. The job stands in it first: so
// nothing stands still that nobody would let go.
func (i Lines) Take(ctx context.Context, l Line, job string) (Line, error) {
	if l.Job != job {
		l.Job = job
		if err := i.put(ctx, l); err != nil {
			return l, err
		}
	}
	err := i.Stop(ctx, l)
	if IsLost(err) {
		if _, err = i.PutBack(ctx, l); err == nil {
			err = i.Stop(ctx, l)
		}
	}
	return l, err
}

// GiveBack lets a line go on that a job has stopped.
func (i Lines) GiveBack(ctx context.Context, l Line) error {
	r, err := i.LineRecord(ctx, l)
	if err == nil && r.State != action.LineGivenUp { // which the workers are still to see
		err = i.LetGo(ctx, l)
	}
	if err != nil {
		return err
	}
	if err := i.Resume(ctx, l); err != nil && !IsLost(err) { // it is put back, and runs then
		return err
	}
	l.Job = ""
	return i.put(ctx, l)
}

// Batch reads the messages of a line from a sequence on; see bus.Read.
func (i Lines) Batch(ctx context.Context, l Line, from uint64, most int) ([]bus.Message, error) {
	return i.Read(ctx, i.stream(l), l.filter(), from, most)
}

// AsyncOf reads what the headers of an async delivery say.
func (l Line) AsyncOf(m bus.Message) bus.AsyncDelivery {
	return bus.AsyncDelivery{
		ID: m.Header.Get(wire.HeaderDelivery), Owner: l.Owner, Target: l.Target,
		Phase: action.Phase(m.Header.Get(wire.HeaderPhase)), Org: textIn(m.Header, wire.HeaderOrg), Body: m.Body,
	}
}

// PurgeAsync takes the async deliveries of a line out of their stream for good,
// up to a sequence.
func (i Lines) PurgeAsync(ctx context.Context, l Line, upTo uint64) error {
	stream, err := i.Stream(ctx, i.Async)
	if err != nil {
		return err
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(l.filter()), jetstream.WithPurgeSequence(upTo+1)); err != nil {
		return i.StreamFailure(ctx, i.Async, err)
	}
	return nil
}

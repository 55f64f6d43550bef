package shards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// ErrFenced tells that somebody else holds the shard: nothing of it may be done any
// more.
var ErrFenced = errors.New("another worker holds the shard")

// Log is where the holder of a shard writes its positions. It is used by one
// goroutine at a time.
type Log struct {
	bus    *bus.Bus
	shard  Shard
	by     string
	epoch  uint64
	number uint64 // of the newest entry
	last   uint64 // sequence of the newest message of the shard
	since  int    // bytes written since the whole was
	found  int    // how often what was written was found stored, though nobody had confirmed it
}

// wholeAfter is after how many bytes of changes the whole is written again.
const wholeAfter = 256 << 10

// tries is how often an opening is tried while others write.
const tries = 8

// Open reads the positions of a shard and takes it over: from then on whoever held
// it before is refused. The error is conflict while others do the same, newer for
// what only a newer version reads.
func Open(ctx context.Context, b *bus.Bus, s Shard, by string) (*Log, Places, error) {
	for range tries {
		p, newest, last, err := read(ctx, b, s)
		if err != nil {
			return nil, p, err
		}
		l := &Log{bus: b, shard: s, by: by, epoch: newest.Epoch + 1, last: last}
		err = l.Whole(ctx, p)
		if err == nil {
			return l, p, nil
		}
		if !errors.Is(err, ErrFenced) {
			return nil, p, err
		}
	}
	return nil, Places{}, takenOver(s)
}

func takenOver(s Shard) error {
	return action.NewError(action.CodeConflict, action.StageStore, fmt.Sprintf("others take over the shard %s at this moment", s))
}

// Read reads the positions of a shard as they were written last. Nothing is
// concluded from them about what its holder does now.
func Read(ctx context.Context, b *bus.Bus, s Shard) (Places, error) {
	p, _, _, err := read(ctx, b, s)
	return p, err
}

func read(ctx context.Context, b *bus.Bus, s Shard) (p Places, newest entry, last uint64, err error) {
	p.Lines = map[string]Place{}
	for {
		some, err := b.Read(ctx, bus.StreamPositions, s.subject(), last+1, 512)
		if err != nil || len(some) == 0 {
			return p, newest, last, err
		}
		for _, m := range some {
			last = m.Sequence
			e, err := readEntry(m.Body)
			if action.CodeOf(err) == action.CodeNewer {
				return p, newest, last, err
			}
			if err == nil && e.Epoch < newest.Epoch {
				err = errors.New("an earlier holder wrote behind a later one")
			}
			if err != nil { // somebody else wrote it: what its lines did comes again
				b.Log().Error().Err(err).Stringer("shard", s).Uint64("sequence", m.Sequence).Msg("positions that cannot be read are left out")
				continue
			}
			if e.Whole {
				clear(p.Lines)
			}
			p.apply(e.change())
			newest = e
		}
	}
}

// Commit writes a change. The error is ErrFenced when somebody else holds the shard;
// after any other it is not known whether it was written, and Commit may be called
// again with the same or a later change.
func (l *Log) Commit(ctx context.Context, c Change) error {
	return l.write(ctx, entry{Read: c.Read, Made: c.Made, Lines: c.Lines, Gone: c.Gone})
}

// Whole writes all positions in the place of all that was written before.
func (l *Log) Whole(ctx context.Context, p Places) error {
	err := l.write(ctx, entry{Whole: true, Read: p.Read, Made: p.Made, Lines: maps.Clone(p.Lines)})
	if err == nil {
		l.since = 0
	}
	return err
}

// Long tells whether so much was written that the whole is to be.
func (l *Log) Long() bool { return l.since >= wholeAfter }

func (l *Log) write(ctx context.Context, e entry) error {
	e.Format, e.Epoch, e.Number, e.By = action.Format, l.epoch, l.number+1, l.by
	raw, err := json.Marshal(e)
	if err != nil {
		return err
	}
	msg := nats.NewMsg(l.shard.subject())
	msg.Data = raw
	if e.Whole {
		msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	}
	l.number++ // also of one of which nobody knows whether it was written: a number is used once
	ack, err := l.bus.Store(ctx, bus.StreamPositions, msg, jetstream.WithExpectLastSequencePerSubject(l.last))
	if err == nil {
		l.last, l.since = ack.Sequence, l.since+len(raw)
		return nil
	}
	if action.CodeOf(err) != action.CodeConflict {
		return err
	}
	return l.judge(ctx, err)
}

// judge finds out who wrote last when the server expected another: one of ours, of
// which the confirmation was lost, or somebody else.
func (l *Log) judge(ctx context.Context, refused error) error {
	m, there, err := l.bus.Last(ctx, bus.StreamPositions, l.shard.subject())
	if err != nil {
		return err
	}
	if !there { // the stream was made again: the whole is written into it
		l.last, l.since = 0, wholeAfter
		return refused
	}
	e, err := readEntry(m.Body)
	if err != nil || e.Epoch != l.epoch || e.By != l.by {
		return ErrFenced
	}
	l.last = m.Sequence
	if e.Number == l.number { // it is this one
		l.found++
		return nil
	}
	return refused // an earlier one: this one is written again
}

package lines

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// A packed line has no consumer that could keep its entry. It is kept beside the
// positions, for the case that the book loses it.

func (i Lines) keep(ctx context.Context, l Line) error {
	msg := nats.NewMsg(wire.KeptSubject(i.ID, l.Name))
	msg.Data = []byte(l.kept())
	msg.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	_, err := i.Store(ctx, bus.StreamPositions, msg)
	return err
}

func (i Lines) unkeep(ctx context.Context, l Line) error {
	stream, err := i.Stream(ctx, bus.StreamPositions)
	if err != nil {
		return err
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(wire.KeptSubject(i.ID, l.Name))); err != nil {
		return i.StreamFailure(ctx, bus.StreamPositions, err)
	}
	return nil
}

// relistPacked puts packed lines into the book again that have no entry there.
func (i Lines) relistPacked(ctx context.Context, there map[string]bool) (relisted int, err error) {
	from := uint64(1)
	for {
		some, err := i.Read(ctx, bus.StreamPositions, wire.KeptSubject(i.ID, "*"), from, 512)
		if err != nil || len(some) == 0 {
			return relisted, err
		}
		for _, m := range some {
			from = m.Sequence + 1
			l, ok := readKept(i.ID, m.Subject, m.Body)
			if !ok || there[l.Name] {
				continue
			}
			if err := i.put(ctx, l); err != nil {
				return relisted, err
			}
			i.Log().Error().Str("instance", i.ID).Str("line", l.Name).Msg("the entry of a line was lost or could not be read: it is made again from what is kept of it")
			there[l.Name] = true // it is kept anew, behind those that are read here
			relisted++
		}
	}
}

// readKept reads what keep writes; ok is false for what somebody else put there, and what
// a newer version has kept.
func readKept(instance, subject string, raw []byte) (l Line, ok bool) {
	if bus.Decode(raw, &l) != nil || l.Instance != instance || subject != wire.KeptSubject(instance, l.Name) {
		return Line{}, false
	}
	if action.CheckFormat(l.Format) != nil || l.agrees(l.entryKey(kindLine)) != nil || !l.Packed() {
		return Line{}, false
	}
	return l, true
}

package dispatch

import (
	"context"
	"fmt"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Replay sends the events of a subscription again, from a sequence of the
// stream or, with sequence 0, from a time on, up to what is stored now. It
// does so in a line of its own, unordered, which disturbs no other, and
// returns the name of that line; it goes when it is done.
func (d *Dispatcher) Replay(ctx context.Context, instance, name string, sequence uint64, since time.Time) (string, error) {
	var replay bus.Line
	err := d.act(ctx, instance, name, AllLanes, func(ctx context.Context, l bus.Line) error {
		if replay.Name != "" { // one replay serves all lanes
			return nil
		}
		if l.Async {
			return action.NewError(action.CodeBadField, action.StageCatalog, "only events can be replayed; a dead letter is sent again by redrive").WithField("name")
		}
		if sequence == 0 {
			var err error
			if sequence, err = d.bus.SequenceAt(ctx, instance, since); err != nil {
				return err
			}
		}
		last, err := d.bus.LastSequence(ctx, instance)
		if err != nil {
			return err
		}
		if sequence > last {
			return action.NewError(action.CodeBadField, action.StageCatalog, "nothing was stored since then").WithField("from")
		}
		replay = l
		replay.Name = fmt.Sprintf("%s-replay-%d", l.Name, time.Now().UnixMilli())
		replay.Replay, replay.Unordered, replay.Lane, replay.Lanes = true, true, 0, 1
		replay.Cut, replay.DrainTo, replay.Fenced = sequence, last+1, false
		return d.bus.EnsureLine(ctx, replay)
	})
	return replay.Name, err
}

func typeOf(subject string) string {
	at, _ := wire.ParseStoredEvent(subject) // what can be read of it
	return at.Type
}

package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// fitStorage keeps the streams of instances that have a quota of storage bounded by it,
// as they were at a look: what one of them holds the others may not hold.
func (d *Dispatcher) fitStorage(ctx context.Context, known []string, look bus.Look) {
	for _, id := range known {
		if !d.catalogs.Knows(id) { // it was deleted meanwhile
			continue
		}
		i, most := d.shared(id), d.quotas.get(id).Storage
		if i.bus.StorageFits(look, most) {
			continue
		}
		if err := i.bus.FitStorage(ctx, most); err != nil && ctx.Err() == nil {
			i.log.Warn().Err(err).Int64("quota", most).Msg("the streams of the instance are not bounded by its quota of storage: it is tried again")
		}
	}
}

// overStorage names the quota where a stream is full by that.
func (i *Instance) overStorage(err error) error {
	if most := i.dispatcher.quotas.get(i.ID).Storage; most > 0 && action.CodeOf(err) == action.CodeStreamFull {
		return action.OverStorage(most).WithCause(err)
	}
	return err
}

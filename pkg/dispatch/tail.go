package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// Tail hands over the events of an instance as they are stored, until ctx ends
// or a callback fails; see bus.Bus.Tail. The error is unavailable when the
// dispatcher stops.
func (d *Dispatcher) Tail(ctx context.Context, instance string, o bus.TailOptions, begun func(from uint64) error, do func(bus.StoredEvent) error) error {
	if _, err := d.catalogs.AtLeast(ctx, instance, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.stopping, cancel)() //nolint:contextcheck // it tells the end of the dispatcher, not of the request
	err := d.bus.Tail(ctx, instance, o, begun, do)
	if err != nil && d.stopping.Err() != nil {
		return action.NewError(action.CodeUnavailable, action.StageBus, "the dispatcher is stopping").WithCause(err)
	}
	return err
}

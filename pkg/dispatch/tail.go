package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// Tail hands over the events of an instance as they are stored, until ctx ends
// or a callback fails; see bus.Bus.Tail. The error is unavailable when the
// dispatcher stops.
func (i *Instance) Tail(ctx context.Context, o lines.TailOptions, begun func(from uint64) error, do func(lines.StoredEvent) error) error {
	if err := i.exists(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(i.dispatcher.stopping, cancel)() //nolint:contextcheck // it tells the end of the dispatcher, not of the request
	err := i.lines.Tail(ctx, o, begun, do)
	if err != nil && i.dispatcher.stopping.Err() != nil {
		return action.NewError(action.CodeUnavailable, action.StageBus, "the dispatcher is stopping").WithCause(err)
	}
	return err
}

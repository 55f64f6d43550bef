package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/bus/calls"
)

// Try has a worker try a target, see calls.Calls.Try: a dispatcher dials no
// target itself.
func (i *Instance) Try(ctx context.Context, t calls.Trial) (calls.Tried, error) {
	if needs := t.Target.InstanceKeys(); len(needs) > 0 { // a draft may be the first that needs one
		if err := i.lead(ctx, func(ctx context.Context) error { return i.needOwnKeys(ctx, needs) }); err != nil {
			return calls.Tried{}, err
		}
	}
	return calls.Of(i.bus).Try(ctx, t)
}

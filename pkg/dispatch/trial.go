package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/bus/calls"
)

// Try has a worker try a target, see calls.Calls.Try: a dispatcher dials no
// target itself.
func (i *Instance) Try(ctx context.Context, t calls.Trial) (calls.Tried, error) {
	return calls.Of(i.bus).Try(ctx, t)
}

package dispatch

import (
	"context"

	"github.com/callout-hq/callout/pkg/bus"
)

// Test has a worker try a target, see bus.Bus.Test: a dispatcher dials no
// target itself.
func (d *Dispatcher) Test(ctx context.Context, t bus.Test) (bus.Tested, error) {
	return d.bus.Test(ctx, t)
}

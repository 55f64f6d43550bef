package lines_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// TestABacklogIsDeliveredWhole stores events while no worker is there.
func TestABacklogIsDeliveredWhole(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		const count, each = 8, 600
		var all []lines.Line
		for n := range count {
			all = append(all, line(t, i, fmt.Sprintf("type%d.added", n), func(l *lines.Line) {
				l.Name, l.Shard = fmt.Sprintf("line-%d", n), 1+n
			}))
		}
		var came arrivals
		handle := func(_ context.Context, d *lines.Delivery) {
			came.add(d)
			unlapsed(t, d.Ack())
		}
		consume(t, s.Connect(t, bus.Options{}), handle, all...).Stop()
		for n := range each {
			for m := range count {
				bustest.Publish(t, i, strconv.Itoa(n), "u", fmt.Sprintf("type%d.added", m))
			}
		}
		consume(t, s.Connect(t, bus.Options{}), handle, all...)
		came.await(t, each, all...)
	})
}

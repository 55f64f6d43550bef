package callout

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Stored is the stream's confirmation of an event.
type Stored = bus.Stored

// Publish stores events in their order, each confirmed by the stream before
// the next is sent. All are checked before the first is stored. An event
// without ID gets one; the same ID within ten minutes is stored once, and
// Duplicate says so. When an error comes in the middle, what was confirmed so
// far is returned beside it.
func (c *Client) Publish(ctx context.Context, events ...action.Event) ([]Stored, error) {
	ready := make([]bus.NewEvent, len(events))
	for i, e := range events {
		if e.InstanceID == "" {
			e.InstanceID = c.opts.Instance
		}
		body, err := wire.EncodeEvent(e)
		if err != nil {
			return nil, err
		}
		if _, err := c.bus.CheckEvent(c.opts.Instance, body); err != nil {
			return nil, err
		}
		if err := bus.CheckEventID(e.ID); err != nil {
			return nil, err
		}
		if e.ID == "" {
			e.ID = ulid.Make().String()
		}
		ready[i] = bus.NewEvent{ID: e.ID, Instance: c.opts.Instance, Org: e.ResourceOwner, AggregateID: e.AggregateID, Type: e.Type, Body: body}
	}
	stored := make([]Stored, 0, len(ready))
	for _, e := range ready {
		s, err := c.bus.Publish(ctx, e)
		if err != nil {
			return stored, err
		}
		stored = append(stored, s)
	}
	return stored, nil
}

package callout

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Stored is the stream's confirmation of an event, or the Error why there is none.
type Stored = bus.Stored

// Publish stores events in their order, each confirmed by the stream before
// the next is sent. All are checked before the first is stored. An event
// without ID gets one; the same event with the same ID within ten minutes is
// stored once, and Duplicate says so. An ID is that of one event of its
// organization, aggregate and type: with it another event, by a single byte of its
// JSON, is a conflict and not stored. Its Stored has the Error, the events behind it are
// stored all the same, and the first such error is returned beside them. Targets
// get the trace context that ctx has by WithTraceparent. When any other error comes in the
// middle, what was confirmed so far is returned beside it.
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
		if _, err := c.instance.CheckEvent(body); err != nil {
			return nil, err
		}
		if err := bus.CheckEventID(e.ID); err != nil {
			return nil, err
		}
		if e.ID == "" {
			e.ID = ulid.Make().String()
		}
		ready[i] = bus.NewEvent{ID: e.ID, Org: e.ResourceOwner, AggregateID: e.AggregateID, Type: e.Type, Body: body,
			Traceparent: TraceparentOf(ctx)}
	}
	return c.instance.PublishEach(ctx, ready)
}

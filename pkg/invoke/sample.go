package invoke

import (
	"cmp"
	"time"

	"github.com/callout-hq/callout/pkg/wire"
)

// Of a sample of an event, which is stored nowhere, the target is told these.
const (
	sampleEventID  = "sample"
	sampleSequence = 1
)

// AsEvent gives a call the headers of a stored event, for a body that is stored
// nowhere: what the body does not say is told as a sample's. A body that is no
// event leaves it as it is.
func (c Call) AsEvent(now time.Time) Call {
	facts, err := wire.ReadEvent(c.Body)
	if err != nil {
		return c
	}
	c.EventType, c.EventID, c.Org = facts.Type, cmp.Or(facts.ID, sampleEventID), facts.Org
	c.EventTime, c.Sequence = now, sampleSequence
	event := wire.CloudEventOf(&facts, c.Instance, c.Org, c.EventID, c.Sequence, now)
	c.Event = &event
	return c
}

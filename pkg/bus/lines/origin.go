package lines

import (
	"github.com/nats-io/nats.go"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/wire"
)

// Origin is the event or call that a delivery came from, as far as its message
// tells. What is not known is empty.
type Origin struct {
	EventID   string // what publishing the event returned
	Org       string // organization of the event or call
	Aggregate string // of the event
}

// Origin is where the delivery came from. It reads the body of an event: who
// only sends it has no need of that.
func (d *Delivery) Origin() Origin {
	if d.Letter != nil {
		return Origin{EventID: d.Letter.EventID, Org: d.Letter.EventOrg, Aggregate: d.Letter.Aggregate}
	}
	if d.Line.Async {
		return Origin{Org: d.CallOrg}
	}
	return eventOrigin(d.Subject, d.EventID, d.Body)
}

// OriginOf is where a message of the line came from.
func (l Line) OriginOf(m bus.Message) Origin {
	if l.Async {
		return Origin{Org: textIn(m.Header, wire.HeaderOrg)}
	}
	return EventOrigin(m)
}

// EventOrigin is what a message in the event stream tells of its event.
func EventOrigin(m bus.Message) Origin {
	return eventOrigin(m.Subject, textIn(m.Header, wire.HeaderEventID), m.Body)
}

func eventOrigin(subject, id string, body []byte) Origin {
	at, _ := wire.ParseStoredEvent(subject) // what can be read of it
	of := Origin{EventID: id, Org: at.Org}
	if facts, _ := wire.ReadEvent(body); action.CheckID(facts.AggregateID) == nil {
		of.Aggregate = facts.AggregateID
	}
	return of
}

// textIn is the id in a header; "" for what is none.
func textIn(h nats.Header, name string) string {
	text := h.Get(name)
	if text == "" {
		return ""
	}
	id, _ := wire.ReadHeaderText(text)
	return id
}

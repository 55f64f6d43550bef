package bus

import (
	"strings"
	"unicode"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// HeaderRoom is what a message's headers may take of the bus's limit, in bytes.
// A body that leaves it free can be stored, delivered and kept.
const HeaderRoom = 4 << 10

// CheckEvent reads the body of an event that is to be stored, and checks what
// every way in asks of one: its form, its instance, its bounds, and that it has
// a subject. An id that the body does not name is "". The error is an
// *action.Error with the field.
func (i Instance) CheckEvent(body []byte) (wire.EventFacts, error) {
	f, err := wire.ReadEvent(body)
	if err != nil {
		return f, err
	}
	if f.InstanceID != "" && f.InstanceID != i.ID {
		return f, action.NewError(action.CodeMismatch, action.StageDecode,
			"instanceID: the body is of another instance than the one it is sent to").WithField("instanceID")
	}
	if f.PayloadSize > i.MaxObject() || len(body) > i.MaxBody()-HeaderRoom {
		return f, action.NewError(action.CodeTooLarge, action.StageDecode, "").WithField("event_payload")
	}
	if err := CheckEventID(f.ID); err != nil {
		return f, err
	}
	_, err = wire.EventSubject(i.ID, f.Org, f.AggregateID, f.Type)
	return f, err
}

// CheckEventID tells whether an event may have an id: within the grammar of
// ids, and without spaces around it, which the server would not see. Empty is
// accepted.
func CheckEventID(id string) error {
	if err := action.CheckID(id); err != nil {
		return badID(err.Error())
	}
	if strings.TrimFunc(id, unicode.IsSpace) != id {
		return badID("an event's id has no space before or behind it")
	}
	return nil
}

func badID(message string) error {
	return action.NewError(action.CodeBadField, action.StageDecode, "id: "+message).WithField("id")
}

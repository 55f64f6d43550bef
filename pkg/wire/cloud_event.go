package wire

import (
	"fmt"
	"strconv"
	"time"
)

// The media types of CloudEvents in JSON (JSON format 1.0.2, 3 and 4).
const (
	TypeCloudEvent  = "application/cloudevents+json"
	TypeCloudEvents = "application/cloudevents-batch+json"
)

// cloudSpec is the version of CloudEvents that is spoken.
const cloudSpec = "1.0"

// CloudEvent is an event with the attributes that CloudEvents 1.0.2 gives it
// (https://github.com/cloudevents/spec). Org, Instance and Sequence are extensions;
// what is empty is left out.
type CloudEvent struct {
	ID       string
	Source   string // a URI reference; "" = made of where the event belongs
	Type     string
	Subject  string // the aggregate
	Time     string // RFC 3339
	Instance string
	Org      string
	Sequence uint64 // of the stream
}

// Attribute is one attribute as text.
type Attribute struct{ Name, Value string }

// Attributes lists what e has, in the order in which it is written: the needed ones
// first. It appends to dst.
func (e *CloudEvent) Attributes(dst []Attribute) []Attribute {
	source := e.Source
	if source == "" {
		source = e.ownSource()
	}
	dst = append(dst, Attribute{"specversion", cloudSpec}, Attribute{"id", e.ID}, Attribute{"source", source}, Attribute{"type", e.Type})
	for _, a := range [...]Attribute{{"subject", e.Subject}, {"time", e.Time}, {"instance", e.Instance}, {"org", e.Org}} {
		if a.Value != "" {
			dst = append(dst, a)
		}
	}
	if e.Sequence != 0 {
		dst = append(dst, Attribute{"sequence", fmt.Sprintf("%0*d", sequenceDigits, e.Sequence)})
	}
	return dst
}

// sequenceDigits is how many digits every sequence has: the extension `sequence` is
// ordered as a text.
const sequenceDigits = 20

// ownSource is a URI reference for the events that share an id at most once: an id is
// that of one event of its instance, organization, aggregate and type. These stand in it
// as in subjects, so that it has no percent sign, which a header would encode once more.
func (e *CloudEvent) ownSource() string {
	return "/instances/" + Token(e.Instance) + "/events/" + Token(e.Org) + "/" + Token(e.Subject) + "/" + typeTokens(e.Type)
}

// AppendCloudHeader appends the value of an attribute as a ce- header has it: what is
// no visible ASCII, the quote and the percent sign are percent-encoded (HTTP binding
// 1.0.2, 3.1.3.2).
func AppendCloudHeader(dst []byte, value string) []byte {
	for i := range len(value) {
		if c := value[i]; isHeaderByte(c) && c != '"' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return dst
}

// Append appends e in the structured form, with data, which is JSON, as it stands.
func (e *CloudEvent) Append(dst, data []byte) []byte {
	var room [10]Attribute
	dst = append(dst, '{')
	for _, a := range e.Attributes(room[:0]) {
		dst = append(appendText(dst, a.Name, a.Value), ',')
	}
	return append(appendMember(append(dst, `"datacontenttype":"application/json",`...), "data", data), '}')
}

// Occurred is when an event happened, as its body says; where it does not say so
// in RFC 3339, when it was stored.
func (f *EventFacts) Occurred(stored time.Time) string {
	if isTime(f.CreatedAt) {
		return f.CreatedAt
	}
	return stored.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// isTime tells whether a text is a time of RFC 3339, in upper case. time.Parse takes a
// comma too, and others do not.
func isTime(text string) bool {
	if len(text) < len("2006-01-02T15:04:05Z") || len(text) > maxTime || text[19] == ',' {
		return false
	}
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

// maxTime is how long a time may be, in bytes.
const maxTime = 64

// cloudID is the id of an event of which none is known: another one of its stream has
// another one.
func cloudID(sequence uint64, stored time.Time) string {
	return strconv.FormatUint(sequence, 10) + "-" + strconv.FormatInt(stored.UnixNano(), 10)
}

// CloudEventOf is a stored event as a target is told of it. id is what publishing it
// returned, "" where nobody knows.
func CloudEventOf(f *EventFacts, instance, org, id string, sequence uint64, stored time.Time) CloudEvent {
	if id == "" {
		id = f.ID
	}
	if id == "" {
		id = cloudID(sequence, stored)
	}
	return CloudEvent{ID: id, Source: f.Source, Type: f.Type, Subject: f.AggregateID, Time: f.Occurred(stored), Instance: instance, Org: org, Sequence: sequence}
}

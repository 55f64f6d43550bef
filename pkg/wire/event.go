package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/callout-hq/callout/pkg/action"
)

var (
	errNotID     = errors.New("must be a text of at most 200 bytes without control characters")
	errNotObject = errors.New("must be a JSON object")
	errMissing   = errors.New("is missing")
	errNotText   = errors.New("is not a text")
	errNotUTF8   = errors.New("is not UTF-8")
)

func mismatch(field string) error {
	return action.NewError(action.CodeMismatch, action.StageDecode,
		field+": the body disagrees with where it was sent").WithField(field)
}

// EncodeEvent writes an event as ZITADEL does: its keys in their order, empty
// ones left out. A text that is no UTF-8, a time after the year 9999 and a
// payload that is no JSON are malformed, with the field.
func EncodeEvent(e action.Event) ([]byte, error) {
	for _, f := range []struct{ name, value string }{
		{"aggregateID", e.AggregateID}, {"aggregateType", e.AggregateType}, {"resourceOwner", e.ResourceOwner},
		{"instanceID", e.InstanceID}, {"version", e.Version}, {"event_type", e.Type}, {"userID", e.UserID},
	} {
		if !utf8.ValidString(f.value) { // it would be replaced silently
			return nil, unfit(f.name, errNotUTF8)
		}
	}
	if _, err := e.CreatedAt.MarshalText(); err != nil {
		return nil, unfit("created_at", err)
	}
	out, err := encode(e)
	if err != nil {
		return nil, unfit("event_payload", err)
	}
	return out, nil
}

func unfit(field string, cause error) error {
	return action.NewError(action.CodeMalformed, action.StageDecode, "").WithField(field).WithCause(cause)
}

// encode writes JSON as encoding/json does, but leaves <, > and & as they are.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte{'\n'}), err
}

// EventMessageID is the Nats-Msg-Id of an event: SHA-256, in hex, over the subject
// it is published to, a space, and its id. So an id is that of one event of its
// instance, organization, aggregate and type, and no other swallows it. Who
// publishes by itself over NATS may write the same, or what it likes.
func EventMessageID(subject, id string) string {
	sum := sha256.Sum256([]byte(subject + " " + id)) // a subject has no space
	return hex.EncodeToString(sum[:])
}

// EventFacts is what the engine reads of an event's body. The rest is the
// core's and the target's business.
type EventFacts struct {
	ID          string // for deduplication; optional
	AggregateID string
	Org         string
	InstanceID  string
	Type        string
	CreatedAt   string // as it stands there, whatever it is; "" = it is no text
	Source      string // of a CloudEvent as which it was taken, see ReadCloudEvent
	PayloadSize int    // bytes of event_payload
}

// ReadEvent checks the body of an event: one strict JSON object with
// aggregateID and event_type, ids within their grammar.
func ReadEvent(raw []byte) (EventFacts, error) {
	var f EventFacts
	var room [16]Member
	members, err := appendMembers(room[:0], raw)
	if err != nil {
		return f, err
	}
	for _, m := range members {
		var field *string
		switch m.Name {
		case "event_payload":
			f.PayloadSize = m.ValEnd - m.ValStart
			continue
		case "created_at":
			f.CreatedAt, _ = text(raw[m.ValStart:m.ValEnd])
			continue
		case memberCloudEvent:
			f.Source = takenSource(raw[m.ValStart:m.ValEnd])
			continue
		case "id":
			field = &f.ID
		case "aggregateID":
			field = &f.AggregateID
		case "resourceOwner":
			field = &f.Org
		case "instanceID":
			field = &f.InstanceID
		case "event_type":
			field = &f.Type
		default:
			continue
		}
		value, isText := text(raw[m.ValStart:m.ValEnd])
		if !isText || (m.Name != "event_type" && action.CheckID(value) != nil) {
			return f, fieldError(m.Name, errNotID)
		}
		*field = value
	}
	if f.AggregateID == "" {
		return f, fieldError("aggregateID", errMissing)
	}
	if f.Type == "" {
		return f, fieldError("event_type", errMissing)
	}
	return f, fieldError("event_type", action.CheckEventType(f.Type))
}

// CheckStored holds the body of a stored event against the subject it lies
// under. The subject is authoritative: what the body leaves out is not filled
// in, what it says otherwise is a mismatch.
func CheckStored(at StoredEvent, f EventFacts) error {
	switch {
	case f.InstanceID != "" && f.InstanceID != at.Instance:
		return mismatch("instanceID")
	case f.Org != "" && f.Org != at.Org:
		return mismatch("resourceOwner")
	case f.Type != at.Type:
		return mismatch("event_type")
	case Partition(f.AggregateID, 64) != at.Lane64,
		at.Lane16 != at.Lane64%16, at.Lane4 != at.Lane64%4:
		return mismatch("aggregateID")
	}
	return nil
}

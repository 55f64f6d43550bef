package wire

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// Bounds of a CloudEvent that is taken. A passed one is an error with the attribute.
const (
	maxAttributes = 64       // attributes, extensions among them
	maxAttribute  = 4 << 10  // bytes of a value
	maxSource     = 2 << 10  // bytes of the source
	maxName       = 100      // letters of the name of an extension
	maxCloudTexts = 16 << 10 // bytes of all names and values together
)

// memberCloudEvent is the member of an event's body in which stands what a CloudEvent
// said and the rest of the body has no place for.
const memberCloudEvent = "cloudevent"

var (
	errNoData      = errors.New("must be JSON: data in base64 has no place in an event")
	errNotJSONData = errors.New("must be application/json, or end in +json: what is no JSON has no place in an event")
	errBadTime     = errors.New("must be a time such as 2026-01-02T15:04:05Z")
	errBadVersion  = errors.New("must be 1.0")
	errBadSource   = fmt.Errorf("must be a URI reference of at most %d bytes", maxSource)
	errBadName     = fmt.Errorf("an attribute is named by 1 to %d lower-case letters and digits", maxName)
	errBadValue    = fmt.Errorf("must be a text of at most %d bytes without control characters, a whole number or a boolean", maxAttribute)
	errBadNumber   = errors.New("must be a whole number that is not negative")
	errNotEncoded  = errors.New("a percent sign is written %25")
	errTwice       = errors.New("stands twice")
	errNoHeader    = errors.New("has no header of its own: the body and Content-Type say it")
	errNotAText    = errors.New("must be a text")
	errNoSubject   = fmt.Errorf("is missing: it is the aggregate that the event is of, and the source, which would be that, has more than %d bytes", action.MaxID)
)

// takenCloudEvent is a CloudEvent on its way to become an event.
type takenCloudEvent struct {
	prefix string            // of the names of attributes in errors
	given  map[string]string // attributes by name, as text
	kept   []Attribute       // those that the event has no member for, in their order; Value is JSON
	data   []byte            // JSON; nil = there is none
	size   int
}

// ReadCloudEvent turns a CloudEvent in JSON (JSON format 1.0.2, 3) into the body of an
// event. The attributes become: id, which is for deduplication; type, event_type;
// subject, or without one the source, aggregateID; time, created_at; data, event_payload, byte for
// byte; the extensions org, instance, sequence, userid and aggregatetype, resourceOwner,
// instanceID, sequence, userID and aggregateType. Source and whatever else there is stand
// in the member cloudevent. The error is bad_field or malformed, with the attribute.
func ReadCloudEvent(raw []byte) ([]byte, error) {
	members, err := Members(raw)
	if err != nil {
		return nil, err
	}
	e := takenCloudEvent{given: map[string]string{}}
	for _, m := range members {
		value := raw[m.ValStart:m.ValEnd]
		switch {
		case m.Name == "data":
			e.data = value
		case m.Name == "data_base64":
			return nil, fieldError(m.Name, errNoData)
		case string(value) == "null": // which is none (JSON format, 2.2)
		default:
			if err := e.take(m.Name, value); err != nil {
				return nil, err
			}
		}
	}
	return e.body()
}

// ReadCloudHeaders is ReadCloudEvent for the binary mode of the HTTP binding: the
// attributes are those of the ce- headers, by their names in lower case without that,
// percent-encoded; body is the data, and contentType that of it. An empty body is no
// data.
func ReadCloudHeaders(attributes []Attribute, contentType string, body []byte) ([]byte, error) {
	e := takenCloudEvent{prefix: "ce-", given: map[string]string{}}
	for _, a := range attributes {
		value, err := url.PathUnescape(a.Value)
		_, twice := e.given[a.Name]
		switch {
		case err != nil:
			return nil, e.wrong(a.Name, errNotEncoded)
		case twice:
			return nil, e.wrong(a.Name, errTwice)
		case a.Name == "data", a.Name == "datacontenttype":
			return nil, e.wrong(a.Name, errNoHeader)
		}
		if err := e.take(a.Name, quote(value)); err != nil {
			return nil, err
		}
	}
	if contentType != "" && len(body) > 0 && !isJSON(contentType) {
		return nil, fieldError("Content-Type", errNotJSONData)
	}
	if contentType != "" {
		if err := e.take("datacontenttype", quote(contentType)); err != nil {
			return nil, err
		}
	}
	if len(body) > 0 {
		if err := CheckJSON(body); err != nil {
			return nil, action.AsError(err, action.StageDecode).WithField("data")
		}
		e.data = body
	}
	return e.body()
}

// hasPlace are the attributes that have a member of their own, or none.
var hasPlace = map[string]bool{
	"specversion": true, "id": true, "type": true, "subject": true, "time": true, "org": true, "instance": true,
	"sequence": true, "userid": true, "aggregatetype": true,
}

// take takes an attribute in; value is JSON.
func (e *takenCloudEvent) take(name string, value []byte) error {
	if name == "" || len(name) > maxName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return e.wrong(shownName(name), errBadName)
	}
	text, isText := text(value)
	if !isText {
		text = string(value)
	}
	switch {
	case !isText && (hasPlace[name] || name == "source") && name != "sequence":
		return e.wrong(name, errNotAText)
	case len(text) > maxAttribute, isText && hasControl(text), !isText && !isScalar(text):
		return e.wrong(name, errBadValue)
	case len(e.given) == maxAttributes:
		return e.wrong(name, fmt.Errorf("a CloudEvent has at most %d attributes", maxAttributes))
	}
	if e.size += len(name) + len(text); e.size > maxCloudTexts {
		return e.wrong(name, fmt.Errorf("the attributes of a CloudEvent have at most %d bytes", maxCloudTexts))
	}
	e.given[name] = text
	if !hasPlace[name] {
		e.kept = append(e.kept, Attribute{name, string(value)})
	}
	return nil
}

// shownName is a name in an error: somebody else chose it.
func shownName(name string) string {
	if len(name) > maxName || hasControl(name) {
		return "attribute"
	}
	return name
}

// isScalar tells whether JSON that is no text is a boolean or a whole number, as an
// attribute may be (JSON format, 2.2).
func isScalar(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil || text == "true" || text == "false"
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

// wrong is the error of an attribute; nil when err is.
func (e *takenCloudEvent) wrong(name string, err error) error {
	return fieldError(e.prefix+name, err)
}

// check holds the attributes against what CloudEvents and an event ask of them.
func (e *takenCloudEvent) check() error {
	for _, name := range []string{"specversion", "id", "source", "type"} {
		if e.given[name] == "" {
			return e.wrong(name, errMissing)
		}
	}
	if e.given["specversion"] != cloudSpec {
		return e.wrong("specversion", errBadVersion)
	}
	if source := e.given["source"]; !isSource(source) {
		return e.wrong("source", errBadSource)
	}
	if e.given["subject"] == "" {
		if e.given["subject"] = e.given["source"]; len(e.given["subject"]) > action.MaxID {
			return e.wrong("subject", errNoSubject)
		}
	}
	if time := e.given["time"]; time != "" && !isTime(time) {
		return e.wrong("time", errBadTime)
	}
	if media := e.given["datacontenttype"]; media != "" && e.data != nil && !isJSON(media) {
		return e.wrong("datacontenttype", errNotJSONData)
	}
	if n := e.given["sequence"]; n != "" {
		if _, err := strconv.ParseUint(n, 10, 64); err != nil {
			return e.wrong("sequence", errBadNumber)
		}
	}
	for _, name := range []string{"id", "subject", "org", "instance", "userid", "aggregatetype"} {
		if err := action.CheckID(e.given[name]); err != nil {
			return e.wrong(name, err)
		}
	}
	return e.wrong("type", action.CheckEventType(e.given["type"]))
}

func isSource(source string) bool {
	_, err := url.Parse(source)
	return err == nil && len(source) <= maxSource && !strings.Contains(source, " ")
}

// isJSON tells whether a media type is one of JSON.
func isJSON(media string) bool {
	base, _, _ := strings.Cut(media, ";")
	base = strings.ToLower(strings.TrimSpace(base))
	return base == "application/json" || base == "text/json" || strings.HasSuffix(base, "+json")
}

// body writes the event, its members in their usual order.
func (e *takenCloudEvent) body() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(e.data)+e.size+bodyRoom), '{')
	add := func(name string, value []byte) {
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = appendMember(out, name, value)
	}
	for _, m := range [...][2]string{
		{"id", "id"}, {"aggregateID", "subject"}, {"aggregateType", "aggregatetype"}, {"resourceOwner", "org"}, {"instanceID", "instance"},
		{"sequence", "sequence"}, {"event_type", "type"}, {"created_at", "time"}, {"userID", "userid"},
	} {
		value := e.given[m[1]]
		switch {
		case value == "":
		case m[0] == "sequence":
			n, _ := strconv.ParseUint(value, 10, 64) // it was checked
			add(m[0], strconv.AppendUint(nil, n, 10))
		default:
			add(m[0], quote(value))
		}
	}
	if e.data != nil {
		add("event_payload", e.data)
	}
	kept := []byte{'{'}
	for i, a := range e.kept {
		if i > 0 {
			kept = append(kept, ',')
		}
		kept = appendMember(kept, a.Name, []byte(a.Value))
	}
	add(memberCloudEvent, append(kept, '}'))
	return append(out, '}'), nil
}

// takenSource reads the source of a CloudEvent as which an event was taken, from its
// member cloudevent; "" when it says none that can be told.
func takenSource(value []byte) string {
	members, _ := Split(value, nil)
	at := slices.IndexFunc(members, func(m Member) bool { return m.Name == "source" })
	if at < 0 {
		return ""
	}
	source, ok := text(value[members[at].ValStart:members[at].ValEnd])
	if !ok || !isSource(source) || hasControl(source) {
		return ""
	}
	return source
}

package invoke

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// HeaderIdempotency repeats the delivery id under the name that many HTTP
// frameworks know.
const HeaderIdempotency = "Idempotency-Key"

// reserved are the headers that a target's own headers cannot set, besides all
// that begin with callout-, webhook- and proxy-: ours, and those that belong
// to the connection. Canonical form.
var reserved = map[string]bool{
	"Accept-Encoding": true, "Connection": true, "Content-Encoding": true, "Content-Length": true,
	"Content-Type": true, "Expect": true, "Host": true, "Idempotency-Key": true, "Keep-Alive": true,
	"Te": true, "Traceparent": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
	"User-Agent": true, "X-Idempotency-Key": true, "Zitadel-Signature": true,
}

func isReserved(canonical string) bool {
	return reserved[canonical] || strings.HasPrefix(canonical, "Callout-") ||
		strings.HasPrefix(canonical, "Webhook-") || strings.HasPrefix(canonical, "Proxy-")
}

// The names of our headers in the form in which net/http keeps them.
var (
	nameTraceparent = http.CanonicalHeaderKey(wire.HeaderTraceparent)
	nameZitadel     = http.CanonicalHeaderKey(sign.HeaderZitadel)
	nameID          = http.CanonicalHeaderKey(sign.HeaderID)
	nameTimestamp   = http.CanonicalHeaderKey(sign.HeaderTimestamp)
	nameSignature   = http.CanonicalHeaderKey(sign.HeaderSignature)
)

// usualHeaders is how many headers of ours a call without a trace has, and
// eventHeaders how many a delivery has, with a trace and a mark: there is room for
// that many, and more find their own. A map with room for more than usualHeaders
// takes twice the memory, which calls need not.
const (
	usualHeaders = 14
	eventHeaders = 29
)

// envelopeRoom is about what the attributes of a CloudEvent take, in bytes.
const envelopeRoom = 512

// noHeader is what http.Client sees, see sealed. Never written to.
var noHeader = http.Header{}

// prepare makes the POST. Time and signatures are this attempt's.
func (i *Invoker) prepare(ctx context.Context, ex *exchange, cl *client, c Call) *action.Error {
	if len(c.Body) == 0 {
		// net/http repeats a POST without a body by itself, see below.
		return action.NewError(action.CodeBadField, action.StageInvoke, "a target is sent a body").WithField("body")
	}
	if refused := i.checkIdentity(c.Identity); refused != nil {
		return refused
	}
	ex.begin(ctx, cl.parsed.Scheme == "https")
	now := i.options.Now()
	var refused *action.Error
	if c.Body, refused = c.shown(); refused != nil {
		return refused
	}
	if ex.body, refused = payloadOf(&c, now); refused != nil {
		return refused
	}
	if refused := i.fillHeader(ex, cl, c, now); refused != nil {
		return refused
	}
	plain := http.Request{Method: http.MethodPost, URL: cl.parsed, Header: noHeader}
	ex.request.Request = plain.WithContext(ex)
	if err := ex.request.SetBody(retryablehttp.ReaderFunc(ex.open)); err != nil {
		return action.NewError(action.CodeInternal, action.StageInvoke, "").WithCause(err)
	}
	// net/http repeats a request by itself when it can rewind the body: with an
	// Idempotency-Key on any kept connection that ended, however late, and after
	// an HTTP/2 PROTOCOL_ERROR, whatever was processed. Without GetBody it
	// cannot; what may be repeated is decided in one place, see unprocessed.
	ex.request.GetBody = nil
	return nil
}

// shown is the body without what the target must not see.
func (c *Call) shown() ([]byte, *action.Error) {
	if c.Redrive && (len(c.Target.Redact) > 0 || c.Target.Payload != "") { // it may be a letter because it is no JSON
		if err := wire.CheckJSON(c.Body); err != nil {
			return nil, action.AsError(err, action.StageInvoke)
		}
	}
	body, err := wire.WaysOf(c.Target.Redact).Redact(c.Body)
	return body, action.AsError(err, action.StageInvoke)
}

// set sets a header of ours; name is in canonical form.
func (ex *exchange) set(name, value string) {
	if ex.named == len(ex.values) {
		ex.header[name] = []string{value}
		return
	}
	ex.values[ex.named] = value
	ex.header[name] = ex.values[ex.named : ex.named+1 : ex.named+1]
	ex.named++
}

// setOwn sets headers of the target, those that it may have.
func (ex *exchange) setOwn(headers map[string]string) *action.Error {
	for name, value := range headers {
		if !isToken(name) || !isValue(value) {
			return action.NewError(action.CodeBadField, action.StageInvoke,
				"a header has a name or value that is not allowed").WithField("headers")
		}
		if name = http.CanonicalHeaderKey(name); !isReserved(name) {
			ex.header[name] = []string{value}
		}
	}
	return nil
}

func (i *Invoker) fillHeader(ex *exchange, cl *client, c Call, now time.Time) *action.Error {
	room := usualHeaders
	ex.values = ex.few[:]
	if c.Sequence != 0 || c.Traceparent != "" {
		room = eventHeaders
		ex.values = make([]string, eventHeaders)
	}
	ex.header = make(http.Header, room+len(c.Target.Headers)+len(c.Headers))
	if refused := ex.setOwn(c.Target.Headers); refused != nil {
		return refused
	}
	if refused := ex.setOwn(c.Headers); refused != nil {
		return refused
	}
	ex.set("Content-Type", contentType(&c))
	ex.set("User-Agent", "callout")
	ex.set("Accept-Encoding", "gzip")
	ex.set(wire.HeaderTarget, c.Target.Name)
	if c.Traceparent != "" && isValue(c.Traceparent) {
		ex.set(nameTraceparent, c.Traceparent)
	}
	ex.setOrigin(&c)
	if c.ID != "" {
		if !isValue(c.ID) {
			return action.NewError(action.CodeBadField, action.StageInvoke,
				"a delivery id has a character that is not allowed").WithField("id")
		}
		ex.set(wire.HeaderDelivery, c.ID)
		ex.set(HeaderIdempotency, c.ID)
	}
	return fillValues(ex, cl, c, now)
}

// eventTime is RFC 3339 with milliseconds, which every language reads.
const eventTime = "2006-01-02T15:04:05.000Z07:00"

// setOrigin tells the target where the body comes from, and whether it is sent
// again.
func (ex *exchange) setOrigin(c *Call) {
	if c.Replay {
		ex.set(wire.HeaderReplay, "true")
	}
	if c.Redrive {
		ex.set(wire.HeaderRedrive, "true")
	}
	if c.Instance != "" {
		ex.set(wire.HeaderInstance, wire.HeaderText(c.Instance))
	}
	if c.Org != "" {
		ex.set(wire.HeaderOrg, wire.HeaderText(c.Org))
	}
	if c.EventID != "" {
		ex.set(wire.HeaderEventID, wire.HeaderText(c.EventID))
	}
	if c.EventType != "" {
		ex.set(wire.HeaderEventType, wire.HeaderText(c.EventType))
	}
}

// computed are header values, written into one text one after the other.
type computed struct {
	text   []byte
	values []named
}

// named is one of them: it ends at end, where the next one begins.
type named struct {
	name string
	end  int
}

var computedFree = sync.Pool{New: func() any { return &computed{text: make([]byte, 0, 512)} }}

// end ends the value that was last written.
func (v *computed) end(name string) {
	v.values = append(v.values, named{name, len(v.text)})
}

// fillValues sets the headers whose values are computed: numbers, and the
// signatures that the target's definition asks for. A target that is to be
// signed is never called without.
func fillValues(ex *exchange, cl *client, c Call, now time.Time) *action.Error {
	v := computedFree.Get().(*computed)
	defer computedFree.Put(v)
	v.text, v.values = v.text[:0], v.values[:0]
	if refused := signAll(ex, v, cl, c, now); refused != nil {
		return refused
	}
	v.text = strconv.AppendInt(v.text, int64(c.Attempt), 10)
	v.end(wire.HeaderAttempt)
	if c.Sequence != 0 {
		v.text = strconv.AppendUint(v.text, c.Sequence, 10)
		v.end(wire.HeaderSequence)
	}
	if !c.EventTime.IsZero() {
		v.text = c.EventTime.UTC().AppendFormat(v.text, eventTime)
		v.end(wire.HeaderEventTime)
	}
	if c.Event != nil && c.Target.Payload == "" { // in binary mode the body is the data
		v.attributes(c.Event)
	}
	if deadline, ok := ex.Deadline(); ok {
		v.text = strconv.AppendInt(v.text, max(time.Until(deadline).Milliseconds(), 0), 10)
		v.end(wire.HeaderRemaining)
	}
	text, from := string(v.text), 0
	for _, value := range v.values {
		ex.set(value.name, text[from:value.end])
		from = value.end
	}
	return nil
}

// attributes adds those of a CloudEvent in the binary mode of its HTTP binding.
func (v *computed) attributes(e *wire.CloudEvent) {
	var room [cloudHeaders]wire.Attribute
	for _, a := range e.Attributes(room[:0]) {
		v.text = wire.AppendCloudHeader(v.text, a.Value)
		v.end(cloudName[a.Name])
	}
}

// cloudName are the headers of attributes in the form in which net/http keeps them.
var cloudName = func() map[string]string {
	all := wire.CloudEvent{Subject: "s", Time: "t", Instance: "i", Org: "o", Sequence: 1}
	of := map[string]string{}
	for _, a := range all.Attributes(nil) {
		of[a.Name] = http.CanonicalHeaderKey("ce-" + a.Name)
	}
	return of
}()

// cloudHeaders is how many they are.
const cloudHeaders = 9

// isToken tells whether s may be a header's name (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isValue tells whether s may be a header's value: no control characters but
// the tab (RFC 9110, 5.5).
func isValue(s string) bool {
	for _, c := range []byte(s) {
		if (c < ' ' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}

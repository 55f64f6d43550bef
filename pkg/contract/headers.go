package contract

import (
	"net/textproto"
	"strings"

	"github.com/callout-hq/callout/pkg/wire"
)

// A Header is one that a target receives.
type Header struct {
	Name    string
	Of      Kind   // the deliveries that have it
	Always  bool   // each of these has it
	Says    string // what it says
	Schema  Object
	Example string
}

// Canonical is the name in the form in which it is sent over HTTP/1.1, and which code
// generators take.
func (h Header) Canonical() string { return textproto.CanonicalMIMEHeaderKey(h.Name) }

// key is the name of the header's parameter in a document.
func (h Header) key() string { return strings.ReplaceAll(h.Canonical(), "-", "") }

// Kind is a set of kinds of delivery.
type Kind uint8

// What a target receives.
const (
	OfCall Kind = 1 << iota
	OfEvent
	OfAsync

	OfAll = OfCall | OfEvent | OfAsync
)

func plainText() Object { return Pairs("type", "string") }

func oneOf(values ...string) Object { return Pairs("type", "string", "enum", values) }

func digits() Object { return Pairs("type", "string", "pattern", "^[0-9]+$") }

// Headers are those that a target receives, in the order of docs/targets.md. What HTTP
// itself needs is not among them.
var Headers = []Header{
	{wire.HeaderTarget, OfAll, true, "The name of the target in the configuration.", plainText(), "name"},
	{wire.HeaderDelivery, OfAll, true, "The same on every attempt of a delivery, and signed as webhook-id.", plainText(), "01KDYTQ9M0ZT5V4W6K8XB3E2RC"},
	{"Idempotency-Key", OfAll, true, "The same id, under the name that many frameworks know.", plainText(), "01KDYTQ9M0ZT5V4W6K8XB3E2RC"},
	{wire.HeaderAttempt, OfAll, true, "Which attempt this is, counted from 1; always 1 in a call.", digits(), "1"},
	{wire.HeaderRemaining, OfAll, true, "Milliseconds until nobody waits for the answer any more.", digits(), "1987"},
	{wire.HeaderSequence, OfEvent | OfAsync, true, "The number of the message in its stream: it grows along a line.", digits(), "7"},
	{wire.HeaderInstance, OfAll, true, "The instance, that is the tenant; what is no visible ASCII is percent-encoded.", plainText(), "default"},
	{wire.HeaderOrg, OfAll, false, "The organization of the call or event; missing where none is named.", plainText(), "acme"},
	{wire.HeaderEventID, OfEvent, false, "What publishing the event returned: the same for every target that gets it.", plainText(), "01KDYTQ8V2GJ6N3H5C7M9P1A4D"},
	{wire.HeaderEventType, OfEvent, true, "The type, as event_type in the body.", plainText(), "user.added"},
	{wire.HeaderEventTime, OfEvent, true, "When the event was stored, RFC 3339 in UTC with milliseconds.", Pairs("type", "string", "format", "date-time"), "2026-01-02T03:00:00.123Z"},
	{"ce-specversion", OfEvent, false, "With what follows, the event is a CloudEvent in binary mode.", oneOf("1.0"), "1.0"},
	{"ce-id", OfEvent, false, "The event's id.", plainText(), "01KDYTQ8V2GJ6N3H5C7M9P1A4D"},
	{"ce-source", OfEvent, false, "Where the event is from; with ce-id it names one event.", plainText(), "/instances/default/events/acme/u1/user.added"},
	{"ce-type", OfEvent, false, "The type, as event_type in the body.", plainText(), "user.added"},
	{"ce-subject", OfEvent, false, "The aggregate, as aggregateID in the body.", plainText(), "u1"},
	{"ce-time", OfEvent, false, "When it happened.", Pairs("type", "string", "format", "date-time"), "2026-01-02T03:00:00Z"},
	{"ce-instance", OfEvent, false, "The instance.", plainText(), "default"},
	{"ce-org", OfEvent, false, "The organization; missing where none is named.", plainText(), "acme"},
	{"ce-sequence", OfEvent, false, "The number of the message in its stream, with 20 digits.", Pairs("type", "string", "pattern", "^[0-9]{20}$"), "00000000000000000007"},
	{wire.HeaderTraceparent, OfAll, false, "The W3C trace context that the core gave.", plainText(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	{wire.HeaderReplay, OfEvent, false, "true on an event that somebody sends again on purpose.", oneOf("true"), "true"},
	{wire.HeaderRedrive, OfEvent | OfAsync, false, "true on a dead letter that somebody sends again.", oneOf("true"), "true"},
	{wire.HeaderTest, OfAll, false, "true on a sample that somebody sends to try the target.", oneOf("true"), "true"},
	{"ZITADEL-Signature", OfAll, false, "The signature in ZITADEL's form, unless the configuration leaves it out.", plainText(), "t=1767322800,v1=7518496ebc0457089a2e56effefb0bb92107203942d9687549b493d4d1afa3cc"},
	{"webhook-id", OfAll, false, "The delivery id, as Standard Webhooks names it.", plainText(), "01KDYTQ9M0ZT5V4W6K8XB3E2RC"},
	{"webhook-timestamp", OfAll, false, "When this attempt was signed, in seconds since 1970.", digits(), "1767322800"},
	{"webhook-signature", OfAll, false, "The signature of Standard Webhooks, unless the configuration leaves it out.", plainText(), "v1,lScr2MyC/r5PTumYRxzSSouTnqhJKgKEteAzqnnX6oo="},
}

// parameters are the headers as a document's components.
func parameters() Object {
	all := Object{}
	for _, h := range Headers {
		o := Pairs("name", h.Canonical(), "in", "header", "description", h.Says)
		if h.Always {
			o = append(o, Member{"required", true})
		}
		all = append(all, Member{h.key(), append(o, Member{"schema", h.Schema}, Member{"example", h.Example})})
	}
	return all
}

// parametersOf refers to the headers of a kind of delivery; those of the binary mode of
// CloudEvents with binary alone.
func parametersOf(kind Kind, binary bool) []any {
	all := []any{}
	for _, h := range Headers {
		if h.Of&kind != 0 && (binary || !strings.HasPrefix(h.Name, "ce-")) {
			all = append(all, Pairs("$ref", "#/components/parameters/"+h.key()))
		}
	}
	return all
}

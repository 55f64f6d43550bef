package contract

import (
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// channel is a subject, or a family of them, that a core publishes to.
type channel struct {
	name, address, says string
	parameters          Object
	messages            []message
	more                Object // what the binding of NATS has no member for
}

// message is a body with its headers on NATS.
type message struct {
	name, schema, title string
	headers             string // the schema of its headers; "" = none
}

// exchange is what a core does at a channel.
type exchange struct {
	id, at, summary string
	sends           []string
	queue           string // the queue group that answers; "" = none
	answers         []message
	from            string // the channel of the answers
}

var (
	anInstance = Pairs("instance", Pairs("description", "The instance, as a token: a byte other than A-Z a-z 0-9 _ - is =XX in upper-case hex."))
	ofMethod   = append(anInstance.With("service", Pairs("description", "The service; its dots stay, so that it has several tokens.")),
		Member{"method", Pairs("description", "The method.")})
)

var channels = []channel{
	{"requestCalls", "callout.call.{instance}.request.{service}.{method}", "Calls for requests.", ofMethod, []message{{"requestCall", "RequestCall", "A call for a request", "CallMessageHeaders"}}, nil},
	{"responseCalls", "callout.call.{instance}.response.{service}.{method}", "Calls for responses.", ofMethod, []message{{"responseCall", "ResponseCall", "A call for a response", "CallMessageHeaders"}}, nil},
	{"functionCalls", "callout.call.{instance}.function.{name}", "Calls inside functions.", anInstance.With("name", Pairs("description", "The name of the function, as a token.")), []message{{"functionCall", "FunctionCallSent", "A call inside a function", "CallMessageHeaders"}}, nil},
	{"cancellations", wire.Cancelled, "Where all workers are told of a caller that goes away.", nil, []message{{"cancellation", "Inbox", "The inbox of a call whose answer nobody wants any more", ""}}, nil},
	{"events", "callout.event.{instance}.{organization}.{aggregate}.{type}", "Events. The subject counts, and the body must agree with it.",
		append(anInstance.With("organization", Pairs("description", "The organization as a token; = where none is named.")),
			Member{"aggregate", Pairs("description", "The aggregate as a token.")}, Member{"type", Pairs("description", "The type; the dots between its segments stay, and each is a token.")}),
		[]message{{"event", "Event", "An event", "EventMessageHeaders"}},
		Pairs("x-callout-stream", "CALLOUT_EVENTS_{instance}", "x-callout-deduplication", Pairs("header", "Nats-Msg-Id", "seconds", 600))},
	{"declarations", wire.BucketSubject(wire.BucketDeclared, "{instance}.{core}"), "What cores can be extended at: the value of a key of a bucket.",
		anInstance.With("core", Pairs("description", "The name of the core as a token.")),
		[]message{{"declaration", "Declaration", "What a core can be extended at", ""}},
		Pairs("x-callout-stream", wire.BucketStream(wire.BucketDeclared), "x-callout-bucket", wire.BucketDeclared)},
}

// The channels of answers have no address: the request names it.
var answerChannels = []channel{
	{name: "requestReplies", says: "Where a call for a request is answered.", messages: []message{{"requestReply", "RequestReply", "How the call ended", ""}, refusedMessage}},
	{name: "responseReplies", says: "Where a call for a response or inside a function is answered.", messages: []message{{"responseReply", "ResponseReply", "How the call ended", ""}, refusedMessage}},
	{name: "confirmations", says: "Where a stream says that it has stored.", messages: []message{{"confirmation", "StreamAnswer", "Where it is stored, or why it is not", ""}}},
}

var refusedMessage = message{"refusal", "Refusal", "Nothing was done", "RefusalMessageHeaders"}

var exchanges = []exchange{
	{"receiveRequestCall", "requestCalls", "A worker runs what is configured for a request, and answers.", []string{"requestCall"}, wire.CallGroup, answerChannels[0].messages, "requestReplies"},
	{"receiveResponseCall", "responseCalls", "A worker runs what is configured for a response, and answers.", []string{"responseCall"}, wire.CallGroup, answerChannels[1].messages, "responseReplies"},
	{"receiveFunctionCall", "functionCalls", "A worker runs what is configured inside a function, and answers.", []string{"functionCall"}, wire.CallGroup, answerChannels[1].messages, "responseReplies"},
	{"receiveCancellation", "cancellations", "Workers end a call that nobody waits for.", []string{"cancellation"}, "", nil, ""},
	{"receiveEvent", "events", "The stream stores an event; who sends it as a request is told so. One without that confirmation may not be stored.", []string{"event"}, "", answerChannels[2].messages, "confirmations"},
	{"receiveDeclaration", "declarations", "The bucket keeps what a core declares.", []string{"declaration"}, "", answerChannels[2].messages, "confirmations"},
}

// messageHeaders are schemas of headers on NATS, whose names have case.
func messageHeaders() Object {
	text := func(says string) Object { return Pairs("type", "string", "description", says) }
	return Pairs(
		"CallMessageHeaders", Pairs("type", "object", "description", "Headers of a call. Another Callout- header is refused.", "properties", Pairs(
			wire.HeaderTimeout, text("How long the caller waits: a duration such as 2s, or milliseconds. Left out, "+action.DefaultBudget.String()+"; at most "+action.MaxBudget.String()+"."),
			wire.HeaderMinRevision, text("Run this revision of the configuration, or a newer one."),
			wire.HeaderTraceparent, text("The W3C trace context, handed on to the targets."))),
		"EventMessageHeaders", Pairs("type", "object", "description", "Headers of an event.", "properties", Pairs(
			"Nats-Msg-Id", text("For deduplication within ten minutes: SHA-256 in hex over subject, a space and the event's id, or what the core likes."),
			wire.HeaderEventID, text("What the targets are told under this name; left out, they are told none."),
			wire.HeaderTraceparent, text("The W3C trace context, handed on to the targets."))),
		"RefusalMessageHeaders", Pairs("type", "object", "description", "Headers of a refusal.", "required", []string{wire.HeaderStatus}, "properties", Pairs(
			wire.HeaderStatus, text("The status that HTTP would have."))),
		"Inbox", Pairs("type", "string", "description", "The subject at which the call was to be answered, as plain text.", "minLength", 1),
	)
}

const asyncDescription = `What a core says over NATS without a dispatcher in between. The operations are the engine's: it
receives what a core sends. Subjects are made of tokens: an id stands as it is when it has only A-Z a-z 0-9 _ -; any other
byte is =XX in upper-case hex, and an empty id is =. Bodies and answers are those of HTTP.

The binding of NATS knows queue groups alone. What there is besides stands in members that begin with x-callout-: the stream
that keeps a message, and the header by which it is stored once.`

// AsyncAPI describes the NATS side of cores: AsyncAPI 3.
func AsyncAPI() Object {
	names, documented, messages := []string{}, Object{}, Object{}
	own := messageHeaders()
	for _, c := range append(append([]channel{}, channels...), answerChannels...) {
		documented = append(documented, Member{c.name, c.object()})
		for _, m := range c.messages {
			if own.Get(m.schema) == nil {
				names = append(names, m.schema)
			}
			messages = messages.With(m.name, m.object())
		}
	}
	operations := Object{}
	for _, e := range exchanges {
		operations = append(operations, Member{e.id, e.operation()})
	}
	return Pairs(
		"asyncapi", "3.0.0",
		"info", Pairs("title", "Callout for cores over NATS", "version", "v1", "description", asyncDescription,
			"license", Pairs("name", "Apache-2.0", "url", "https://www.apache.org/licenses/LICENSE-2.0")),
		"defaultContentType", "application/json",
		"servers", Pairs("nats", Pairs("host", "127.0.0.1:4222", "protocol", "nats", "description", "The NATS of the installation, with JetStream.")),
		"channels", documented,
		"operations", operations,
		"components", Pairs("messages", messages, "schemas", append(Components(names...), own...)),
	)
}

func (c channel) object() Object {
	o := Pairs("address", nil)
	if c.address != "" {
		o = o.With("address", c.address)
	}
	named := Object{}
	for _, m := range c.messages {
		named = append(named, Member{m.name, Pairs("$ref", "#/components/messages/"+m.name)})
	}
	o = append(o, Member{"description", c.says}, Member{"messages", named})
	if c.parameters != nil {
		o = append(o, Member{"parameters", c.parameters})
	}
	return append(o, c.more...)
}

// schemaFormat says which dialect the schemas are of.
const schemaFormat = "application/schema+json;version=draft-2020-12"

func (m message) object() Object {
	schema := func(name string) Object {
		return Pairs("schemaFormat", schemaFormat, "schema", Pairs("$ref", components+name))
	}
	o := Pairs("name", m.name, "title", m.title)
	if m.schema == "Inbox" {
		o = append(o, Member{"contentType", "text/plain"})
	}
	if m.headers != "" {
		o = append(o, Member{"headers", schema(m.headers)})
	}
	o = append(o, Member{"payload", schema(m.schema)})
	if example := exampleOf(m.schema); example != nil {
		o = append(o, Member{"examples", []any{Pairs("payload", example)}})
	}
	return o
}

func (e exchange) operation() Object {
	at := "#/channels/" + e.at
	list := func(channel string, names ...string) []any {
		all := []any{}
		for _, name := range names {
			all = append(all, Pairs("$ref", channel+"/messages/"+name))
		}
		return all
	}
	o := Pairs("action", "receive", "summary", strings.TrimSuffix(e.summary, "."), "channel", Pairs("$ref", at), "messages", list(at, e.sends...))
	if e.queue != "" {
		o = append(o, Member{"bindings", Pairs("nats", Pairs("queue", e.queue, "bindingVersion", "0.1.0"))})
	}
	if e.from != "" {
		var names []string
		for _, m := range e.answers {
			names = append(names, m.name)
		}
		from := "#/channels/" + e.from
		o = append(o, Member{"reply", Pairs(
			"address", Pairs("location", "$message.header#/reply", "description", "The inbox that NATS carries as the reply of a message."),
			"channel", Pairs("$ref", from), "messages", list(from, names...))})
	}
	return o
}

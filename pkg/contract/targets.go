package contract

import (
	"strings"

	"github.com/callout-hq/callout/pkg/wire"
)

// hook is one thing that a target is sent, as a webhook of OpenAPI.
type hook struct {
	key, id, summary string
	kind             Kind
	media            string // of the body; "" = JSON
	body             string // the schema of the body
	change           string // of what it may answer; "" = only its status counts
}

// isCall tells whether somebody waits for the answer.
func (h hook) isCall() bool { return h.kind == OfCall }

// hooks are what every target may be sent. Those of a core's own methods and types have
// keys of their own behind a dot, which none of these has, see Types.
var hooks = []hook{
	{"request", "OnRequest", "A request, before the core handles it", OfCall, "", "RequestCall", "Changed"},
	{"response", "OnResponse", "A response, before the core's caller gets it", OfCall, "", "ResponseCall", "Changed"},
	{"function", "OnFunction", "A function of the core, at the place that it has a name for", OfCall, "", "FunctionCall", "Changed"},
	{"function/token", "OnTokenFunction", "A function that completes a token, which is answered as ZITADEL wants it", OfCall, "", "FunctionCall", "TokenChanges"},
	{"event", "OnEvent", "An event, after the core has stored it", OfEvent, "", "Event", ""},
	{"event/cloudevents", "OnCloudEvent", "An event in the structured form of CloudEvents, with payload: cloudevents", OfEvent, wire.TypeCloudEvent, "CloudEvent", ""},
	{"async/request", "OnAsyncRequest", "The body of a request, later, to an async target", OfAsync, "", "RequestCall", ""},
	{"async/response", "OnAsyncResponse", "The body of a response, later, to an async target", OfAsync, "", "ResponseCall", ""},
	{"async/function", "OnAsyncFunction", "The body of a function, later, to an async target", OfAsync, "", "FunctionCall", ""},
}

const targetsDescription = `What Callout posts to a target, and what the target may answer. Each webhook is one kind
of body; all of them may come to one address, and the members tell them apart: event_type is an event's, function a
function's, fullMethod with response a response's, fullMethod alone a request's.

With payload: jwt or jwe the same body comes signed or encrypted, with the members iss, aud, jti, iat and exp in it.
A target may be sent members that are not told here, and has to pass over them.`

// Targets is the contract of targets: OpenAPI 3.1 with a webhook for each kind of body.
// With types of a core it has more webhooks, of the core's own methods and events.
func Targets(of *Types) Object {
	all := hooks
	if of != nil {
		all = append(append([]hook{}, hooks...), of.hooks...)
	}
	names, webhooks := []string{"Rejection", "RejectionMessage", "ProblemDetails", "Patch", "ReceiverError"}, Object{}
	for _, h := range all {
		webhooks = append(webhooks, Member{h.key, Pairs("post", h.operation())})
		for _, name := range []string{h.body, h.change} {
			if BodyOf(name).Schema != nil {
				names = append(names, name)
			}
		}
	}
	schemas, title := Components(names...), "Callout to targets"
	if of != nil {
		schemas = append(schemas, of.schemas...)
		title += ", of " + of.title
	}
	document := Pairs(
		"openapi", "3.1.0",
		"info", Pairs("title", title, "version", "v1", "description", targetsDescription,
			"license", Pairs("name", "Apache-2.0", "identifier", "Apache-2.0")),
		"jsonSchemaDialect", "https://json-schema.org/draft/2020-12/schema",
		"webhooks", webhooks,
		"components", Pairs("schemas", schemas, "parameters", parameters(), "headers", answerHeaders(), "responses", answers()),
	)
	if of != nil && len(of.left) > 0 {
		document = append(document, Member{"x-callout-left-out", of.left})
	}
	return document
}

func (h hook) operation() Object {
	media := h.media
	if media == "" {
		media = "application/json"
	}
	content := Pairs("schema", Reference(h.body))
	if example := exampleOf(h.body); example != nil {
		content = append(content, Member{"example", example})
	}
	responses := h.delivered()
	if h.isCall() {
		responses = h.called()
	}
	return Pairs(
		"operationId", h.id,
		"summary", h.summary,
		"parameters", parametersOf(h.kind, h.media == "" && strings.HasPrefix(h.key, "event")),
		"requestBody", Pairs("required", true, "content", Object{{media, content}}),
		"responses", responses,
	)
}

// exampleOf is the first example of a body; nil = it has none.
func exampleOf(name string) any {
	if all, _ := BodyOf(name).Schema.Get("examples").([]any); len(all) > 0 {
		return all[0]
	}
	return nil
}

// called are the answers to what somebody waits for.
func (h hook) called() Object {
	change := Pairs("application/json", Pairs("schema", Pairs("oneOf", []any{Reference(h.change), Reference("Rejection")})))
	if h.change != "TokenChanges" {
		change = append(change, Member{"application/json-patch+json", Pairs("schema", Reference("Patch"))})
	}
	return Pairs(
		"200", Pairs("description", "A change, which is merged into the object, or a refusal for the core's caller.", "content", change),
		"204", Pairs("description", "Nothing is changed."),
		"4XX", response("Refused"),
		"5XX", response("Failed"),
	)
}

// delivered are the answers to what nobody waits for.
func (h hook) delivered() Object {
	return Pairs(
		"200", Pairs("description", "Done. The body says nothing, unless it is a refusal, which makes it come again."),
		"204", response("Done"),
		"409", response("InProgress"),
		"410", Pairs("description", "The target is gone for good: it is paused, and nothing is lost."),
		"422", response("Never"),
		"429", response("Later"),
		"503", response("Later"),
		"4XX", response("Failed"),
		"5XX", response("Failed"),
	)
}

func response(name string) Object { return Pairs("$ref", "#/components/responses/"+name) }

func answerHeaders() Object {
	return Pairs(
		"RetryAfter", Pairs("description", "Seconds, or a date of HTTP: it makes the wait longer, up to retry.max of the target.", "schema", plainText()),
		"CalloutDuplicate", Pairs("description", "true: this delivery was done before, and no handler ran.", "schema", oneOf("true")),
	)
}

// answers are those that several webhooks have.
func answers() Object {
	failure := Pairs("application/json", Pairs("schema", Reference("ReceiverError")))
	return Pairs(
		"Refused", Pairs("description", "With one of these bodies a refusal for the core's caller, with this status; with any other the target has failed.",
			"content", Pairs("application/json", Pairs("schema", Reference("RejectionMessage")), "application/problem+json", Pairs("schema", Reference("ProblemDetails")))),
		"Failed", Pairs("description", "The target has failed. Of a delivery 408, 409, 425, 429 and 5xx come again, and other 4xx are dead letters.", "content", failure),
		"Done", Pairs("description", "Done.", "headers", Pairs("Callout-Duplicate", Pairs("$ref", "#/components/headers/CalloutDuplicate"))),
		"InProgress", Pairs("description", "A handler works at this delivery: it comes again.", "content", failure),
		"Never", Pairs("description", "It is of no use to send this again: it becomes a dead letter at once.", "content", failure),
		"Later", Pairs("description", "It comes again, no sooner than Retry-After says.",
			"headers", Pairs("Retry-After", Pairs("$ref", "#/components/headers/RetryAfter")), "content", failure),
	)
}

package generate

import (
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// coreRoute is a route of the dispatcher that a core calls, or that tells how it
// is. A test calls each of them for each of its answers.
type coreRoute struct {
	method, path, id, summary, description string
	body                                   string // schema of the body; empty = none
	also                                   []coreBody
	headers                                []string
	answers                                []coreAnswer
}

// coreBody is another form that a body may have.
type coreBody struct{ media, schema string }

type coreAnswer struct {
	status int
	when   string
	schema string // of the body
}

// What every route may answer beside its own.
var (
	refusedBody  = coreAnswer{status: 400, when: "the body is not the JSON that is expected, or a field is outside its grammar", schema: "Refusal"}
	stranger     = coreAnswer{status: 401, when: "the dispatcher asks who calls, and no token that it knows came along", schema: "Refusal"}
	tooFast      = coreAnswer{status: 429, when: "more in a second than the token or the instance's quota allows; Retry-After says when to come again", schema: "Refusal"}
	mayNot       = coreAnswer{status: 403, when: "the token has not the verb for this instance; or a page of somebody else could have sent it", schema: "Refusal"}
	refusedHost  = coreAnswer{status: 403, when: "a page of somebody else could have sent it: Host or Origin is not this machine", schema: "Refusal"}
	noInstance   = coreAnswer{status: 404, when: "there is no such instance", schema: "Refusal"}
	noKeys       = coreAnswer{status: 404, when: "no instance of this name publishes keys", schema: "Refusal"}
	tooLarge     = coreAnswer{status: 413, when: "the body is over its bound", schema: "Refusal"}
	noEvents     = coreAnswer{status: 415, when: "the Content-Type is not application/json and none of CloudEvents, and no ce- headers came along", schema: "Refusal"}
	noJSON       = coreAnswer{status: 415, when: "the Content-Type is not application/json", schema: "Refusal"}
	notChanged   = coreAnswer{status: 304, when: "If-None-Match has its ETag"}
	noSchema     = coreAnswer{status: 404, when: "there is no such schema", schema: "Refusal"}
	comeAgain    = coreAnswer{status: 503, when: "not now; Retry-After says when to come again", schema: "Refusal"}
	pastDeadline = coreAnswer{status: 504, when: "the header Callout-Timeout leaves no time", schema: "Refusal"}
)

func callRoute(phase action.Phase, path, id, summary, body string) coreRoute {
	return coreRoute{method: "post", path: path, id: id, summary: summary, body: body,
		description: "Whatever the outcome is, the status is 200: ask the outcome. A refusal below means that no target was asked.",
		headers:     []string{wire.HeaderTimeout, wire.HeaderMinRevision, wire.HeaderTraceparent},
		answers: []coreAnswer{{status: 200, when: "the outcome", schema: replyOf(phase)},
			refusedBody, stranger, mayNot, noInstance, tooLarge, noJSON, tooFast, comeAgain, pastDeadline}}
}

func replyOf(phase action.Phase) string {
	if phase == action.Request {
		return "RequestReply"
	}
	return "ResponseReply"
}

// coreRoutes are in the order of the document.
var coreRoutes = []coreRoute{
	callRoute(action.Request, "/v1/instances/{instance}/calls/request", "CallRequest", "Run what is configured before a request is handled", "RequestCall"),
	callRoute(action.Response, "/v1/instances/{instance}/calls/response", "CallResponse", "Run what is configured for a response", "ResponseCall"),
	callRoute(action.Function, "/v1/instances/{instance}/calls/functions/{name}", "CallFunction", "Run what is configured inside a function", "FunctionCallSent"),
	callRoute(action.Function, "/v1/instances/{instance}/calls/function/{name}", "CallFunctionToo", "The same as calls/functions", "FunctionCallSent"),
	{method: "post", path: "/v1/instances/{instance}/events", id: "PublishEvents", summary: "Store events, which are then delivered",
		description: "One event, or an array of them, which are stored in their order. All are checked before the first is stored. The answer comes when all are stored. CloudEvents are taken too: structured, as a batch, or binary, with ce- headers and the data as the body.",
		body:        "EventOrEvents", also: []coreBody{{wire.TypeCloudEvent, "PublishedCloudEvent"}, {wire.TypeCloudEvents, "PublishedCloudEvents"}}, headers: []string{wire.HeaderTraceparent},
		answers: []coreAnswer{{status: 202, when: "stored", schema: "StoredEvents"}, refusedBody, stranger, mayNot, noInstance,
			{status: 409, when: "an id is that of another event; the others of an array are stored", schema: "StoredEvents"},
			tooLarge, noEvents, tooFast, {status: 503, when: "the stream is full or does not confirm; of an array, events tells what was stored before", schema: "StoredEvents"}}},
	{method: "get", path: "/v1/instances/{instance}/.well-known/jwks.json", id: "InstanceKeys", summary: "Give the public keys of an instance",
		description: "What it signs JWTs and v1a of Standard Webhooks with, for everybody. Cache-Control says how long they may be kept; who meets a kid that is not among them fetches them again.",
		answers:     []coreAnswer{{status: 200, when: "the keys", schema: "Keys"}, refusedHost, noKeys, comeAgain}},
	{method: "get", path: "/.well-known/jwks.json", id: "Keys", summary: "Give the public keys of the instance default, or of the only one",
		answers: []coreAnswer{{status: 200, when: "the keys", schema: "Keys"}, refusedHost, comeAgain}},
	{method: "get", path: "/openapi.json", id: "OpenAPI", summary: "Give this document", description: "It needs a token where gRPC reflection does.",
		answers: []coreAnswer{{status: 200, when: "the document", schema: "AnyObject"}, notChanged, stranger, mayNot, comeAgain}},
	{method: "get", path: "/asyncapi.json", id: "AsyncAPI", summary: "Give what a core says over NATS, as AsyncAPI",
		answers: []coreAnswer{{status: 200, when: "the document", schema: "AnyObject"}, notChanged, refusedHost, comeAgain}},
	{method: "get", path: "/schemas", id: "Schemas", summary: "List what is served of the contract",
		answers: []coreAnswer{{status: 200, when: "the paths", schema: "ContractIndex"}, notChanged, refusedHost, comeAgain}},
	{method: "get", path: "/schemas/{schema}", id: "Schema", summary: "Give a JSON Schema, or the OpenAPI of targets",
		description: "RequestCall.json and the like are what targets and cores send and get; targets.openapi.json has a webhook for each body that a target receives.",
		answers:     []coreAnswer{{status: 200, when: "the schema", schema: "AnyObject"}, notChanged, refusedHost, noSchema, comeAgain}},
	{method: "get", path: "/v1/instances/{instance}/contract/openapi.json", id: "Types", summary: "Give the OpenAPI of targets, typed by what the cores of an instance have declared",
		description: "As targets.openapi.json, with a webhook for each method, event type and function whose bodies a core has described. The query core=NAME asks for those of one core.",
		answers:     []coreAnswer{{status: 200, when: "the document", schema: "AnyObject"}, notChanged, stranger, mayNot, noInstance, comeAgain}},
	{method: "get", path: "/healthz", id: "Health", summary: "Tell that the process lives",
		answers: []coreAnswer{{status: 200, when: "it lives", schema: "Health"}, refusedHost}},
	{method: "get", path: "/readyz", id: "Ready", summary: "Tell whether requests are served",
		description: "It names what is missing, and what is not as it should be.",
		answers:     []coreAnswer{{status: 200, when: "requests are served", schema: "Readiness"}, refusedHost, comeAgain}},
}

func (r coreRoute) item() yaml.MapItem {
	parameters := []any{}
	for _, name := range pathParameters(r.path) {
		parameters = append(parameters, pairs("name", name, "in", "path", "required", true, "schema", pairs("type", "string")))
	}
	for _, name := range r.headers {
		parameters = append(parameters, pairs("name", name, "in", "header", "description", headerSays[name], "schema", pairs("type", "string")))
	}
	content := func(schema string) object { return pairs("application/json", pairs("schema", reference(schema))) }
	answers := object{}
	for _, a := range r.answers {
		answers = append(answers, yaml.MapItem{Key: strconv.Itoa(a.status), Value: a.object()})
	}
	answers = append(answers, yaml.MapItem{Key: "default", Value: pairs("description", "an error", "content", content("Refusal"))})
	o := pairs("operationId", r.id, "summary", r.summary)
	if r.description != "" {
		o = append(o, yaml.MapItem{Key: "description", Value: r.description})
	}
	if len(parameters) > 0 {
		o = append(o, yaml.MapItem{Key: "parameters", Value: parameters})
	}
	if r.body != "" {
		takes := content(r.body)
		for _, other := range r.also {
			takes = append(takes, yaml.MapItem{Key: other.media, Value: pairs("schema", reference(other.schema))})
		}
		o = append(o, yaml.MapItem{Key: "requestBody", Value: pairs("required", true, "content", takes)})
	}
	return yaml.MapItem{Key: r.path, Value: object{{Key: r.method, Value: append(o, yaml.MapItem{Key: "responses", Value: answers})}}}
}

func (a coreAnswer) object() object {
	o := pairs("description", a.when)
	if a.schema != "" {
		o = append(o, yaml.MapItem{Key: "content", Value: pairs("application/json", pairs("schema", reference(a.schema)))})
	}
	return o
}

var headerSays = map[string]string{
	wire.HeaderTimeout:     "How long the caller waits: a duration such as 2s, or milliseconds. Left out, " + action.DefaultBudget.String() + "; at most " + action.MaxBudget.String() + ".",
	wire.HeaderMinRevision: "Run this revision of the configuration, or a newer one.",
	wire.HeaderTraceparent: "W3C trace context, handed on to the targets.",
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

func pathParameters(path string) (names []string) {
	for _, found := range inBraces.FindAllStringSubmatch(path, -1) {
		names = append(names, found[1])
	}
	return names
}

package generate

import "github.com/goccy/go-yaml"

// The schemas of what a core sends and gets.

func text(says string) object { return pairs("type", "string", "description", says) }

func anyObject(says string) object { return pairs("type", "object", "description", says) }

func objectOf(says string, required []string, properties object) object {
	o := pairs("type", "object")
	if says != "" {
		o = append(o, yaml.MapItem{Key: "description", Value: says})
	}
	if required != nil {
		o = append(o, yaml.MapItem{Key: "required", Value: required})
	}
	return append(o, yaml.MapItem{Key: "properties", Value: properties})
}

func listOf(schema object) object { return pairs("type", "array", "items", schema) }

// aboutCall are the members of a request's and a response's call, as far as they
// are the same.
func aboutCall() object {
	return pairs(
		"fullMethod", text("The method, written /package.Service/Method."),
		"instanceID", text("When it is there, it is that of the path."),
		"orgID", text("The organization whose executions run behind the instance's."),
		"projectID", text("For the targets."),
		"userID", text("For the targets."),
		"request", anyObject("The request. In a call for a request it is what the targets change."),
		"headers", pairs("type", "object", "additionalProperties", listOf(pairs("type", "string")), "description", "For the targets."),
	)
}

func coreSchemas() object {
	response := append(aboutCall(), yaml.MapItem{Key: "response", Value: anyObject("The response, which the targets change.")})
	return pairs(
		"RequestCall", objectOf("A call for a request. Other members are handed on to the targets.", []string{"fullMethod", "request"}, aboutCall()),
		"ResponseCall", objectOf("A call for a response. Other members are handed on to the targets.", []string{"fullMethod", "response"}, response),
		"FunctionCall", objectOf("A call for a function. Other members are handed on to the targets.", nil, pairs(
			"function", text("When it is there, function/ and the name of the path; the targets get it in any case."),
			"orgID", text("The organization whose executions run behind the instance's."),
			"response", anyObject("What the targets change; left out, they begin with nothing."))),
		"RequestReply", replySchema("request"),
		"ResponseReply", replySchema("response"),
		"CallStep", objectOf("One target's turn.", []string{"target", "kind", "duration_ms", "outcome"}, pairs(
			"target", text("Its name."),
			"kind", pairs("type", "string", "enum", []string{"webhook", "call", "async"}),
			"status", pairs("type", "integer", "description", "The HTTP status of its answer; left out when there was none."),
			"duration_ms", pairs("type", "number"),
			"outcome", pairs("type", "string", "enum", []string{"ok", "changed", "stored", "rejected", "failed"}),
			"interrupt", pairs("type", "boolean", "description", "It changed the object and has interrupt_on_error: a core that cannot use the object must not go on."))),
		"CallWarning", objectOf("What went wrong and did not end the call.", []string{"code", "message"}, pairs(
			"code", text("A code of docs/errors.md."), "status", pairs("type", "integer"), "message", text("Safe to show."), "target", text("The target it is of."))),
		"CallError", objectOf("An error. It never holds an address or a secret.", []string{"code", "message"}, pairs(
			"code", text("A code of docs/errors.md."), "stage", text("Where it arose."), "status", pairs("type", "integer", "description", "The HTTP status to show."),
			"message", text("Safe to show to the caller."), "target", text("The target it is of."), "field", text("What was wrong in what was sent."))),
		"Refusal", objectOf("Nothing was done.", []string{"error"}, pairs("error", reference("CallError"))),
		"EventOrEvents", pairs("oneOf", []any{reference("CoreEvent"), listOf(reference("CoreEvent"))}),
		"CoreEvent", objectOf("What the core has stored. The targets get these bytes; other members are handed on.", []string{"aggregateID", "event_type"}, pairs(
			"id", text("For deduplication within ten minutes, among the events of the organization, aggregate and type."),
			"aggregateID", text("What the event is of; its events keep their order."), "aggregateType", text("For the targets."),
			"resourceOwner", text("The organization."), "instanceID", text("When it is there, it is that of the path."),
			"version", text("For the targets."), "sequence", pairs("type", "integer", "description", "Counted by the core, for the targets."),
			"event_type", text("1 to 16 segments of letters that can be seen, joined by dots: user.added, orders/create."),
			"created_at", pairs("type", "string", "format", "date-time", "description", "For the targets."),
			"userID", text("For the targets."), "event_payload", pairs("description", "For the targets."))),
		"CloudEvent", objectOf("An event as CloudEvents 1.0 has it. Further attributes are extensions, and stand in the member cloudevent of the event.", []string{"specversion", "id", "source", "type"}, pairs(
			"specversion", pairs("type", "string", "enum", []string{"1.0"}), "id", text("Becomes id."),
			"source", text("A URI reference, which the targets are told again; without a subject it becomes aggregateID."),
			"type", text("Becomes event_type."), "subject", text("Becomes aggregateID."),
			"time", pairs("type", "string", "format", "date-time", "description", "Becomes created_at."),
			"datacontenttype", text("Of JSON, or left out."), "data", pairs("description", "Becomes event_payload, byte for byte."),
			"org", text("Becomes resourceOwner."), "instance", text("When it is there, it is that of the path."),
			"sequence", pairs("description", "Becomes sequence: digits, as a text or a number."), "userid", text("Becomes userID."), "aggregatetype", text("Becomes aggregateType."))),
		"CloudEvents", listOf(reference("CloudEvent")),
		"StoredEvents", objectOf("What became of each event, in their order.", []string{"events"}, pairs(
			"events", listOf(reference("CoreStored")), "error", reference("CallError"))),
		"CoreStored", objectOf("An event in the stream.", []string{"id", "stream_sequence", "duplicate"}, pairs(
			"id", text("Its id; one is made when it has none."), "stream_sequence", pairs("type", "integer"),
			"duplicate", pairs("type", "boolean", "description", "It was stored before, under this id."), "error", reference("CallError"))),
		"Keys", objectOf("A set of keys (RFC 7517).", []string{"keys"}, pairs("keys", listOf(reference("PublishedKey")))),
		"PublishedKey", objectOf("A public key (RFC 7517). One of EdDSA has crv and x, one of RS256 n and e.", []string{"kty", "kid", "alg", "use"}, pairs(
			"kty", pairs("type", "string", "enum", []string{"OKP", "RSA"}), "kid", text("The thumbprint of the key (RFC 7638)."),
			"alg", pairs("type", "string", "enum", []string{"EdDSA", "RS256"}), "use", pairs("type", "string", "enum", []string{"sig"}),
			"crv", text("Ed25519."), "x", text("The public key."), "n", text("The modulus."), "e", text("The exponent."),
			"whpk", text("Of Ed25519: the key as Standard Webhooks writes it."))),
		"Health", objectOf("", []string{"status"}, pairs("status", pairs("type", "string", "enum", []string{"alive"}))),
		"Readiness", objectOf("", []string{"status"}, pairs("status", pairs("type", "string", "enum", []string{"ready"}),
			"warnings", listOf(text("What is not as it should be, and keeps nobody from publishing.")))),
	)
}

func replySchema(member string) object {
	return objectOf("How a call ended.", []string{"outcome", "warnings", "steps", "revision"}, pairs(
		"outcome", pairs("type", "string", "enum", []string{"continue", "rejected", "failed", "unavailable"}),
		member, anyObject("The object as the targets left it; left out when nothing changed."),
		"error", reference("CallError"),
		"warnings", listOf(reference("CallWarning")),
		"steps", listOf(reference("CallStep")),
		"revision", pairs("type", "integer", "description", "The revision of the configuration that ran.")))
}

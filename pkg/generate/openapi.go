package generate

import (
	"strings"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// object is a mapping that keeps the order in which it was written.
type object = yaml.MapSlice

func pairs(values ...any) object {
	var o object
	for i := 0; i+1 < len(values); i += 2 {
		o = append(o, yaml.MapItem{Key: values[i], Value: values[i+1]})
	}
	return o
}

// OpenAPI writes schemas/openapi.yaml, which describes what a core calls, and the
// Connect JSON form of the management service.
func OpenAPI(says Comments) (string, error) {
	text, err := yaml.MarshalWithOptions((&openAPI{says}).document(), yaml.UseLiteralStyleIfMultiline(true))
	return "# Written from the protobuf files by `task generate`; a test holds it there.\n" + string(text), err
}

// openAPI is the description as it is made.
type openAPI struct{ says Comments }

const openAPIDescription = `What a core calls stands first: calls, events, and how the dispatcher is.

Behind it the service that manages the configuration, by the Connect protocol: a POST of JSON.
What has its default is left out of answers. A uint64 is a string of digits.
The two calls that answer with a stream need a Connect client: each message
comes with five bytes before it, its flags and its length.`

func (a *openAPI) document() object {
	paths, schemas := object{}, object{}
	for _, r := range coreRoutes {
		paths = append(paths, r.item())
	}
	calls := service().Methods()
	for i := range calls.Len() {
		paths = append(paths, a.path(calls.Get(i)))
	}
	for _, m := range messages() {
		schemas = append(schemas, yaml.MapItem{Key: shortName(m), Value: a.message(m)})
	}
	for _, e := range enums() {
		schemas = append(schemas, yaml.MapItem{Key: shortName(e), Value: a.enum(e)})
	}
	schemas = append(schemas, yaml.MapItem{Key: "Error", Value: connectError()})
	schemas = append(schemas, coreSchemas()...)
	return pairs(
		"openapi", "3.1.0",
		"info", pairs("title", "Callout", "version", "v1", "description", openAPIDescription,
			"license", pairs("name", "Apache-2.0", "identifier", "Apache-2.0")),
		"servers", []any{pairs("url", "http://127.0.0.1:8080")},
		"paths", paths,
		// A dispatcher that asks nobody who he is takes requests without.
		"security", []any{pairs("token", []any{}), object{}},
		"components", pairs("schemas", schemas, "securitySchemes", pairs("token", pairs("type", "http", "scheme", "bearer",
			"description", "A token of callout token create, or of an identity provider that the dispatcher knows."))),
	)
}

func (a *openAPI) path(call protoreflect.MethodDescriptor) yaml.MapItem {
	media := "application/json"
	if call.IsStreamingServer() {
		media = "application/connect+json"
	}
	said := a.says[call.FullName()]
	summary, _, _ := strings.Cut(said, ".\n")
	summary, _, _ = strings.Cut(summary, ". ")
	content := func(schema string) object { return pairs(media, pairs("schema", reference(schema))) }
	post := pairs(
		"operationId", string(call.Name()),
		"summary", strings.TrimSuffix(oneLine(summary), "."),
		"description", said,
		"requestBody", pairs("required", true, "content", content(shortName(call.Input()))),
		"responses", pairs(
			"200", pairs("description", "done", "content", content(shortName(call.Output()))),
			"default", pairs("description", "an error", "content", pairs("application/json", pairs("schema", reference("Error")))),
		),
	)
	return yaml.MapItem{Key: "/" + string(service().FullName()) + "/" + string(call.Name()), Value: pairs("post", post)}
}

func (a *openAPI) message(m protoreflect.MessageDescriptor) object {
	o := pairs("type", "object")
	if said := a.says[m.FullName()]; said != "" {
		o = append(o, yaml.MapItem{Key: "description", Value: said})
	}
	properties := object{}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		schema := a.field(f)
		if said := a.says[f.FullName()]; said != "" {
			schema = append(schema, yaml.MapItem{Key: "description", Value: said})
		}
		properties = append(properties, yaml.MapItem{Key: f.JSONName(), Value: schema})
	}
	if len(properties) > 0 {
		o = append(o, yaml.MapItem{Key: "properties", Value: properties})
	}
	if choices := onlyOne(m); choices != nil {
		o = append(o, yaml.MapItem{Key: "allOf", Value: choices})
	}
	if strings.HasSuffix(string(m.Name()), "Request") {
		o = append(o, yaml.MapItem{Key: "additionalProperties", Value: false})
	}
	return o
}

// onlyOne says of each two members of a oneof that they do not come together.
func onlyOne(m protoreflect.MessageDescriptor) []any {
	var all []any
	for i := range m.Oneofs().Len() {
		o := m.Oneofs().Get(i)
		for j := range o.Fields().Len() {
			for k := j + 1; k < o.Fields().Len(); k++ {
				names := []string{o.Fields().Get(j).JSONName(), o.Fields().Get(k).JSONName()}
				all = append(all, pairs("not", pairs("required", names)))
			}
		}
	}
	return all
}

func (a *openAPI) field(f protoreflect.FieldDescriptor) object {
	switch {
	case f.IsMap():
		return pairs("type", "object", "additionalProperties", plainSchema(f.MapValue()))
	case f.IsList():
		return pairs("type", "array", "items", plainSchema(f))
	}
	return plainSchema(f)
}

// plainSchema is the schema of a single value, as protobuf writes it in JSON.
func plainSchema(f protoreflect.FieldDescriptor) object {
	switch f.Kind() {
	case protoreflect.BoolKind:
		return pairs("type", "boolean")
	case protoreflect.Uint32Kind:
		return pairs("type", "integer", "minimum", 0, "maximum", 4294967295)
	case protoreflect.Uint64Kind:
		return pairs("type", "string", "pattern", "^[0-9]+$")
	case protoreflect.BytesKind:
		return pairs("type", "string", "contentEncoding", "base64")
	case protoreflect.EnumKind:
		return reference(shortName(f.Enum()))
	case protoreflect.MessageKind:
		switch f.Message().FullName() {
		case "google.protobuf.Duration":
			return pairs("type", "string", "pattern", `^-?[0-9]+(\.[0-9]+)?s$`)
		case "google.protobuf.Timestamp":
			return pairs("type", "string", "format", "date-time")
		case "google.protobuf.FieldMask":
			return pairs("type", "string")
		}
		return reference(shortName(f.Message()))
	}
	return pairs("type", "string")
}

func (a *openAPI) enum(e protoreflect.EnumDescriptor) object {
	var names, said []string
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		names = append(names, string(v.Name()))
		if text := a.says[v.FullName()]; text != "" {
			said = append(said, string(v.Name())+": "+oneLine(text))
		}
	}
	o := pairs("type", "string", "enum", names)
	if text := a.says[e.FullName()]; text != "" {
		said = append([]string{text}, said...)
	}
	if said != nil {
		o = append(o, yaml.MapItem{Key: "description", Value: strings.Join(said, "\n")})
	}
	return o
}

func reference(schema string) object { return pairs("$ref", "#/components/schemas/"+schema) }

// connectError is an error of the Connect protocol.
func connectError() object {
	codes := []string{"canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists", "permission_denied",
		"resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented", "internal", "unavailable", "data_loss", "unauthenticated"}
	detail := pairs("type", "object", "properties", pairs(
		"type", pairs("type", "string", "description", "Of ours callout.v1.ErrorDetail."),
		"value", pairs("type", "string", "contentEncoding", "base64", "description", "The detail as protobuf, base64 without padding."),
		"debug", reference("ErrorDetail"),
	))
	return pairs("type", "object", "description", "An error of the Connect protocol.",
		"required", []string{"code"},
		"properties", pairs(
			"code", pairs("type", "string", "enum", codes),
			"message", pairs("type", "string"),
			"details", pairs("type", "array", "items", detail),
		))
}

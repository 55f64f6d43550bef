package generate

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// service is the API, as the generated code describes it.
func service() protoreflect.ServiceDescriptor {
	return calloutv1.File_callout_v1_action_service_proto.Services().ByName("ActionService")
}

// API writes docs/api.md, the reference of the management service.
func API(says Comments) string { return (&apiDocument{says: says}).text() }

// apiDocument is docs/api.md as it is written.
type apiDocument struct {
	strings.Builder
	says Comments
}

func (d *apiDocument) printf(format string, args ...any) { fmt.Fprintf(d, format, args...) }

const apiIntroduction = `# API

This file is written from the protobuf files in ` + "`schemas`" + ` by ` + "`task generate`" + `; a test holds it there. The same as OpenAPI is
[schemas/openapi.yaml](../schemas/openapi.yaml).

The service ` + "`callout.v1.ActionService`" + ` is served on the dispatcher's port as gRPC, gRPC-Web and Connect. Without any
client it is a POST of JSON:

` + "```sh" + `
curl -H 'Content-Type: application/json' localhost:8080/callout.v1.ActionService/GetTarget -d '{"name":"audit"}'
` + "```" + `

In JSON, members are in lowerCamelCase; what has its default is left out and may be; a uint64 is a string of
digits, a duration is "10s", a time is RFC 3339 in UTC, bytes are base64, and a field mask is
"url,retry.attempts". A member that is not known is refused.

An error has a Connect code and a message, and an [ErrorDetail](#errordetail) with a code of
[errors.md](errors.md).
`

func (d *apiDocument) text() string {
	d.WriteString(apiIntroduction)
	d.printf("\n%s\n\n", d.says[service().FullName()])
	calls := service().Methods()
	for i := range calls.Len() {
		call := calls.Get(i)
		sentence, _, _ := strings.Cut(d.says[call.FullName()], ". ")
		sentence, _, _ = strings.Cut(sentence, ".\n")
		d.printf("- [%s](#%s): %s\n", call.Name(), anchor(call.Name()), oneLine(strings.TrimPrefix(sentence, string(call.Name())+" ")))
	}
	d.WriteString("\n## Calls\n")
	own := map[protoreflect.FullName]bool{}
	for i := range calls.Len() {
		call := calls.Get(i)
		own[call.Input().FullName()], own[call.Output().FullName()] = true, true
		d.call(call)
	}
	d.WriteString("\n## Messages\n")
	for _, m := range messages() {
		if !own[m.FullName()] {
			d.heading(m)
			d.fields(m)
		}
	}
	d.WriteString("\n## Enumerations\n")
	for _, e := range enums() {
		d.enum(e)
	}
	return d.String()
}

func (d *apiDocument) call(call protoreflect.MethodDescriptor) {
	stream := ""
	if call.IsStreamingServer() {
		stream = "a stream of "
	}
	d.printf("\n### %s\n\n%s\n\n", call.Name(), d.says[call.FullName()])
	d.printf("Request, `%s`:\n\n", call.Input().Name())
	d.fields(call.Input())
	d.printf("\nAnswer, %s`%s`:\n\n", stream, call.Output().Name())
	d.fields(call.Output())
}

func (d *apiDocument) heading(m protoreflect.Descriptor) {
	d.printf("\n### %s\n\n", shortName(m))
	if said := d.says[m.FullName()]; said != "" {
		d.printf("%s\n\n", said)
	}
}

func (d *apiDocument) fields(m protoreflect.MessageDescriptor) {
	if m.Fields().Len() == 0 {
		d.WriteString("empty.\n")
		return
	}
	d.WriteString("| member | type | |\n|---|---|---|\n")
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		said := oneLine(d.says[f.FullName()])
		if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() {
			said = strings.TrimSpace("One of the members of `" + string(o.Name()) + "`. " + said)
		}
		d.printf("| `%s` | %s | %s |\n", f.JSONName(), typeOf(f), strings.ReplaceAll(said, "|", `\|`))
	}
}

func (d *apiDocument) enum(e protoreflect.EnumDescriptor) {
	d.heading(e)
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		line := "- `" + string(v.Name()) + "`"
		if said := oneLine(d.says[v.FullName()]); said != "" {
			line += ": " + said
		}
		d.WriteString(line + "\n")
	}
}

// typeOf is the type of a field in words, with a link to what it names.
func typeOf(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "map of " + f.MapKey().Kind().String() + " to " + typeOf(f.MapValue())
	case f.IsList():
		return "list of " + plainType(f)
	}
	return plainType(f)
}

func plainType(f protoreflect.FieldDescriptor) string {
	switch f.Kind() {
	case protoreflect.EnumKind:
		return "[" + shortName(f.Enum()) + "](#" + anchor(protoreflect.Name(shortName(f.Enum()))) + ")"
	case protoreflect.MessageKind:
		if word, known := wellKnown[f.Message().FullName()]; known {
			return word
		}
		return "[" + shortName(f.Message()) + "](#" + anchor(protoreflect.Name(shortName(f.Message()))) + ")"
	}
	return f.Kind().String()
}

// wellKnown are the messages of others, in words.
var wellKnown = map[protoreflect.FullName]string{
	"google.protobuf.Duration": "duration", "google.protobuf.Timestamp": "time", "google.protobuf.FieldMask": "field mask",
}

// shortName is a name without its package.
func shortName(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
}

func anchor(name protoreflect.Name) string {
	return strings.ToLower(strings.ReplaceAll(string(name), ".", ""))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// messages lists the messages of the API that are not in another, by name.
func messages() []protoreflect.MessageDescriptor {
	var all []protoreflect.MessageDescriptor
	reach(service(), func(d protoreflect.Descriptor) {
		if m, ok := d.(protoreflect.MessageDescriptor); ok {
			all = append(all, m)
		}
	})
	slices.SortFunc(all, func(a, b protoreflect.MessageDescriptor) int { return strings.Compare(shortName(a), shortName(b)) })
	return all
}

func enums() []protoreflect.EnumDescriptor {
	var all []protoreflect.EnumDescriptor
	reach(service(), func(d protoreflect.Descriptor) {
		if e, ok := d.(protoreflect.EnumDescriptor); ok {
			all = append(all, e)
		}
	})
	slices.SortFunc(all, func(a, b protoreflect.EnumDescriptor) int { return strings.Compare(shortName(a), shortName(b)) })
	return all
}

// reach visits every message and enumeration of ours that the calls of a
// service, or its errors, can hold, each once.
func reach(s protoreflect.ServiceDescriptor, visit func(protoreflect.Descriptor)) {
	seen := map[protoreflect.FullName]bool{}
	var message func(protoreflect.MessageDescriptor)
	once := func(d protoreflect.Descriptor) bool {
		first := !seen[d.FullName()] && d.ParentFile().Package() == s.ParentFile().Package()
		seen[d.FullName()] = true
		return first
	}
	message = func(m protoreflect.MessageDescriptor) {
		if !once(m) {
			return
		}
		if !m.IsMapEntry() {
			visit(m)
		}
		for i := range m.Fields().Len() {
			switch f := m.Fields().Get(i); {
			case f.Message() != nil:
				message(f.Message())
			case f.Enum() != nil && once(f.Enum()):
				visit(f.Enum())
			}
		}
	}
	for i := range s.Methods().Len() {
		message(s.Methods().Get(i).Input())
		message(s.Methods().Get(i).Output())
	}
	message((&calloutv1.ErrorDetail{}).ProtoReflect().Descriptor())
}

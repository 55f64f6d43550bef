package generate

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/catalog/file"
)

// schema is a JSON Schema. Its keys are written in the order of the alphabet.
type schema map[string]any

// Schema writes schemas/callout.schema.json, by which editors know a configuration
// file: JSON Schema of draft 07, which all of them read. It refuses what can be
// refused by form; what things mean together only the check knows.
func Schema() (string, error) {
	definitions := schema{}
	for _, phase := range action.Phases {
		definitions[executionName(phase)] = mappingSchema(keysFor(phase))
	}
	definitions["target"] = mappingSchema(file.TargetKeys)
	definitions["organization"] = orNull(mappingSchema(file.ScopeKeys))
	document := orNull(mappingSchema(file.DocumentKeys))
	document["$schema"] = "http://json-schema.org/draft-07/schema#"
	document["title"] = "A configuration of Callout"
	document["$comment"] = "Written from the table that callout check reads, by task generate; a test holds it there."
	document["definitions"] = definitions
	text, err := json.MarshalIndent(document, "", "  ")
	return string(text) + "\n", err
}

func executionName(phase action.Phase) string { return string(phase) + "_execution" }

// keysFor are the keys of an execution in the section of a phase.
func keysFor(phase action.Phase) []file.Key {
	return slices.DeleteFunc(slices.Clone(file.ExecutionKeys), func(k file.Key) bool {
		return len(k.Phases) > 0 && !slices.Contains(k.Phases, phase)
	})
}

func mappingSchema(keys []file.Key) schema {
	properties, required := schema{}, []string{}
	for _, k := range keys {
		s := valueSchema(k)
		s["description"] = describe(k)
		properties[k.Name] = s
		if k.Also != "" {
			properties[k.Also] = s
		}
		if k.Need {
			required = append(required, k.Name)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// describe is what an editor shows of a key.
func describe(k file.Key) string {
	text := strings.ReplaceAll(k.Says, "`", "")
	switch {
	case k.Default != "":
		text += " Left out: " + k.Default + "."
	case k.Unset != "":
		text += " Left out: " + k.Unset + "."
	}
	if bounds := strings.ReplaceAll(boundsOf(k), "`", ""); bounds != "" {
		text += " Bounds: " + bounds + "."
	}
	return text
}

// orNull lets a mapping be empty, as nothing behind its key.
func orNull(s schema) schema {
	s["type"] = []string{"object", "null"}
	return s
}

func valueSchema(k file.Key) schema {
	switch k.Form {
	case file.FormBool:
		return schema{"enum": []any{true, false, "true", "false"}}
	case file.FormWhole:
		return wholeSchema(k)
	case file.FormDuration:
		return schema{"type": "string", "pattern": `^[+-]?([0-9]*\.?[0-9]+|[0-9]+\.)(ns|us|µs|ms|s|m|h)(([0-9]*\.?[0-9]+|[0-9]+\.)(ns|us|µs|ms|s|m|h))*$`}
	case file.FormTexts:
		return listSchema(k)
	case file.FormTextMap:
		return textMapSchema(k)
	case file.FormTextOr:
		return schema{"anyOf": []any{textSchema(k), belowSchema(file.Key{Keys: k.Keys, Count: 1})}}
	case file.FormMapping:
		return belowSchema(k)
	case file.FormEntries:
		entry := mappingSchema(k.Keys)
		entry["minProperties"], entry["maxProperties"] = 1, 1
		return schema{"type": "array", "items": entry}
	case file.FormNamed:
		below := "target"
		if k.Name == "orgs" {
			below = "organization"
		}
		return orNull(schema{"additionalProperties": schema{"$ref": "#/definitions/" + below}, "propertyNames": schema{"minLength": 1}})
	case file.FormSection:
		return orNull(schema{"additionalProperties": schema{"$ref": "#/definitions/" + executionName(phaseOf(k.Name))}, "propertyNames": schema{"minLength": 1}})
	}
	return textSchema(k)
}

func phaseOf(section string) action.Phase {
	for _, phase := range action.Phases {
		if catalog.SectionKey(phase) == section {
			return phase
		}
	}
	return ""
}

// textMapSchema is a mapping of texts, of which each may be a mapping of one of the
// keys below instead.
func textMapSchema(k file.Key) schema {
	value := textSchema(file.Key{Length: k.Length})
	if k.Keys != nil {
		value = schema{"anyOf": []any{value, belowSchema(file.Key{Keys: k.Keys, Count: 1})}}
	}
	return schema{"type": "object", "additionalProperties": value, "maxProperties": k.Count}
}

// belowSchema is the mapping of a key. One whose keys may all be left out may be
// empty too, but for one of which a key must be chosen.
func belowSchema(k file.Key) schema {
	s := mappingSchema(k.Keys)
	if k.Count > 0 {
		s["minProperties"], s["maxProperties"] = 1, k.Count
		return s
	}
	if s["required"] == nil {
		return orNull(s)
	}
	return s
}

func wholeSchema(k file.Key) schema {
	if len(k.OneOf) > 0 {
		var all []any
		for _, value := range k.OneOf {
			n, _ := strconv.Atoi(value) // of our own table
			all = append(all, n, value)
		}
		return schema{"enum": all}
	}
	return schema{"type": []string{"integer", "string"}, "minimum": k.Least, "maximum": k.Most, "pattern": `^[+]?[0-9]+$`}
}

func listSchema(k file.Key) schema {
	item := textSchema(file.Key{Pattern: k.Pattern})
	s := schema{"type": "array"}
	if len(k.OneOf) > 0 {
		item = schema{"enum": k.OneOf}
		s["minItems"], s["uniqueItems"] = 1, true
	}
	s["items"] = item
	if k.Count > 0 {
		s["maxItems"] = k.Count
	}
	if k.Nothing {
		s["maxItems"] = 0
	}
	return s
}

// textSchema is that of a single value. Numbers and booleans are texts as they are
// written.
func textSchema(k file.Key) schema {
	if len(k.OneOf) > 0 && k.Loose {
		return schema{"anyOf": []any{schema{"enum": k.OneOf}, schema{"type": "string", "pattern": loosely(k.OneOf)}}}
	}
	if len(k.OneOf) > 0 {
		return schema{"enum": k.OneOf}
	}
	s := schema{"type": []string{"string", "number", "boolean"}}
	if k.Pattern != "" {
		s["type"], s["pattern"] = "string", k.Pattern
	}
	if k.Length > 0 {
		s["maxLength"] = k.Length
	}
	return s
}

// loosely is a pattern of the kinds of target, as they may be written.
func loosely(words []string) string {
	anyCase := func(word string) string {
		var b strings.Builder
		for _, c := range word {
			b.WriteString("[" + string(unicode.ToLower(c)) + string(unicode.ToUpper(c)) + "]")
		}
		return b.String()
	}
	var all []string
	for _, word := range words {
		all = append(all, anyCase(word))
	}
	rest := anyCase("request") + `\s+` + anyCase("response")
	return `^\s*((` + anyCase("rest") + `\s+)?(` + strings.Join(all, "|") + `)|` + anyCase("rest") + `\s+` + rest + `)\s*$`
}

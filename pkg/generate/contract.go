package generate

import (
	"encoding/json"
	"strconv"

	"github.com/goccy/go-yaml"

	"github.com/callout-hq/callout/pkg/contract"
)

const fromBodies = "# Written from schemas/bodies by `task generate`; a test holds it there.\n"

// TargetsOpenAPI writes schemas/targets.openapi.yaml: what a target receives and may
// answer.
func TargetsOpenAPI() (string, error) { return contractFile(contract.Targets(nil)) }

// AsyncAPI writes schemas/asyncapi.yaml: what a core says over NATS.
func AsyncAPI() (string, error) { return contractFile(contract.AsyncAPI()) }

func contractFile(o contract.Object) (string, error) {
	text, err := yaml.MarshalWithOptions(ordered(o), yaml.UseLiteralStyleIfMultiline(true))
	return fromBodies + string(text), err
}

// ordered is a value of a contract as the YAML library keeps it in order.
func ordered(value any) any {
	switch v := value.(type) {
	case contract.Object:
		o := object{}
		for _, m := range v {
			o = append(o, yaml.MapItem{Key: m.Name, Value: ordered(m.Value)})
		}
		return o
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = ordered(v[i])
		}
		return all
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return n
		}
		n, _ := v.Float64()
		return n
	}
	return value
}

// coreSchemas are those of what a core sends and gets over HTTP.
func coreSchemas() object {
	var names []string
	for _, r := range coreRoutes {
		if r.body != "" {
			names = append(names, r.body)
		}
		for _, other := range r.also {
			names = append(names, other.schema)
		}
		for _, a := range r.answers {
			if a.schema != "" {
				names = append(names, a.schema)
			}
		}
	}
	all, _ := ordered(contract.Components(names...)).(object)
	return all
}

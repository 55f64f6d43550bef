package contract

import (
	"encoding/json"
	"fmt"
	"sync"

	"github.com/goccy/go-yaml"

	"github.com/callout-hq/callout/schemas"
)

// Where a dispatcher serves the contract.
const (
	PathOpenAPI  = "/openapi.json"  // what a core and an operator call
	PathAsyncAPI = "/asyncapi.json" // what a core says over NATS
	PathSchemas  = "/schemas"       // what there is
	TargetsFile  = "targets.openapi.json"
)

// Served are the documents that are the same for everybody, as JSON, by their paths. They
// are made when they are first asked for, once.
var Served = sync.OnceValues(func() (map[string][]byte, error) {
	openAPI, err := yaml.YAMLToJSON(schemas.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("schemas/openapi.yaml: %w", err)
	}
	all := map[string][]byte{PathOpenAPI: openAPI}
	index := Pairs("documents", []string{PathOpenAPI, PathAsyncAPI, PathSchemas + "/" + TargetsFile})
	for path, o := range map[string]Object{PathAsyncAPI: AsyncAPI(), PathSchemas + "/" + TargetsFile: Targets(nil)} {
		if all[path], err = json.Marshal(o); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	names := []string{}
	for _, b := range Bodies() {
		path := PathSchemas + "/" + b.Name + jsonEnding
		all[path] = b.Text
		names = append(names, path)
	}
	all[PathSchemas], err = json.Marshal(append(index, Member{"schemas", names}))
	return all, err
})

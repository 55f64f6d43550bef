// Command jsonschema holds JSON documents against a JSON Schema: {"schema": …,
// "documents": […]} on standard input, and a list on standard output of what is
// wrong with each, empty where nothing is. Tests use it; no program does.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func main() {
	log.SetFlags(0)
	value, err := jsonschema.UnmarshalJSON(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	in, _ := value.(map[string]any)
	documents, _ := in["documents"].([]any)
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", in["schema"]); err != nil {
		log.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		log.Fatal(err)
	}
	said := make([]string, len(documents))
	for i, d := range documents {
		if err := schema.Validate(d); err != nil {
			said[i] = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		log.Fatal(err)
	}
}

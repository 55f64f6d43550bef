// Package schemas has what Callout says and takes, as JSON Schema and OpenAPI: one
// schema for each body, which is the source that every other description is made of.
package schemas

import "embed"

// Bodies has a JSON Schema (2020-12) for each body that a target receives or answers and
// a core sends or gets, as bodies/NAME.json. They name each other as NAME.json.
//
//go:embed bodies/*.json
var Bodies embed.FS

// OpenAPI describes what a core and an operator call, in YAML. `task generate` makes it.
//
//go:embed openapi.yaml
var OpenAPI []byte

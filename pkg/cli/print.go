package cli

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// The forms of output.
const (
	asTable = "table"
	asWide  = "wide"
	asName  = "name"
	asText  = "text"
	asJSON  = "json"
	asYAML  = "yaml"
)

// print shows an answer of the server for programs. JSON is one object on one
// line, with every member, also those that are empty.
func (p *Program) print(form string, m proto.Message) error {
	raw, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err
	}
	var line bytes.Buffer // the spaces that protojson puts in differ from build to build
	if err := json.Compact(&line, raw); err != nil {
		return err
	}
	return p.printJSON(form, line.Bytes())
}

// printJSON shows an object, on one line, in a form for programs.
func (p *Program) printJSON(form string, line []byte) error {
	if form == asJSON {
		return p.say("%s\n", line)
	}
	text, err := yaml.JSONToYAML(line)
	if err != nil {
		return fmt.Errorf("the answer has no YAML: %w", err)
	}
	return p.say("%s", text)
}

// printValue shows a value as JSON on one line.
func (p *Program) printValue(v any) error {
	out := json.NewEncoder(p.Out)
	out.SetEscapeHTML(false) // it is read in a terminal
	return out.Encode(v)
}

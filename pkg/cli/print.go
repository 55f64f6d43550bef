package cli

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/proto"
)

// The forms of output. JSON of a list is one object, {"items":[…]}; lines, which
// --json asks for, are each of them as an object on a line, as they come. What is
// no list is one object either way.
const (
	asTable = "table"
	asWide  = "wide"
	asName  = "name"
	asText  = "text"
	asJSON  = "json"
	asLines = "lines"
	asYAML  = "yaml"
)

// isJSON tells whether a form is JSON, of either kind.
func isJSON(form string) bool { return form == asJSON || form == asLines }

// print shows an answer of the server for programs.
func (p *Program) print(form string, m proto.Message) error {
	line, err := jsonOf(m)
	if err != nil {
		return err
	}
	return p.printJSON(form, line)
}

// printJSON shows an object, on one line, in a form for programs.
func (p *Program) printJSON(form string, line []byte) error {
	if isJSON(form) {
		return p.say("%s\n", line)
	}
	text, err := yaml.JSONToYAML(line)
	if err != nil {
		return fmt.Errorf("the answer has no YAML: %w", err)
	}
	_, err = p.Out.Write(text) // in YAML an escape would be another text
	return err
}

// printItems shows the objects of a list as one.
func (p *Program) printItems(form string, items [][]byte) error {
	return p.printJSON(form, append(append([]byte(`{"items":[`), bytes.Join(items, []byte{','})...), "]}"...))
}

// printValue shows a value as JSON on one line.
func (p *Program) printValue(v any) error {
	var line bytes.Buffer
	out := json.NewEncoder(&line)
	out.SetEscapeHTML(false) // it is read in a terminal
	if err := out.Encode(v); err != nil {
		return err
	}
	return p.say("%s", line.Bytes())
}

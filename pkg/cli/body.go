package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// printBody shows a message for programs whose last field, which must be
// empty, is a body: one that is JSON as the member body, so that no program has
// to decode it, any other in base64 as bodyBase64.
func (p *Program) printBody(form string, m proto.Message, body []byte) error {
	raw, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		return err
	}
	var line bytes.Buffer // the spaces that protojson puts in differ from build to build
	if err := json.Compact(&line, raw); err != nil {
		return err
	}
	facts, found := bytes.CutSuffix(line.Bytes(), []byte(`,"body":""}`))
	if !found {
		return fmt.Errorf("%T does not end in an empty body", m)
	}
	out := bytes.NewBuffer(bytes.Clone(facts))
	if json.Valid(body) {
		out.WriteString(`,"body":`)
		err = json.Compact(out, body)
	} else {
		var text []byte
		text, err = json.Marshal(body)
		out.WriteString(`,"bodyBase64":`)
		out.Write(text)
	}
	if err != nil {
		return err
	}
	out.WriteByte('}')
	return p.printJSON(form, out.Bytes())
}

// bodyText is a body on one line, for a person.
func bodyText(body []byte) string {
	var line bytes.Buffer
	if json.Compact(&line, body) != nil { // it is no JSON
		return strconv.QuoteToGraphic(string(body))
	}
	return printable(line.String())
}

// printable keeps what anybody may have stored from steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

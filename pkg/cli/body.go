package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"

	"github.com/callout-hq/callout/pkg/action"
)

// printBody shows a message for programs whose last field, which must be
// empty, is a body: one that is JSON as the member body, so that no program has
// to decode it, any other in base64 as bodyBase64.
func (p *Program) printBody(form string, m proto.Message, body []byte) error {
	line, err := withBody(m, body)
	if err != nil {
		return err
	}
	return p.printJSON(form, line)
}

// withBody is the JSON of a message with its body.
func withBody(m proto.Message, body []byte) ([]byte, error) {
	line, err := jsonOf(m)
	if err != nil {
		return nil, err
	}
	facts, found := bytes.CutSuffix(line, []byte(`,"body":""}`))
	if !found {
		return nil, fmt.Errorf("%T does not end in an empty body", m)
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
		return nil, err
	}
	out.WriteByte('}')
	return out.Bytes(), nil
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
	return action.EscapeBidi(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s))
}

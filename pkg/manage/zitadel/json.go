package zitadel

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// decode reads the JSON of a request. As in protobuf, a member may be written
// interruptOnError or interrupt_on_error, and one that is not known is passed
// over: a tool of a newer ZITADEL must work. No body is an empty object.
func decode(body []byte, question any) error {
	if len(body) == 0 {
		return nil
	}
	if err := wire.CheckJSON(body); err != nil {
		return err
	}
	if !wire.IsObject(body) {
		return action.NewError(action.CodeMalformed, action.StageDecode, "a JSON object was expected")
	}
	body, err := inCamelCase(body)
	if err != nil {
		return action.NewError(action.CodeMalformed, action.StageDecode, "").WithCause(err)
	}
	return misread(json.Unmarshal(body, question))
}

// encode writes an answer. What has no value is left out, as in protobuf; what is
// no UTF-8 becomes U+FFFD.
func encode(answer any) []byte {
	raw, err := json.Marshal(answer, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(fmt.Sprintf("an answer has no JSON: %v", err)) // of checked texts, numbers and lists only
	}
	return raw
}

// inCamelCase writes the names of all members as lowerCamelCase.
func inCamelCase(body []byte) ([]byte, error) {
	if !bytes.ContainsRune(body, '_') {
		return body, nil
	}
	var out bytes.Buffer
	in, to := jsontext.NewDecoder(bytes.NewReader(body)), jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true))
	for {
		kind := in.PeekKind()
		token, err := in.ReadToken()
		if err != nil {
			return nil, err
		}
		if kind == '"' && isName(in) {
			token = jsontext.String(camelCase(token.String()))
		}
		if err := to.WriteToken(token); err != nil {
			return nil, err
		}
		if in.StackDepth() == 0 {
			return out.Bytes(), nil
		}
	}
}

// isName tells whether the string that was read last is the name of a member:
// names and values take turns.
func isName(in *jsontext.Decoder) bool {
	kind, length := in.StackIndex(in.StackDepth())
	return kind == '{' && length%2 == 1
}

func camelCase(name string) string {
	var b strings.Builder
	upper := false
	for _, r := range name {
		if r == '_' {
			upper = true
			continue
		}
		if upper && 'a' <= r && r <= 'z' {
			r += 'A' - 'a'
		}
		upper = false
		b.WriteRune(r)
	}
	return b.String()
}

// misread words what keeps a member from being read, and names it.
func misread(err error) error {
	var wrong *json.SemanticError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &wrong):
		message := ""
		if errors.Is(err, jsontext.ErrDuplicateName) {
			message = "a member stands twice in one JSON object, in two spellings"
		}
		return action.NewError(action.CodeMalformed, action.StageDecode, message).WithCause(err)
	}
	var said fault
	if errors.As(err, &said) {
		return badField(memberOf(wrong.JSONPointer), string(said))
	}
	expected := "another type of value is expected"
	if t := wrong.GoType; t != nil {
		switch t.Kind() {
		case reflect.Bool:
			expected = "true or false is expected"
		case reflect.String:
			expected = "a text is expected"
		case reflect.Slice:
			expected = "a list is expected"
		case reflect.Struct:
			expected = "an object is expected"
		}
	}
	return badField(memberOf(wrong.JSONPointer), expected)
}

// memberOf writes a JSON pointer as people do: filters[0].targetNameFilter.
func memberOf(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		switch {
		case token != "" && strings.Trim(token, "0123456789") == "":
			b.WriteString("[" + token + "]")
		case b.Len() > 0:
			b.WriteString("." + token)
		default:
			b.WriteString(token)
		}
	}
	return b.String()
}

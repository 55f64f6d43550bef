package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// Object is a JSON object that keeps the order in which it was written: who reads a
// document, and code that is generated from it, have its members in that order.
type Object []Member

// Member is one of an object. A value is an Object, []any, or what encoding/json writes.
type Member struct {
	Name  string
	Value any
}

// Pairs makes an object of names and values in turn.
func Pairs(values ...any) Object {
	var o Object
	for i := 0; i+1 < len(values); i += 2 {
		name, _ := values[i].(string)
		o = append(o, Member{name, values[i+1]})
	}
	return o
}

// Get gives the value of a member; nil = there is none.
func (o Object) Get(name string) any {
	for _, m := range o {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// Under gives the member that is an object; nil = there is none.
func (o Object) Under(name string) Object {
	below, _ := o.Get(name).(Object)
	return below
}

// With is o with another value of a member, in its place or behind the last.
func (o Object) With(name string, value any) Object {
	next := append(make(Object, 0, len(o)+1), o...)
	for i := range next {
		if next[i].Name == name {
			next[i].Value = value
			return next
		}
	}
	return append(next, Member{name, value})
}

// Without is o without some members.
func (o Object) Without(names ...string) Object {
	next := make(Object, 0, len(o))
	for _, m := range o {
		if !contains(names, m.Name) {
			next = append(next, m)
		}
	}
	return next
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// MarshalJSON writes the members in their order.
func (o Object) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	err := write(&out, o)
	return out.Bytes(), err
}

// write writes a value once: by MarshalJSON of each object in it, it would be copied as
// often as it lies deep.
func write(out *bytes.Buffer, value any) error {
	switch v := value.(type) {
	case Object:
		return writeObject(out, v)
	case []any:
		out.WriteByte('[')
		for i := range v {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := write(out, v[i]); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	}
	raw, err := json.Marshal(value)
	out.Write(raw)
	return err
}

func writeObject(out *bytes.Buffer, o Object) error {
	out.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return err
		}
		out.Write(name)
		out.WriteByte(':')
		if err := write(out, m.Value); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	out.WriteByte('}')
	return nil
}

// maxDepth bounds how deep what Parse reads may be nested.
const maxDepth = 128

// Parse reads one JSON object. Numbers are json.Number.
func Parse(raw []byte) (Object, error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(raw))
	value, err := parseValue(decoder, 0)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.ReadToken(); err != io.EOF { //nolint:errorlint // jsontext gives it bare
		return nil, fmt.Errorf("there is something behind the object")
	}
	o, ok := value.(Object)
	if !ok {
		return nil, fmt.Errorf("it is no JSON object")
	}
	return o, nil
}

func parseValue(decoder *jsontext.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxDepth)
	}
	token, err := decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		return parseObject(decoder, depth)
	case '[':
		all := []any{}
		for decoder.PeekKind() != ']' {
			value, err := parseValue(decoder, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, value)
		}
		_, err := decoder.ReadToken()
		return all, err
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

func parseObject(decoder *jsontext.Decoder, depth int) (any, error) {
	o := Object{}
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		if err != nil {
			return nil, err
		}
		text := name.String() // before the decoder goes on: the token is its
		value, err := parseValue(decoder, depth+1)
		if err != nil {
			return nil, err
		}
		o = append(o, Member{text, value})
	}
	_, err := decoder.ReadToken()
	return o, err
}

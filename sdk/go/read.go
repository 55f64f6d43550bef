package callout

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reader reads JSON that scanObject has checked into a type, and gives what json.Unmarshal would give. That one looks
// at every byte twice, also at those that the type names nowhere; this one passes over them.
type reader[T any] struct{ fill fill }

// fill reads a value as it stands into a variable that can be set.
type fill func(text []byte, into reflect.Value) error

func readerOf[T any]() reader[T] { return reader[T]{fillOf(reflect.TypeFor[T]())} }

// read leaves what it reads into as it is where there is no value.
func (r reader[T]) read(text []byte, into *T) error {
	if text == nil {
		return nil
	}
	if plain, ok := any(into).(*json.RawMessage); ok {
		*plain = text
		return nil
	}
	err := r.fill(text, reflect.ValueOf(into).Elem())
	if err != nil { // json.Unmarshal names the place
		err = json.Unmarshal(text, into)
	}
	return err
}

var (
	readsJSON = reflect.TypeFor[json.Unmarshaler]()
	readsText = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// fillOf is how a type is read: by whole, unless it is one of those below that nobody has given a way of their own.
func fillOf(t reflect.Type) fill {
	if t == reflect.TypeFor[json.RawMessage]() {
		return fillRaw
	}
	if p := reflect.PointerTo(t); t == reflect.TypeFor[json.Number]() || p.Implements(readsJSON) || p.Implements(readsText) {
		return whole
	}
	switch t.Kind() {
	case reflect.String:
		return fillString
	case reflect.Bool:
		return fillBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fillInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fillUint
	case reflect.Struct:
		if s, ok := structureOf(t); ok {
			return s.fill
		}
	}
	return whole
}

// whole leaves a value to json.Unmarshal.
func whole(text []byte, into reflect.Value) error {
	return json.Unmarshal(text, into.Addr().Interface())
}

func fillRaw(text []byte, into reflect.Value) error {
	into.SetBytes(bytes.Clone(text)) // a body is not shared with what a handler may keep and write into
	return nil
}

func fillString(text []byte, into reflect.Value) error {
	if text[0] != '"' || bytes.IndexByte(text, '\\') >= 0 {
		return whole(text, into)
	}
	into.SetString(string(text[1 : len(text)-1]))
	return nil
}

func fillBool(text []byte, into reflect.Value) error {
	if text[0] != 't' && text[0] != 'f' {
		return whole(text, into)
	}
	into.SetBool(text[0] == 't')
	return nil
}

func fillInt(text []byte, into reflect.Value) error {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || into.OverflowInt(n) {
		return whole(text, into)
	}
	into.SetInt(n)
	return nil
}

func fillUint(text []byte, into reflect.Value) error {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil || into.OverflowUint(n) {
		return whole(text, into)
	}
	into.SetUint(n)
	return nil
}

// structure is how a struct is read: its fields by their names as encoding/json finds them, exactly or else by
// their letters alone.
type structure struct{ exact, folded map[string]field }

type field struct {
	index int
	fill  fill
}

// structureOf tells the fields of a struct, or that json.Unmarshal knows better: where structs are embedded, a name
// stands twice, or a tag asks for more than a name.
func structureOf(t reflect.Type) (s structure, ok bool) {
	s = structure{map[string]field{}, map[string]field{}}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, more, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous, strings.Contains(more, "string"), strings.ContainsFunc(name, isOdd):
			return s, false
		case !f.IsExported(), tag == "-":
			continue
		case name == "":
			name = f.Name
		}
		if _, twice := s.exact[name]; twice {
			return s, false
		}
		one := field{i, fillOf(f.Type)}
		s.exact[name] = one
		if letters := string(fold(nil, []byte(name))); s.folded[letters].fill == nil {
			s.folded[letters] = one
		}
	}
	return s, true
}

// isOdd is what not every version of encoding/json takes for a part of a name.
func isOdd(c rune) bool {
	return c != '_' && c != '-' && c != '.' && (c >= utf8.RuneSelf || !unicode.IsLetter(c) && !unicode.IsDigit(c))
}

func (s structure) fill(text []byte, into reflect.Value) error {
	scan := scanner{text: text, depth: 1}
	if scan.space(); !scan.take('{') {
		return whole(text, into)
	}
	return scan.object(func(name, value []byte) error {
		name, err := meant(name)
		if err != nil {
			return err
		}
		f, named := s.exact[string(name)]
		if !named {
			var room [64]byte
			if f, named = s.folded[string(fold(room[:0], name))]; !named {
				return nil
			}
		}
		return f.fill(value, into.Field(f.index))
	})
}

// fold writes a name with the least of the characters that are one letter, as a small one and a capital are.
func fold(out, name []byte) []byte {
	for len(name) > 0 {
		c, size := utf8.DecodeRune(name)
		for next := unicode.SimpleFold(c); ; next = unicode.SimpleFold(next) {
			if next <= c {
				c = next
				break
			}
		}
		out, name = utf8.AppendRune(out, c), name[size:]
	}
	return out
}

package callout

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is how deep a body may be nested, the outermost object counted.
const maxDepth = 128

// member is one of an object: its name as it is meant, and its value as it stands.
type member struct {
	name, value []byte
}

var errNoObject = errors.New("it is no JSON object")

// scanObject checks that a text is one JSON object (RFC 8259) in UTF-8, nested at most 128 deep, with
// nothing behind it, and gives its members in their order. It reads the text once.
func scanObject(text []byte) ([]member, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("it is no UTF-8")
	}
	s := scanner{text: text}
	s.space()
	if !s.take('{') {
		return nil, errNoObject
	}
	members := make([]member, 0, 12)
	s.depth = 1
	err := s.object(func(name, value []byte) error {
		name, err := meant(name)
		members = append(members, member{name, value})
		return err
	})
	if err != nil {
		return nil, err
	}
	if s.space(); s.at != len(text) {
		return nil, errors.New("there is something behind the JSON object")
	}
	return members, nil
}

// meant is what a text stands for, which has no other form where nothing in it is escaped.
func meant(quoted []byte) ([]byte, error) {
	if plain := quoted[1 : len(quoted)-1]; bytes.IndexByte(plain, '\\') < 0 {
		return plain, nil
	}
	var text string
	err := json.Unmarshal(quoted, &text)
	return []byte(text), err
}

type scanner struct {
	text  []byte
	at    int
	depth int
}

func (s *scanner) flaw() error { return fmt.Errorf("it is no JSON from byte %d on", s.at) }

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) take(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// object reads what is behind a brace. each is told of the members, where it is not nil.
func (s *scanner) object(each func(name, value []byte) error) error {
	if s.space(); s.take('}') {
		return nil
	}
	for {
		s.space()
		from := s.at
		if err := s.string(); err != nil {
			return err
		}
		name := s.text[from:s.at]
		if s.space(); !s.take(':') {
			return s.flaw()
		}
		s.space()
		from = s.at
		if err := s.value(); err != nil {
			return err
		}
		if each != nil {
			if err := each(name, s.text[from:s.at]); err != nil {
				return err
			}
		}
		if s.space(); s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.flaw()
		}
	}
}

func (s *scanner) array() error {
	if s.space(); s.take(']') {
		return nil
	}
	for {
		s.space()
		if err := s.value(); err != nil {
			return err
		}
		if s.space(); s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.flaw()
		}
	}
}

func (s *scanner) value() (err error) {
	if s.at == len(s.text) {
		return s.flaw()
	}
	switch c := s.text[s.at]; c {
	case '{', '[':
		if s.depth++; s.depth > maxDepth {
			return errors.New("it is nested more than 128 deep")
		}
		s.at++
		if c == '{' {
			err = s.object(nil)
		} else {
			err = s.array()
		}
		s.depth--
		return err
	case '"':
		return s.string()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) word(want string) error {
	if len(s.text)-s.at < len(want) || string(s.text[s.at:s.at+len(want)]) != want {
		return s.flaw()
	}
	s.at += len(want)
	return nil
}

func (s *scanner) string() error {
	if !s.take('"') {
		return s.flaw()
	}
	for {
		s.at += plain(s.text[s.at:])
		if s.at == len(s.text) {
			return s.flaw()
		}
		switch s.text[s.at] {
		case '"':
			s.at++
			return nil
		case '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			return s.flaw()
		}
	}
}

// plain counts the bytes before the first that ends a text, escapes, or may not stand in one. It looks at
// eight at a time: a byte of a word is below n where subtracting n borrows from its highest bit, which
// is certain of the lowest such byte, and no other is asked for.
func plain(text []byte) (n int) {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; n+8 <= len(text); n += 8 {
		word := binary.LittleEndian.Uint64(text[n:])
		quote, escape := word^each*'"', word^each*'\\'
		if found := ((word-each*' ')&^word | (quote-each)&^quote | (escape-each)&^escape) & high; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	for ; n < len(text) && text[n] >= ' ' && text[n] != '"' && text[n] != '\\'; n++ {
	}
	return n
}

func (s *scanner) escape() error {
	if s.at++; s.at == len(s.text) {
		return s.flaw()
	}
	switch s.text[s.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return nil
	case 'u':
		s.at++
		for range 4 {
			if s.at == len(s.text) || !isHex(s.text[s.at]) {
				return s.flaw()
			}
			s.at++
		}
		return nil
	}
	return s.flaw()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.flaw()
	}
	if s.take('.') && !s.digits() {
		return s.flaw()
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.flaw()
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/callout-hq/callout/pkg/action"
)

// Member is one member of a JSON object, by its place in the text it was read
// from. The text itself is never touched, so bytes stay bytes.
type Member struct {
	Name     string // decoded
	Start    int    // offset of the opening quote of the name
	ValStart int    // offset of the value's first byte
	ValEnd   int    // offset behind the value's last byte
}

// CheckJSON accepts exactly one JSON value (RFC 8259): UTF-8, no member name
// twice in one object, nested at most action.MaxDepth deep. The error is an
// *action.Error with code malformed or too_deep and stage decode.
func CheckJSON(raw []byte) error {
	if sound(raw) {
		return nil
	}
	return checkStrictly(raw)
}

// checkStrictly is CheckJSON by the decoder, which says what is wrong.
func checkStrictly(raw []byte) error {
	dec, err := open(raw, action.MaxDepth)
	if err != nil {
		return err
	}
	defer dec.close()
	if _, err := dec.ReadValue(); err != nil {
		return jsonError(err)
	}
	return dec.atEnd()
}

// Several tells whether raw is two JSON values or more, one after the other,
// such as lines of JSON. A text that is not well-formed to its end is not.
func Several(raw []byte) bool {
	dec, err := open(raw, action.MaxDepth)
	if err != nil {
		return false
	}
	defer dec.close()
	for n := 0; ; n++ {
		if _, err := dec.ReadValue(); err != nil {
			return n > 1 && errors.Is(err, io.EOF)
		}
	}
}

// Members lists the members of the object that raw is, in their order. It
// checks the whole document as CheckJSON does; a value that is no object is
// malformed.
func Members(raw []byte) ([]Member, error) { return appendMembers(make([]Member, 0, 8), raw) }

func appendMembers(dst []Member, raw []byte) ([]Member, error) {
	if members, ok := soundList(dst, raw); ok {
		return members, nil
	}
	return listStrictly(dst, raw)
}

// listStrictly is appendMembers by the decoder, which says what is wrong.
func listStrictly(members []Member, raw []byte) ([]Member, error) {
	dec, err := open(raw, action.MaxDepth)
	if err != nil {
		return nil, err
	}
	defer dec.close()
	if dec.PeekKind() != '{' {
		if _, err := dec.ReadValue(); err != nil {
			return nil, jsonError(err)
		}
		return nil, action.NewError(action.CodeMalformed, action.StageDecode, "a JSON object was expected")
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, jsonError(err)
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadValue()
		if err != nil {
			return nil, jsonError(err)
		}
		m := Member{Start: int(dec.InputOffset()) - len(name)}
		m.Name, _ = text(name) // it has read it as a text
		m.ValStart = valueStart(raw, int(dec.InputOffset()))
		if _, err := dec.ReadValue(); err != nil {
			return nil, jsonError(err)
		}
		m.ValEnd = int(dec.InputOffset())
		members = append(members, m)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, jsonError(err)
	}
	return members, dec.atEnd()
}

// Elements lists the values of the array that raw is, as they stand. The array
// is an envelope: each value may be as deep as a document.
func Elements(raw []byte) ([][]byte, error) {
	dec, err := open(raw, action.MaxDepth+1)
	if err != nil {
		return nil, err
	}
	defer dec.close()
	if dec.PeekKind() != '[' {
		return nil, action.NewError(action.CodeMalformed, action.StageDecode, "a JSON array was expected")
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, jsonError(err)
	}
	var elements [][]byte
	for dec.PeekKind() != ']' {
		from := int(dec.InputOffset())
		if _, err := dec.ReadValue(); err != nil {
			return nil, jsonError(err)
		}
		elements = append(elements, bytes.TrimLeft(raw[from:dec.InputOffset()], " \t\r\n,"))
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, jsonError(err)
	}
	return elements, dec.atEnd()
}

// IsObject tells whether the first byte of raw that is no white space opens an
// object. It checks nothing else.
func IsObject(raw []byte) bool {
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{'
}

// decoder reads one document. Decoders are kept for the next one.
type decoder struct {
	*jsontext.Decoder
	text bytes.Buffer
}

var decoders = sync.Pool{New: func() any { return &decoder{Decoder: jsontext.NewDecoder(new(bytes.Buffer))} }}

// open bounds the depth before the decoder goes there.
func open(raw []byte, depth int) (*decoder, error) {
	if err := checkDepth(raw, depth); err != nil {
		return nil, err
	}
	d := decoders.Get().(*decoder)
	d.text = *bytes.NewBuffer(raw)
	d.Reset(&d.text)
	return d, nil
}

func (d *decoder) close() {
	d.text = bytes.Buffer{}
	d.Reset(&d.text) // lets go of the document
	decoders.Put(d)
}

func (d *decoder) atEnd() error {
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return action.NewError(action.CodeMalformed, action.StageDecode, "one JSON value was expected, more follows it")
	}
	return nil
}

var errTooDeep = fmt.Errorf("more than %d levels", action.MaxDepth)

// CheckObjectDepth refuses an object that is nested too deep to stand in a
// body, with code too_deep. It looks at brackets outside of strings and at
// nothing else.
func CheckObjectDepth(raw []byte) error { return checkDepth(raw, action.MaxDepth-1) }

func checkDepth(raw []byte, most int) error {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = textEnd(raw, i)
		case '{', '[':
			if depth++; depth > most {
				return action.NewError(action.CodeTooDeep, action.StageDecode, "").WithCause(errTooDeep)
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// textEnd is the offset of the quote that closes the string which opens at
// start, or the end of raw.
func textEnd(raw []byte, start int) int {
	for i := start + 1; ; i++ {
		next := bytes.IndexByte(raw[i:], '"')
		if next < 0 {
			return len(raw)
		}
		i += next
		slashes := 0
		for j := i - 1; j > start && raw[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
}

// valueStart passes the colon and the white space behind a name.
func valueStart(raw []byte, from int) int {
	for from < len(raw) {
		switch raw[from] {
		case ':', ' ', '\t', '\r', '\n':
			from++
		default:
			return from
		}
	}
	return from
}

func jsonError(err error) error {
	message := ""
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		message = "a member name stands twice in one JSON object"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		message = "the JSON is empty or ends too early"
	}
	return action.NewError(action.CodeMalformed, action.StageDecode, message).WithCause(err)
}

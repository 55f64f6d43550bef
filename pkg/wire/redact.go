package wire

import (
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// Ways are JSON pointers (RFC 6901) as they lead down from some place of a text, without
// the slash in front. A part that is `*` is any member, or any element of an array.
type Ways []string

// WaysOf are the ways from the top of a text. The pointers were checked before.
func WaysOf(pointers []string) Ways {
	ways := make(Ways, len(pointers))
	for i, p := range pointers {
		ways[i] = p[min(len(p), 1):]
	}
	return ways
}

// Into are the ways from a member or element, by its name; ends tells that one of them
// leads to that itself.
func (w Ways) Into(name string) (left Ways, ends bool) {
	for _, way := range w {
		part, rest, more := strings.Cut(way, "/")
		if part != "*" && part != name && (strings.IndexByte(part, '~') < 0 || unescaped.Replace(part) != name) {
			continue
		}
		if !more {
			return nil, true
		}
		left = append(left, rest)
	}
	return left, false
}

// unescaped reads a part of a pointer (RFC 6901, 4).
var unescaped = strings.NewReplacer("~1", "/", "~0", "~")

// Redact takes what the ways lead to out of a text that was checked before, as that of a
// Call is; every other byte stays. What is not there is passed over. Without ways it gives
// raw itself. A text that is no object or array is malformed: it goes nowhere.
func (w Ways) Redact(raw []byte) ([]byte, error) {
	if len(w) == 0 {
		return raw, nil
	}
	out, ok := redact(make([]byte, 0, len(raw)), raw, w)
	if !ok {
		return nil, action.NewError(action.CodeMalformed, action.StageInvoke, "the body is none that could be redacted")
	}
	return out, nil
}

// Values lists the texts, numbers and words that the ways lead to, or that stand below
// that: of a text what it says, and as it is written. It appends to dst. The text was
// checked before.
func (w Ways) Values(dst [][]byte, raw []byte) [][]byte {
	members, ok := Split(raw, nil)
	isList := false
	if !ok {
		members, isList = SplitList(raw, nil)
	}
	for n, m := range members {
		name, value := m.Name, raw[m.ValStart:m.ValEnd]
		if isList {
			name = strconv.Itoa(n)
		}
		left, ends := w.Into(name)
		isBelow := value[0] == '{' || value[0] == '['
		switch {
		case ends && isBelow:
			dst = Ways{"*"}.Values(dst, value)
		case ends:
			dst = appendSaid(dst, value)
		case isBelow && len(left) > 0:
			dst = left.Values(dst, value)
		}
	}
	return dst
}

func appendSaid(dst [][]byte, value []byte) [][]byte {
	said, isText := text(value)
	if !isText {
		return append(dst, value)
	}
	if inside := value[1 : len(value)-1]; string(inside) != said {
		dst = append(dst, inside)
	}
	return append(dst, []byte(said))
}

// redact appends an object or array without what the ways lead to.
func redact(dst, raw []byte, ways Ways) (out []byte, ok bool) {
	var room [16]Member
	members, ok := Split(raw, room[:0])
	isList := false
	if !ok {
		if members, isList = SplitList(raw, room[:0]); !isList {
			return nil, false
		}
	}
	if len(members) == 0 {
		return append(dst, raw...), true
	}
	dst = append(dst, raw[:members[0].Start]...)
	isFirst := true
	for n, m := range members {
		name := m.Name
		if isList {
			name = strconv.Itoa(n)
		}
		left, gone := ways.Into(name)
		if gone {
			continue
		}
		if !isFirst {
			dst = append(dst, raw[members[n-1].ValEnd:m.Start]...) // what parts it from the one before
		}
		isFirst = false
		dst = append(dst, raw[m.Start:m.ValStart]...)
		if value := raw[m.ValStart:m.ValEnd]; len(left) == 0 || value[0] != '{' && value[0] != '[' {
			dst = append(dst, value...)
		} else if dst, ok = redact(dst, value, left); !ok {
			return nil, false
		}
	}
	return append(dst, raw[members[len(members)-1].ValEnd:]...), true
}

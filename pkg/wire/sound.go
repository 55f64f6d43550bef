package wire

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// The strict decoder reads token by token and says of each text what is wrong with it.
// Nearly every text is right, and stands on the path of a call: it is looked at here
// first, once. What is found sound is what CheckJSON accepts; of what is not, nothing is
// said, and the strict decoder is asked. So this needs to know the usual alone: names
// without escapes, few members, few levels.
const (
	soundDepth   = 32 // levels
	soundMembers = 40 // of one object
)

// sound tells whether raw is one JSON value that CheckJSON accepts, where it can tell.
func sound(raw []byte) bool {
	end := soundValue(raw, skipSpace(raw, 0), soundDepth)
	return end > 0 && skipSpace(raw, end) == len(raw)
}

// soundList appends the members of the object that raw is to dst. ok is false where it
// cannot tell; members is dst then.
func soundList(dst []Member, raw []byte) (members []Member, ok bool) {
	start := skipSpace(raw, 0)
	if start == len(raw) || raw[start] != '{' {
		return dst, false
	}
	end, members := soundObject(raw, start, soundDepth, dst, true)
	if end == 0 || skipSpace(raw, end) != len(raw) {
		return dst, false
	}
	return members, true
}

// soundValue gives the offset behind the value that begins at from; 0 = it cannot tell. It
// may be nested so many levels. So do the others.
func soundValue(raw []byte, from, levels int) int {
	if from >= len(raw) {
		return 0
	}
	switch raw[from] {
	case '"':
		return soundText(raw, from)
	case '{':
		end, _ := soundObject(raw, from, levels, nil, false)
		return end
	case '[':
		return soundArray(raw, from, levels)
	case 't':
		return soundWord(raw, from, "true")
	case 'f':
		return soundWord(raw, from, "false")
	case 'n':
		return soundWord(raw, from, "null")
	}
	return soundNumber(raw, from)
}

func soundWord(raw []byte, from int, word string) int {
	if bytes.HasPrefix(raw[from:], []byte(word)) {
		return from + len(word)
	}
	return 0
}

// place is where a name stands. It is small: each level has many.
type place struct{ from, to uint32 }

// soundObject appends the members to list, where they are listed.
func soundObject(raw []byte, from, levels int, list []Member, listed bool) (int, []Member) {
	if levels == 0 {
		return 0, list
	}
	i := skipSpace(raw, from+1)
	if i < len(raw) && raw[i] == '}' {
		return i + 1, list
	}
	var names [soundMembers]place
	for n := 0; n < len(names) && i < len(raw) && raw[i] == '"'; n++ {
		behind := soundName(raw, i, names[:n])
		if behind == 0 {
			return 0, list
		}
		names[n] = place{uint32(i + 1), uint32(behind - 1)}
		colon := skipSpace(raw, behind)
		if colon == len(raw) || raw[colon] != ':' {
			return 0, list
		}
		start := skipSpace(raw, colon+1)
		end := soundValue(raw, start, levels-1)
		if end == 0 {
			return 0, list
		}
		if listed {
			list = append(list, Member{Name: word(raw[i+1 : behind-1]), Start: i, ValStart: start, ValEnd: end})
		}
		if i = skipSpace(raw, end); i == len(raw) {
			return 0, list
		}
		switch raw[i] {
		case '}':
			return i + 1, list
		case ',':
			i = skipSpace(raw, i+1)
		default:
			return 0, list
		}
	}
	return 0, list
}

// soundName is soundText of a name that is none of those before it in its object.
func soundName(raw []byte, from int, before []place) int {
	end := soundText(raw, from)
	if end == 0 || bytes.IndexByte(raw[from:end], '\\') >= 0 {
		return 0
	}
	for _, b := range before {
		if string(raw[b.from:b.to]) == string(raw[from+1:end-1]) {
			return 0
		}
	}
	return end
}

func soundArray(raw []byte, from, levels int) int {
	if levels == 0 {
		return 0
	}
	i := skipSpace(raw, from+1)
	if i < len(raw) && raw[i] == ']' {
		return i + 1
	}
	for {
		end := soundValue(raw, i, levels-1)
		if end == 0 {
			return 0
		}
		if i = skipSpace(raw, end); i == len(raw) {
			return 0
		}
		switch raw[i] {
		case ']':
			return i + 1
		case ',':
			i = skipSpace(raw, i+1)
		default:
			return 0
		}
	}
}

// Eight bytes at once: the highest bit of each that a text cannot simply go on with.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stops marks quotes, backslashes, control characters and what is no ASCII; the first
// mark is right, and where there is none there is nothing of these.
func stops(eight uint64) uint64 {
	quote, slash := eight^(ones*'"'), eight^(ones*'\\')
	return ((quote-ones)&^quote | (slash-ones)&^slash | (eight - ones*' ') | eight) & highs
}

func soundText(raw []byte, from int) int {
	i := from + 1
	for {
		for i+8 <= len(raw) && stops(binary.LittleEndian.Uint64(raw[i:])) == 0 {
			i += 8
		}
		for i < len(raw) && raw[i] >= ' ' && raw[i] < utf8.RuneSelf && raw[i] != '"' && raw[i] != '\\' {
			i++
		}
		if i >= len(raw) {
			return 0
		}
		switch c := raw[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			if i = soundEscape(raw, i); i == 0 {
				return 0
			}
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(raw[i:])
			if r == utf8.RuneError && size <= 1 {
				return 0
			}
			i += size
		default:
			return 0
		}
	}
}

// soundEscape leaves surrogates to who knows their pairs.
func soundEscape(raw []byte, from int) int {
	if from+1 >= len(raw) {
		return 0
	}
	switch raw[from+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return from + 2
	case 'u':
	default:
		return 0
	}
	if from+6 > len(raw) {
		return 0
	}
	for _, c := range raw[from+2 : from+6] {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return 0
		}
	}
	if second := raw[from+3]; (raw[from+2] == 'd' || raw[from+2] == 'D') && second >= '8' {
		return 0
	}
	return from + 6
}

func soundNumber(raw []byte, from int) int {
	i := from
	if raw[i] == '-' {
		i++
	}
	start := i
	if i = digits(raw, i); i == start || raw[start] == '0' && i > start+1 {
		return 0
	}
	if i < len(raw) && raw[i] == '.' {
		start = i + 1
		if i = digits(raw, start); i == start {
			return 0
		}
	}
	if i < len(raw) && (raw[i] == 'e' || raw[i] == 'E') {
		start = i + 1
		if start < len(raw) && (raw[start] == '+' || raw[start] == '-') {
			start++
		}
		if i = digits(raw, start); i == start {
			return 0
		}
	}
	return i
}

func digits(raw []byte, i int) int {
	for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' {
		i++
	}
	return i
}

package wire

import "strings"

// Split lists the members of an object whose text was checked before, as that
// of a Call is: it looks at quotes and brackets and at little else, in a tenth
// of the time of Members. It appends to dst. ok is false when raw cannot be
// such an object; a text that nobody checked may pass all the same, with
// members that are no JSON.
func Split(raw []byte, dst []Member) (members []Member, ok bool) {
	i := skipSpace(raw, 0)
	if i == len(raw) || raw[i] != '{' {
		return nil, false
	}
	if i = skipSpace(raw, i+1); i < len(raw) && raw[i] == '}' {
		return dst, skipSpace(raw, i+1) == len(raw)
	}
	for i < len(raw) && raw[i] == '"' {
		m := Member{Start: i}
		nameEnd := textEnd(raw, i)
		colon := skipSpace(raw, nameEnd+1)
		if colon >= len(raw) || raw[colon] != ':' {
			return nil, false
		}
		if m.Name, ok = text(raw[i : nameEnd+1]); !ok {
			return nil, false
		}
		m.ValStart = skipSpace(raw, colon+1)
		if m.ValEnd = valueEnd(raw, m.ValStart); m.ValEnd <= m.ValStart {
			return nil, false
		}
		dst = append(dst, m)
		if i = skipSpace(raw, m.ValEnd); i == len(raw) {
			return nil, false
		}
		if raw[i] == '}' {
			return dst, skipSpace(raw, i+1) == len(raw)
		}
		if raw[i] != ',' {
			return nil, false
		}
		i = skipSpace(raw, i+1)
	}
	return nil, false
}

// SplitList lists the values of an array whose text was checked before, as
// Split does the members of an object. They have no names.
func SplitList(raw []byte, dst []Member) (values []Member, ok bool) {
	i := skipSpace(raw, 0)
	if i == len(raw) || raw[i] != '[' {
		return nil, false
	}
	if i = skipSpace(raw, i+1); i < len(raw) && raw[i] == ']' {
		return dst, skipSpace(raw, i+1) == len(raw)
	}
	for i < len(raw) {
		end := valueEnd(raw, i)
		if end <= i {
			return nil, false
		}
		dst = append(dst, Member{Start: i, ValStart: i, ValEnd: end})
		if i = skipSpace(raw, end); i == len(raw) {
			return nil, false
		}
		if raw[i] == ']' {
			return dst, skipSpace(raw, i+1) == len(raw)
		}
		if raw[i] != ',' {
			return nil, false
		}
		i = skipSpace(raw, i+1)
	}
	return nil, false
}

// valueEnd is the offset behind the value that begins at from; from when there
// is none, or it does not end.
func valueEnd(raw []byte, from int) int {
	if from >= len(raw) {
		return from
	}
	switch raw[from] {
	case '"':
		if end := textEnd(raw, from); end < len(raw) {
			return end + 1
		}
		return from
	case '{', '[':
		return nestedEnd(raw, from)
	}
	i := from
	for i < len(raw) && strings.IndexByte(",]} \t\r\n:\"[{", raw[i]) < 0 {
		i++
	}
	return i
}

func nestedEnd(raw []byte, from int) int {
	depth := 0
	for i := from; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = textEnd(raw, i)
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return from
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}

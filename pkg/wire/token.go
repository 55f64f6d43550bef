package wire

import (
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

const upperHex = "0123456789ABCDEF"

// Token writes an id as one subject token or KV key part: bytes outside
// `A-Z a-z 0-9 _ -` become `=XX` (upper-case hex), the empty id becomes `=`.
func Token(id string) string {
	if id == "" {
		return "="
	}
	if allPlain(id) {
		return id
	}
	var b strings.Builder
	for i := 0; i < len(id); i++ {
		if c := id[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'=', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}

// ID reads what Token wrote. Anything Token would not have written is refused,
// so that one id has one token and no filter can be passed by.
func ID(token string) (string, error) {
	if token == "=" {
		return "", nil
	}
	if allPlain(token) && token != "" {
		return token, nil
	}
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		switch c := token[i]; {
		case isPlain(c):
			b.WriteByte(c)
		case c == '=' && i+2 < len(token):
			hi, lo := strings.IndexByte(upperHex, token[i+1]), strings.IndexByte(upperHex, token[i+2])
			if hi < 0 || lo < 0 || isPlain(byte(hi<<4|lo)) {
				return "", badToken()
			}
			b.WriteByte(byte(hi<<4 | lo))
			i += 2
		default:
			return "", badToken()
		}
	}
	if b.Len() == 0 {
		return "", badToken()
	}
	return b.String(), nil
}

// typeTokens writes an event type as the tokens of a subject: each segment is one,
// written as an id is. Two types never have the same, and one of letters, digits, _
// and - stays as it is.
func typeTokens(eventType string) string {
	if isSpelledOut(eventType) {
		return eventType
	}
	var b strings.Builder
	for i := range len(eventType) {
		if c := eventType[i]; c == '.' || isPlain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'=', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}

// readType reads what typeTokens wrote, and nothing else.
func readType(tokens string) (string, error) {
	if isSpelledOut(tokens) {
		return tokens, fieldError("subject", action.CheckEventType(tokens))
	}
	segments := strings.Split(tokens, ".")
	for i, token := range segments {
		segment, err := ID(token)
		if err != nil || segment == "" || strings.IndexByte(segment, '.') >= 0 {
			return "", badToken()
		}
		segments[i] = segment
	}
	eventType := strings.Join(segments, ".")
	return eventType, fieldError("subject", action.CheckEventType(eventType))
}

// isSpelledOut tells whether a type is its own tokens, as nearly all are.
func isSpelledOut(eventType string) bool {
	for i := range len(eventType) {
		if c := eventType[i]; c != '.' && !plainBytes[c] {
			return false
		}
	}
	return true
}

func badToken() error {
	return action.NewError(action.CodeBadField, action.StageDecode,
		"a subject token is made of A-Z a-z 0-9 _ - and =XX for every other byte").WithField("subject")
}

// allPlain tells whether an id is its own token, as nearly all are.
func allPlain(id string) bool {
	for i := range len(id) {
		if !plainBytes[id[i]] {
			return false
		}
	}
	return true
}

func isPlain(c byte) bool { return plainBytes[c] }

var plainBytes = func() (is [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") {
		is[c] = true
	}
	return is
}()

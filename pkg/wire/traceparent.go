package wire

import "strings"

// Traceparent gives a text that came in as a W3C trace context, of at most 255
// bytes; "" when it is of another form, as the standard asks of who receives one.
func Traceparent(text string) string {
	if !isTraceparent(text) {
		return ""
	}
	return text
}

const (
	// traceparentSize is the length in bytes of version 00, and of what a later
	// one begins with.
	traceparentSize = 55
	// maxTraceparent is the length in bytes that one of a later version may have.
	maxTraceparent = 255
)

// isTraceparent tells whether text has the form of the standard:
// version-trace-parent-flags in small hexadecimal digits, more only behind
// another dash and in a version to come.
func isTraceparent(text string) bool {
	if len(text) < traceparentSize || len(text) > maxTraceparent || text[:2] == "ff" {
		return false
	}
	for i := range traceparentSize {
		switch i {
		case 2, 35, 52:
			if text[i] != '-' {
				return false
			}
		default:
			if !isHex(text[i]) {
				return false
			}
		}
	}
	if strings.Trim(text[3:35], "0") == "" || strings.Trim(text[36:52], "0") == "" {
		return false
	}
	return hasMore(text[:2], text[traceparentSize:])
}

// hasMore tells whether rest may follow the four parts.
func hasMore(version, rest string) bool {
	if rest == "" {
		return true
	}
	if version == "00" || rest[0] != '-' {
		return false
	}
	for i := range len(rest) {
		if rest[i] <= ' ' || rest[i] > '~' {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }

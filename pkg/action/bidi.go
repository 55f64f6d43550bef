package action

import (
	"fmt"
	"strings"
	"unicode"
)

// EscapeBidi writes the characters that turn the direction of a text, and are
// not seen themselves, as \u202e and so on: who reads a line reads what stands in
// it. In JSON, where they can stand in strings alone, it stays the same value.
func EscapeBidi(text string) string {
	if strings.IndexFunc(text, isBidi) < 0 {
		return text
	}
	var shown strings.Builder
	for _, r := range text {
		if isBidi(r) {
			fmt.Fprintf(&shown, `\u%04x`, r)
		} else {
			shown.WriteRune(r)
		}
	}
	return shown.String()
}

func isBidi(r rune) bool { return r >= 0x061c && unicode.Is(unicode.Bidi_Control, r) }

package action

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckEventType tells whether s is an event type: 1–16 segments joined by single
// dots, of letters that can be seen, as the `type` of CloudEvents may have them
// (https://github.com/cloudevents/spec, 1.0.2), but no `*` and `>`, which stand for
// many, and no `/` in front, where a method has one. It has at most 255 bytes, and at
// most 600 as it stands in subjects, where a byte that is no letter, digit, `_` or `-`
// takes three. The error names what is wrong.
func CheckEventType(s string) error {
	if len(s) > MaxEventType {
		return fmt.Errorf("an event type has at most %d bytes, this one has %d", MaxEventType, len(s))
	}
	if n := strings.Count(s, ".") + 1; n > MaxSegments {
		return fmt.Errorf("an event type has at most %d segments, this one has %d", MaxSegments, n)
	}
	if isSegments(s) { // nearly all are
		return nil
	}
	switch {
	case !utf8.ValidString(s):
		return fmt.Errorf("an event type is UTF-8")
	case strings.HasPrefix(s, "/"):
		return fmt.Errorf("an event type does not begin with /, as a method does")
	case hasEmptySegment(s):
		return fmt.Errorf("an event type has no empty segment: single dots stand between its segments, such as user.added")
	}
	written := len(s)
	for _, r := range s {
		if fault := typeFault(r); fault != "" {
			return fmt.Errorf("an event type has %s", fault)
		}
		if r >= utf8.RuneSelf || !isWord[r] && r != '-' && r != '.' {
			written += 2 * utf8.RuneLen(r)
		}
	}
	if written > MaxToken {
		return fmt.Errorf("an event type has at most %d bytes as it stands in subjects, this one has %d: a byte that is no letter, digit, _ or - takes three", MaxToken, written)
	}
	return nil
}

// IsEventType is CheckEventType without its words. It allocates nothing for types of
// letters, digits, _ and -.
func IsEventType(s string) bool {
	return len(s) <= MaxEventType && isSegments(s) && strings.Count(s, ".") < MaxSegments || CheckEventType(s) == nil
}

// typeFault words what keeps a letter out of event types; empty when nothing does.
func typeFault(r rune) string {
	switch {
	case r == '*', r == '>':
		return fmt.Sprintf("no %c: that stands for many", r)
	case unicode.IsSpace(r):
		return "no spaces"
	case unicode.IsControl(r):
		return "no control characters"
	case !unicode.IsPrint(r):
		return fmt.Sprintf("no characters that cannot be seen, such as %U", r)
	}
	return ""
}

func hasEmptySegment(s string) bool {
	return s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..")
}

// isSegments tells whether s is made of letters, digits, _ and - in segments
// joined by single dots. It is asked for every event, more than once.
func isSegments(s string) bool {
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		if !isWord[c] && c != '-' && (c != '.' || last == '.') {
			return false
		}
		last = c
	}
	return last != '.'
}

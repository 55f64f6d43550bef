package patch

import (
	"bytes"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// allowed holds a changed object against a list of JSON pointers (RFC 6901):
// whatever differs must lie at or below one of them. An array is one value:
// changing an item needs a pointer to the array or above it.
func allowed(before, after []byte, pointers []string) error {
	if path, ok := differs("", before, after, pointers); ok {
		return action.NewError(action.CodeNotAllowed, action.StageApply, "").WithField(path)
	}
	return nil
}

// differs gives the first place where the two differ without being allowed to.
func differs(path string, before, after []byte, pointers []string) (string, bool) {
	covered, above := false, false
	for _, p := range pointers {
		covered = covered || path == p || strings.HasPrefix(path, p+"/")
		above = above || strings.HasPrefix(p, path+"/")
	}
	if covered || equal(before, after) {
		return "", false
	}
	if !above || !isObjectOrAbsent(before) || !isObjectOrAbsent(after) {
		return path, true
	}
	// In the text's order, so that the same answer gives the same error.
	old, next := values(before), values(after)
	for _, name := range names(after) {
		if at, bad := differs(path+"/"+escape(name), old[name], next[name], pointers); bad {
			return at, true
		}
	}
	for _, name := range names(before) {
		if _, stays := next[name]; stays {
			continue
		}
		if at, bad := differs(path+"/"+escape(name), old[name], nil, pointers); bad {
			return at, true
		}
	}
	return "", false
}

func isObjectOrAbsent(value []byte) bool { return value == nil || wire.IsObject(value) }

func names(object []byte) []string {
	members, _ := wire.Split(object, nil) // both sides were checked
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = m.Name
	}
	return out
}

func values(object []byte) map[string][]byte {
	members, _ := wire.Split(object, nil) // both sides were checked
	out := make(map[string][]byte, len(members))
	for _, m := range members {
		out[m.Name] = object[m.ValStart:m.ValEnd]
	}
	return out
}

// equal compares two well-formed texts without their white space: another
// spelling of a number is a change.
func equal(a, b []byte) bool {
	inText := false
	for {
		if !inText {
			a, b = bytes.TrimLeft(a, space), bytes.TrimLeft(b, space)
		}
		if len(a) == 0 || len(b) == 0 {
			return len(a) == len(b)
		}
		c := a[0]
		if c != b[0] {
			return false
		}
		if c == '\\' && inText { // what it escapes opens and closes nothing
			if len(a) < 2 || len(b) < 2 || a[1] != b[1] {
				return false
			}
			a, b = a[1:], b[1:]
		}
		if c == '"' {
			inText = !inText
		}
		a, b = a[1:], b[1:]
	}
}

const space = " \t\r\n"

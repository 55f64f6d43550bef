package catalog

import (
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// SectionKey is the name of a phase's section as it stands in a file; empty for
// what is no phase.
func SectionKey(phase action.Phase) string {
	switch phase {
	case action.Request:
		return "requests"
	case action.Response:
		return "responses"
	case action.OnEvent:
		return "events"
	case action.Function:
		return "functions"
	}
	return ""
}

// JoinPath puts a key behind a path, as a Problem has it. A key that holds more
// than letters, digits, _ and - is quoted, so that no two places have one path.
func JoinPath(path, key string) string {
	if !plainKey(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// IndexPath puts the place in a list behind a path, counted from 0.
func IndexPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func plainKey(key string) bool {
	if key == "" {
		return false
	}
	for _, c := range []byte(key) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// ParentPath leaves out the last step of a path; ok is false at the root.
func ParentPath(path string) (up string, ok bool) {
	at := strings.LastIndexAny(path, ".[")
	if at < 0 {
		return "", path != ""
	}
	return path[:at], true
}

// scopePath is where the catalog of an organization stands; "" is the
// instance's, the root.
func scopePath(org string) string {
	if org == "" {
		return ""
	}
	return JoinPath("orgs", org)
}

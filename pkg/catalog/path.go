package catalog

import (
	"strconv"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// sectionKeys are the names of the sections as they stand in a file.
var sectionKeys = map[action.Phase]string{
	action.Request:  "requests",
	action.Response: "responses",
	action.OnEvent:  "events",
	action.Function: "functions",
}

// join puts a key behind a path. A key that holds more than letters, digits,
// _ and - is quoted, so that no two places have one path.
func join(path, key string) string {
	if !plainKey(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// index puts the place in a list behind a path, counted from 0.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

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

// parent cuts the last step off a path; ok is false at the root.
func parent(path string) (up string, ok bool) {
	cut := strings.LastIndexAny(path, ".[")
	if cut < 0 {
		return "", path != ""
	}
	return path[:cut], true
}

// scopePath is where the catalog of an organization stands; "" is the
// instance's, the root.
func scopePath(org string) string {
	if org == "" {
		return ""
	}
	return join("orgs", org)
}

package action

import (
	"slices"
	"strings"
)

// MinSecret is how long what stands in the place of a header's value is at least, in
// bytes: a shorter one is guessed, and cannot be told from what is no secret.
const MinSecret = 8

// Masked stands for what is not shown.
const Masked = "***"

// secretWords are parts of names under which secrets usually stand.
var secretWords = []string{"auth", "cookie", "credential", "key", "pass", "pwd", "secret", "session", "signature", "token"}

// secretValues are how secrets usually begin.
var secretValues = []string{"bearer ", "basic ", "digest ", "whsec_", "whsk_"}

// NamesSecret tells whether a secret usually stands under a name, which may be
// that of a header, of a query parameter or of a label. Rather too much is taken
// for one.
func NamesSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// ShownValue gives the value that stands under a name as it may be printed:
// Masked where the one or the other looks like a secret.
func ShownValue(name, value string) string {
	begins := func(how string) bool {
		return len(value) >= len(how) && strings.EqualFold(value[:len(how)], how)
	}
	if value != "" && (NamesSecret(name) || slices.ContainsFunc(secretValues, begins)) {
		return Masked
	}
	return value
}

// ShownTarget gives the URL of a target as it may be printed: as ShownURL does,
// and with ShownValue of what stands in its query.
func ShownTarget(url string) string {
	before, query, found := strings.Cut(ShownURL(url), "?")
	if !found {
		return before
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		if name, value, set := strings.Cut(part, "="); set {
			parts[i] = name + "=" + ShownValue(name, value)
		}
	}
	return before + "?" + strings.Join(parts, "&")
}

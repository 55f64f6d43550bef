package sign

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// isCompact tells whether a text is so many parts of base64url, none of them empty, and
// the first of them a JSON object with these members and no other, none of them twice.
// The base64url must be the canonical one: another text of the same bytes would be
// another one for who remembers what came. A member that is not named here may ask for
// something: a key to be fetched, something to be unpacked, bytes to be read otherwise.
func isCompact(text string, parts int, members ...string) bool {
	if len(text) > action.MaxCompact {
		return false
	}
	all := strings.Split(text, ".")
	if len(all) != parts {
		return false
	}
	var header []byte
	for n, part := range all {
		// Go's decoder passes over line breaks.
		raw, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if part == "" || err != nil || strings.ContainsAny(part, "\r\n") {
			return false
		}
		if n == 0 {
			header = raw
		}
	}
	said, err := wire.Members(header)
	return err == nil && !slices.ContainsFunc(said, func(m wire.Member) bool { return !slices.Contains(members, m.Name) })
}

package wire

import (
	"net/url"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// HeaderText writes an id as a header's value: what is no visible ASCII, and the
// percent sign, is percent-encoded (RFC 3986), byte for byte of its UTF-8. Nearly
// all ids stay as they are. One within the grammar of ids has at most
// action.MaxToken bytes then.
func HeaderText(id string) string {
	plain := true
	for i := range len(id) {
		plain = plain && isHeaderByte(id[i])
	}
	if plain {
		return id
	}
	var b strings.Builder
	for i := range len(id) {
		if c := id[i]; isHeaderByte(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}

func isHeaderByte(c byte) bool { return c > ' ' && c <= '~' && c != '%' }

// ReadHeaderText reads an id from a header's value, in which any byte may be
// percent-encoded. ok is false for what is empty or no id: somebody else wrote it.
func ReadHeaderText(text string) (id string, ok bool) {
	if text == "" || len(text) > action.MaxToken {
		return "", false
	}
	id, err := url.PathUnescape(text)
	if err != nil || action.CheckID(id) != nil {
		return "", false
	}
	return id, true
}

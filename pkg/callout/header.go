package callout

import (
	"net/textproto"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// headerNames is the allow list by canonical name. A pattern is refused: it
// would let a credential out that nobody thought of.
func headerNames(names []string) (map[string]bool, error) {
	allowed := make(map[string]bool, len(names))
	for _, n := range names {
		if n == "" || strings.ContainsAny(n, "* :\t") {
			return nil, action.NewError(action.CodeBadField, action.StageDecode,
				"a header is named in full, such as X-Team").WithField("Headers")
		}
		allowed[textproto.CanonicalMIMEHeaderKey(n)] = true
	}
	return allowed, nil
}

// visible gives the headers that targets may see, by canonical name, nil when
// there are none. More than action.MaxHeaderBytes of them are too large.
func (c *Client) visible(headers map[string][]string) (map[string][]string, error) {
	if len(c.headers) == 0 || len(headers) == 0 {
		return nil, nil
	}
	var out map[string][]string
	size := 0
	for name, values := range headers {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if !c.headers[canonical] {
			continue
		}
		if out == nil {
			out = make(map[string][]string, len(c.headers))
		}
		for _, v := range values {
			size += len(canonical) + len(v)
		}
		out[canonical] = append(out[canonical], values...)
	}
	if size > action.MaxHeaderBytes {
		return nil, action.NewError(action.CodeTooLarge, action.StageDecode, "the headers for the targets are too large").WithField("headers")
	}
	return out, nil
}

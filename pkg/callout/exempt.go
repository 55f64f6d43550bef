package callout

import (
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// management is Callout's own service: a core that serves it on its port must
// not be locked out of it either.
const management = "/callout.v1.ActionService"

// exemptions checks the prefixes that a core names. One that covers every
// method cannot be meant.
func exemptions(prefixes []string) ([]string, error) {
	exempt := []string{management}
	for _, p := range prefixes {
		if len(p) < 2 || p[0] != '/' {
			return nil, action.NewError(action.CodeBadField, action.StageDecode,
				"an exempt method begins with / and names at least a package, such as /acme.admin.v1.AdminService/").WithField("Exempt")
		}
		exempt = append(exempt, p)
	}
	return exempt, nil
}

// exempted tells whether a method is never intercepted.
func (c *Client) exempted(method string) bool {
	for _, p := range c.exempt {
		if covers(p, method) {
			return true
		}
	}
	return false
}

// covers tells whether a method begins with a prefix, and the prefix ends where
// a segment of the method does.
func covers(prefix, method string) bool {
	rest, ok := strings.CutPrefix(method, prefix)
	if !ok || rest == "" {
		return ok
	}
	switch prefix[len(prefix)-1] {
	case '/', '.':
		return true
	}
	return rest[0] == '/' || rest[0] == '.'
}

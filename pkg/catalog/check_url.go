package catalog

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/callout-hq/callout/pkg/action"
)

// checkURL tells what keeps a text from being the URL of a target; empty when
// nothing does. The text itself is never repeated: it may hold a secret.
func checkURL(text string) string {
	if len(text) > action.MaxURL {
		return fmt.Sprintf("a url has at most %d bytes, this one has %d", action.MaxURL, len(text))
	}
	if !utf8.ValidString(text) || strings.ContainsAny(text, " \t\r\n") {
		return "a url holds no spaces"
	}
	u, err := url.Parse(text)
	if err != nil {
		return "this is no url; one is written like https://hooks.example.com/path"
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return "a url begins with https:// or http://"
	case u.Hostname() == "":
		return "the url names no host"
	case u.User != nil:
		return "a url holds no user and no password; put them into headers"
	case u.Fragment != "" || strings.Contains(text, "#"):
		return "a url has no fragment (#…): it would never be sent"
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "the port of a url is between 1 and 65535"
		}
	}
	return ""
}

package catalog

import (
	"fmt"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
)

// Bounds of a target's own headers.
const (
	MaxHeaders     = 64   // headers of a target
	MaxHeaderName  = 100  // bytes in a header's name
	MaxHeaderValue = 4096 // bytes in a header's value
)

// ownHeaders are set by the engine or by HTTP itself, in lower case. A
// configured one would break the exchange or forge what a target relies on.
var ownHeaders = map[string]bool{
	"host": true, "content-length": true, "content-type": true, "content-encoding": true,
	"connection": true, "transfer-encoding": true, "keep-alive": true, "proxy-connection": true,
	"proxy-authorization": true, "te": true, "trailer": true, "upgrade": true, "expect": true,
	"accept-encoding": true, "idempotency-key": true, "traceparent": true, "tracestate": true,
	"zitadel-signature": true, "webhook-id": true, "webhook-timestamp": true, "webhook-signature": true,
}

// checkHeaders checks names and values (RFC 9110, sections 5.1 and 5.5), and where
// the values stand that do not stand here. Values are never repeated: they may be
// secrets.
func checkHeaders(r *Report, path string, t *action.Target) {
	if count := len(t.Headers) + len(t.HeaderSources); count > MaxHeaders {
		r.errorf(path, ProblemTooMany, "a target has at most %d headers, here are %d", MaxHeaders, count)
	}
	first := map[string]string{}
	for _, name := range append(sortedKeys(t.Headers), sortedKeys(t.HeaderSources)...) {
		at, lower := JoinPath(path, name), strings.ToLower(name)
		switch {
		case !isToken(name) || len(name) > MaxHeaderName:
			r.errorf(at, ProblemBadHeader, "a header's name has 1 to %d letters, digits, - or other token characters", MaxHeaderName)
		case ownHeaders[lower] || strings.HasPrefix(lower, "callout-"):
			r.errorf(at, ProblemBadHeader, "the header %s is set by Callout or by HTTP itself", name)
		case first[lower] != "":
			r.errorf(at, ProblemDuplicateKey, "the header %s stands here already, as %s", name, first[lower])
		}
		first[lower] = name
	}
	for _, name := range sortedKeys(t.Headers) {
		if fault := CheckHeaderValue(t.Headers[name]); fault != "" {
			r.errorf(JoinPath(path, name), ProblemBadHeader, "%s", fault)
		}
	}
	for _, name := range sortedKeys(t.HeaderSources) {
		checkSecretSource(r, JoinPath(path, name), t.HeaderSources[name])
	}
}

// checkSecretSource never repeats what stands there: it may be the secret itself.
func checkSecretSource(r *Report, path string, s action.SecretSource) {
	given := 0
	for _, text := range []string{s.Env, s.File, s.Secret} {
		if text != "" {
			given++
		}
	}
	if given != 1 {
		r.errorf(path, ProblemMisplaced, "where the value comes from is one of {env: NAME}, {file: PATH} and {secret: NAME}")
	}
	checkPlaces(r, path, s.Env, s.File)
	if s.Secret != "" && action.CheckName(s.Secret) != nil {
		r.errorf(JoinPath(path, "secret"), ProblemBadName, "secret is the name of one that was set by \"callout secret set\": 1 to %d letters, digits, spaces or _ - . * /", action.MaxName)
	}
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// CheckHeaderValue words what keeps a text from being the value of a header; empty
// when nothing does.
func CheckHeaderValue(value string) string {
	if len(value) > MaxHeaderValue {
		return fmt.Sprintf("a header's value has at most %d bytes, this one has %d", MaxHeaderValue, len(value))
	}
	if strings.Trim(value, " \t") != value {
		return "a header's value has no space in front or behind"
	}
	for _, c := range []byte(value) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return "a header's value is one line without control characters"
		}
	}
	return ""
}

package sign

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Claims are the registered claims of RFC 7519 that are put behind the members of a body.
type Claims struct {
	Issuer   string // iss: the instance
	Audience string // aud: the target, [ORG:]NAME
	ID       string // jti: the delivery id, the same on every attempt
}

// claimNames are the members that a JWT has of its own.
var claimNames = map[string]bool{"iss": true, "aud": true, "iat": true, "exp": true, "jti": true}

// AppendClaims appends to dst the body with the claims behind its last member; the rest
// of it stays byte for byte as it is. iat is t, and exp Tolerance later. The error is
// malformed for a body that is no object, or has one of these members itself: what a
// core wrote there must not pass for what was signed.
func AppendClaims(dst, body []byte, c Claims, t time.Time) ([]byte, error) {
	var room [16]wire.Member
	members, ok := wire.Split(body, room[:0])
	if !ok {
		return dst, action.NewError(action.CodeMalformed, action.StageInvoke, "the body is no JSON object, which a JWT needs")
	}
	for _, m := range members {
		if claimNames[m.Name] {
			return dst, action.NewError(action.CodeMalformed, action.StageInvoke,
				"the body has a member "+m.Name+" of its own, which a JWT has for itself: send it to this target as payload: json, or under another name").WithField(m.Name)
		}
	}
	end := 1
	for body[end-1] != '{' {
		end++
	}
	if len(members) > 0 {
		end = members[len(members)-1].ValEnd
	}
	dst = append(dst, body[:end]...)
	if len(members) > 0 {
		dst = append(dst, ',')
	}
	for _, claim := range [...]struct{ name, value string }{{"iss", c.Issuer}, {"aud", c.Audience}, {"jti", c.ID}} {
		dst = append(append(dst, '"'), claim.name...)
		dst, _ = jsontext.AppendQuote(append(dst, '"', ':'), claim.value) // bad UTF-8 becomes U+FFFD
		dst = append(dst, ',')
	}
	dst = strconv.AppendInt(append(dst, `"iat":`...), t.Unix(), 10)
	dst = strconv.AppendInt(append(dst, `,"exp":`...), t.Add(Tolerance).Unix(), 10)
	return append(append(dst, '}'), body[end+skipToEnd(body[end:]):]...), nil
}

// skipToEnd is the offset behind the bracket that ends an object.
func skipToEnd(rest []byte) int {
	for n, c := range rest {
		if c == '}' {
			return n + 1
		}
	}
	return len(rest)
}

// JWT signs a payload: a compact JWS (RFC 7515) with the header
// {"alg":…,"kid":…,"typ":"JWT"}, in this order.
func (k *OwnKey) JWT(payload []byte) (string, error) {
	signed, err := k.signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

package zitadel

import (
	"github.com/callout-hq/callout/pkg/action"
	calloutv1 "github.com/callout-hq/callout/schemas/callout/v1"
)

// The payload types, by their numbers.
const (
	payloadUnspecified payloadType = iota
	payloadJSON
	payloadJWT
	payloadJWE
)

// payloads are what the payload types are called elsewhere here. JSON is what a target is
// sent that says nothing of it.
var payloads = map[payloadType]action.Payload{payloadJWT: action.PayloadJWT, payloadJWE: action.PayloadJWE}

// payloadTypeOf is the payload type that a target is shown with. An event as CloudEvents
// has it is JSON too, and ZITADEL has no other word for it.
func payloadTypeOf(t *calloutv1.Target) payloadType {
	for p, name := range payloads {
		if t.GetPayload() == string(name) {
			return p
		}
	}
	return payloadJSON
}

// of is what a version means by a payload type: where there are none it is a member that
// is not known.
func (e payloadType) of(v version) payloadType {
	if !v.payloads {
		return payloadUnspecified
	}
	return e
}

// set gives a target a payload type, and tells the fields that it sets. One that it has
// already is left as it is, with what ZITADEL has no words for. What becomes a JWT is signed
// with RS256: receivers that were written for ZITADEL know it, and need not know Ed25519.
func (e payloadType) set(t *calloutv1.Target) (fields []string) {
	if e == payloadUnspecified || e == payloadTypeOf(t) {
		return nil
	}
	name, signed := payloads[e]
	switch was := payloadTypeOf(t); {
	case !signed: // an algorithm and a content type are those of a JWT
		t.JwtAlgorithm, t.ContentType = "", ""
		fields = []string{"jwt_algorithm", "content_type"}
	case was == payloadJSON:
		t.JwtAlgorithm = string(action.RS256)
		fields = []string{"jwt_algorithm"}
	}
	t.Payload = string(name)
	return append(fields, "payload")
}

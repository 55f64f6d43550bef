package invoke

import (
	"strconv"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// signAll adds the signatures to v that the target's definition asks for, of the body as
// it is sent.
func signAll(ex *exchange, v *computed, cl *client, c Call, now time.Time) *action.Error {
	zitadel, standard, v1a := c.Target.Signs(action.SignZitadel), c.Target.Signs(action.SignStandard), c.Target.Signs(action.SignStandardV1a)
	if !zitadel && !standard && !v1a {
		return nil
	}
	if len(c.Keys) == 0 {
		return unsigned(nil)
	}
	var err error
	signer := cl.signerOf(c.Keys)
	if zitadel {
		if v.text, err = signer.AppendZitadel(v.text, now, ex.body); err != nil { // no edit has let it in
			return unsigned(err)
		}
		v.end(nameZitadel)
	}
	if !standard && !v1a {
		return nil
	}
	if standard {
		v.text, err = signer.AppendStandard(v.text, c.ID, now, ex.body)
	}
	if err == nil && v1a && !(standard && signer.HasPrivate()) { // else it is there
		if standard {
			v.text = append(v.text, ' ')
		}
		v.text, err = signer.AppendV1a(v.text, c.ID, now, ex.body, c.V1a)
	}
	if err != nil {
		if refused := asError(err); refused.Field != "signing_key" {
			return refused
		}
		return unsigned(err) // nor that
	}
	v.end(nameSignature)
	ex.set(nameID, c.ID)
	v.text = strconv.AppendInt(v.text, now.Unix(), 10)
	v.end(nameTimestamp)
	return nil
}

func unsigned(cause error) *action.Error {
	return action.NewError(action.CodeInternal, action.StageInvoke, "").WithField("signing_key").WithCause(cause)
}

// The media types of what is sent that is no JSON (RFC 7519, 10.3.1; RFC 7515, 9.2.1).
const (
	typeJWT  = "application/jwt"
	typeJOSE = "application/jose"
)

// isCloudEvent tells whether an event is sent in the structured mode.
func (c *Call) isCloudEvent() bool {
	return c.Event != nil && c.Target.Payload == action.PayloadCloudEvents
}

// contentType is the one under which a target's requests go. A JWT or JWE goes as JSON
// unless the target asks otherwise: ZITADEL sends it so, and its receivers look at
// nothing else.
func contentType(c *Call) string {
	t := c.Target
	switch {
	case c.isCloudEvent():
		return wire.TypeCloudEvent
	case !t.IsSigned() || t.ContentType != action.ContentJOSE:
		return typeJSON
	case t.Payload == action.PayloadJWE:
		return typeJOSE
	}
	return typeJWT
}

// payloadOf is what is sent of a body: itself; an event as CloudEvent around it; a JWT of
// it with our claims; or that, encrypted. The error is malformed for a body that no JWT can be made of, and internal
// where the keys for it were not given.
func payloadOf(c *Call, now time.Time) ([]byte, *action.Error) {
	if c.isCloudEvent() {
		return c.Event.Append(make([]byte, 0, len(c.Body)+envelopeRoom), c.Body), nil
	}
	if !c.Target.IsSigned() {
		return c.Body, nil
	}
	if c.Signer == nil || c.Target.Payload == action.PayloadJWE && c.Encrypter == nil {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "").WithField("payload")
	}
	room := make([]byte, 0, len(c.Body)+claimsRoom)
	claimed, err := sign.AppendClaims(room, c.Body, sign.Claims{Issuer: c.Instance, Audience: c.Audience, ID: c.ID}, now)
	if err != nil {
		return nil, asError(err)
	}
	text, err := c.Signer.JWT(claimed)
	if err == nil && c.Target.Payload == action.PayloadJWE {
		text, err = c.Encrypter.JWE(text)
	}
	if err != nil {
		return nil, action.NewError(action.CodeInternal, action.StageInvoke, "").WithField("payload").WithCause(err)
	}
	if len(text) > action.MaxCompact {
		return nil, action.NewError(action.CodeTooLarge, action.StageInvoke, "the body is too large for a JWT")
	}
	return []byte(text), nil
}

// claimsRoom is about what claims take.
const claimsRoom = 512

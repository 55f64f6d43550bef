package callout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Verifier checks that requests are genuine. A Receiver has one; by itself it is for who answers
// in another way. It is safe for concurrent use.
type Verifier struct {
	options Options
	keys    keys
	set     *keySet
	now     func() time.Time
}

// Verified is a request that is genuine.
type Verified struct {
	ID   string // the delivery id that was signed; of ZITADEL's scheme, which signs none, that of Callout-Delivery-Id
	Body []byte // what a handler reads: of a JWT its payload
}

// NewVerifier makes a Verifier from the options of a Receiver. The error never shows a key.
func NewVerifier(o Options) (*Verifier, error) {
	v := &Verifier{options: o, now: o.Now}
	if v.now == nil {
		v.now = time.Now
	}
	for i, text := range o.Keys {
		if err := v.keys.add(text); err != nil {
			return nil, fmt.Errorf("callout: key %d: %w", i+1, err)
		}
	}
	for _, s := range o.Schemes {
		if s != Standard && s != StandardV1a && s != Zitadel {
			return nil, errors.New("callout: a scheme is standard, standard_v1a or zitadel")
		}
	}
	switch o.Payload {
	case JSON:
		if o.JWKS != nil || o.JWKSURL != "" {
			break // its ed25519 keys verify v1a
		}
		if len(o.Keys) == 0 && !o.Unsigned {
			return nil, errors.New("callout: there is no key: set CALLOUT_KEYS to the signing key of the target, or say Unsigned")
		}
		return v, nil
	case JWT, JWE:
	default:
		return nil, errors.New("callout: a payload is jwt or jwe")
	}
	if o.Payload == JWE && len(o.PrivateKeys) == 0 {
		return nil, errors.New("callout: a JWE needs a private key")
	}
	var err error
	v.set, err = newKeySet(o, v.now)
	return v, err
}

func (v *Verifier) takes(s Scheme) bool {
	return len(v.options.Schemes) == 0 || slices.Contains(v.options.Schemes, s)
}

// IsNotGenuine tells whether an error of Verify says that a request is not from Callout. Any other one
// says that it cannot be told at the moment.
func IsNotGenuine(err error) bool {
	var not *notGenuine
	return errors.As(err, &not)
}

// Verify checks a request by its headers, in the spelling of net/http, and its body as it came. An error
// for which IsNotGenuine holds tells, for a log, which check failed.
func (v *Verifier) Verify(ctx context.Context, h http.Header, body []byte) (Verified, error) {
	out := Verified{Body: body}
	if len(v.options.Keys) > 0 || v.options.Payload == JSON && v.set != nil {
		id, err := v.signature(ctx, h, body)
		if err != nil {
			return Verified{}, err
		}
		out.ID = id
	}
	if v.options.Payload == JSON {
		return out.orUnsigned(h), nil
	}
	text := string(body)
	if v.options.Payload == JWE {
		var err error
		if text, err = openJWE(text, v.options.PrivateKeys); err != nil {
			return Verified{}, err
		}
	}
	payload, err := v.jwt(ctx, text)
	if err != nil {
		return Verified{}, err
	}
	var claims struct {
		JTI string `json:"jti"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return Verified{}, refuse("jti is no text")
	}
	if out.ID == "" {
		out.ID = claims.JTI
	}
	out.Body = payload
	return out.orUnsigned(h), nil
}

// orUnsigned takes the id that nobody has signed, where there is no other.
func (v Verified) orUnsigned(h http.Header) Verified {
	if v.ID == "" {
		v.ID = deliveryID(h)
	}
	return v
}

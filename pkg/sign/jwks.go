package sign

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"

	"github.com/callout-hq/callout/pkg/action"
)

// The bounds of a set of keys that is read.
const (
	maxJWKS     = 256 << 10 // bytes
	maxJWKSKeys = 64
)

// PublicKey is the public half of a key of an instance.
type PublicKey struct {
	ID        string
	Algorithm action.Algorithm
	Text      string // as Pair.Public
}

// publishedKey is a key as it is published: RFC 7517, and for ed25519 whpk, the text of
// Standard Webhooks, which receivers ignore and people copy.
type publishedKey struct {
	jose.JSONWebKey
	whpk string
}

func (k publishedKey) MarshalJSON() ([]byte, error) {
	raw, err := k.JSONWebKey.MarshalJSON()
	if err != nil || k.whpk == "" {
		return raw, err
	}
	return append(raw[:len(raw)-1], `,"whpk":"`+k.whpk+`"}`...), nil
}

// WriteJWKS writes the set of keys that receivers verify with (RFC 7517): each has kid,
// alg and use: sig. The error tells of a key that is none.
func WriteJWKS(keys []PublicKey) ([]byte, error) {
	set := struct {
		Keys []publishedKey `json:"keys"`
	}{[]publishedKey{}}
	for _, k := range keys {
		key, err := readPublic(k.Algorithm, k.Text)
		if err != nil {
			return nil, err
		}
		p := publishedKey{JSONWebKey: jose.JSONWebKey{Key: key, KeyID: k.ID, Algorithm: string(joseNames[k.Algorithm]), Use: "sig"}}
		if point, ok := key.(ed25519.PublicKey); ok {
			p.whpk = prefixPublic + base64.StdEncoding.EncodeToString(point)
		}
		set.Keys = append(set.Keys, p)
	}
	return json.Marshal(set)
}

// WebhookText is the public half of an ed25519 key as Standard Webhooks writes it: whpk_
// and base64. It is "" of another one.
func (k PublicKey) WebhookText() string {
	key, err := readPublic(k.Algorithm, k.Text)
	if point, ok := key.(ed25519.PublicKey); ok && err == nil {
		return prefixPublic + base64.StdEncoding.EncodeToString(point)
	}
	return ""
}

// JWKS are the public keys that an instance signs with, as a receiver has read them.
// The zero value verifies nothing.
type JWKS struct {
	byID map[string]verifier
}

// verifier is a public key that verifies with one algorithm.
type verifier struct {
	algorithm jose.SignatureAlgorithm
	key       any
}

// ParseJWKS reads a set of keys as an instance publishes it. Keys of other kinds, uses and
// algorithms than EdDSA (Ed25519) and RS256 are passed over, as are those without a kid;
// two of one kid are refused, and more than 64 keys or 256 KiB. The error is
// bad_field.
func ParseJWKS(raw []byte) (JWKS, error) {
	if len(raw) > maxJWKS {
		return JWKS{}, badJWKS("the set of keys has more than 256 KiB")
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil || set.Keys == nil {
		return JWKS{}, badJWKS("it is no set of keys: an object with a list of keys is expected (RFC 7517)")
	}
	if len(set.Keys) > maxJWKSKeys {
		return JWKS{}, badJWKS("there are more than 64 keys")
	}
	out := JWKS{byID: map[string]verifier{}}
	for _, one := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(one) != nil || k.KeyID == "" || !k.IsPublic() || k.Use != "" && k.Use != "sig" {
			continue
		}
		for a, name := range joseNames {
			if k.Algorithm != "" && k.Algorithm != string(name) || fits(a, k.Key) != nil {
				continue
			}
			if _, twice := out.byID[k.KeyID]; twice {
				return JWKS{}, badJWKS("two keys have the same kid")
			}
			out.byID[k.KeyID] = verifier{name, k.Key}
		}
	}
	return out, nil
}

// WebhookKeys are the ed25519 keys of the set as VerifyStandard takes them: whpk_ texts.
func (s JWKS) WebhookKeys() (texts []string) {
	for _, v := range s.byID {
		if point, ok := v.key.(ed25519.PublicKey); ok {
			texts = append(texts, prefixPublic+base64.StdEncoding.EncodeToString(point))
		}
	}
	return texts
}

func badJWKS(message string) error {
	return action.NewError(action.CodeBadField, action.StageDecode, message).WithField("keys")
}

package sign

import (
	"crypto"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// joseTakes are the algorithms that a JWT may be signed with. There is no other way to
// take one: what is not named here is refused before a key is looked for.
var joseTakes = []jose.SignatureAlgorithm{jose.EdDSA, jose.RS256}

// Expected is what a receiver knows of a JWT beforehand. What is empty is not looked at.
type Expected struct {
	Issuer   string // the instance
	Audience string // the target's own name, [ORG:]NAME
	ID       string // the delivery id of the headers
}

// VerifyJWT checks a JWT as it came, and gives its payload: the JSON body with the claims
// in it. It must be a compact JWS in canonical base64url, signed by the key of its kid
// with that key's algorithm, typ must be JWT, iat must lie within Tolerance of now and exp
// not be over by more than that. A key, or the address of one, in the header is never
// used. The error has code bad_signature and a field, and never holds the text.
func VerifyJWT(text string, now time.Time, keys JWKS, want Expected) ([]byte, error) {
	if !isCompact(text, 3, "alg", "kid", "typ") {
		return nil, refuseJWT("it is no JWT: three parts of base64url are expected, the first of which says alg, kid and typ, and nothing else")
	}
	parsed, err := jose.ParseSignedCompact(text, joseTakes)
	if err != nil {
		return nil, refuseJWT("it is no JWT that is signed with EdDSA or RS256")
	}
	header := parsed.Signatures[0].Protected
	k, known := keys.byID[header.KeyID]
	switch {
	case header.ExtraHeaders[jose.HeaderType] != "JWT":
		return nil, refuseJWT("typ is not JWT")
	case !known:
		return nil, refuse("no key has the kid of the JWT: fetch the keys again", "kid")
	case header.Algorithm != string(k.algorithm):
		return nil, refuse("the key of that kid signs with another algorithm", "alg")
	}
	payload, err := parsed.Verify(k.key)
	if err != nil {
		return nil, refuseJWT("the signature does not fit")
	}
	return payload, checkClaims(payload, now, want)
}

func refuseJWT(message string) error { return refuse(message, "jwt") }

func checkClaims(payload []byte, now time.Time, want Expected) error {
	members, err := wire.Members(payload) // none stands twice
	if err != nil {
		return refuseJWT("the payload is no JSON object, or has a member twice")
	}
	said := map[string]string{}
	for _, m := range members {
		if claimNames[m.Name] {
			said[m.Name] = string(payload[m.ValStart:m.ValEnd])
		}
	}
	issued, ok := moment(said["iat"])
	if age := now.Sub(issued); !ok || age > Tolerance || age < -Tolerance {
		return refuse("iat is missing or too far from the present", "iat")
	}
	if expires, ok := moment(said["exp"]); !ok || now.After(expires.Add(Tolerance)) {
		return refuse("exp is missing or over", "exp")
	}
	for _, claim := range []struct{ name, want string }{{"iss", want.Issuer}, {"aud", want.Audience}, {"jti", want.ID}} {
		var have string
		if claim.want != "" && (json.Unmarshal([]byte(said[claim.name]), &have) != nil || have != claim.want) {
			return refuse(claim.name+" is another one than is expected", claim.name)
		}
	}
	return nil
}

// moment reads a NumericDate in whole seconds, as checkStamp does a timestamp.
func moment(text string) (time.Time, bool) {
	if text == "" || len(text) > 12 || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

// The ways in which a key may be wrapped for a target, and the body encrypted.
var (
	wraps    = []jose.KeyAlgorithm{jose.RSA_OAEP_256, jose.ECDH_ES_A256KW}
	encrypts = []jose.ContentEncryption{jose.A256GCM}
)

// ErrNoSuchKey is the cause of the error of OpenJWE for a JWE whose kid is not known.
var ErrNoSuchKey = errors.New("no private key has the kid")

// OpenJWE opens a JWE as it came with the private key of its kid, and gives the JWT in
// it, which is verified by VerifyJWT: what is encrypted may be by anybody. keys are
// *rsa.PrivateKey and *ecdsa.PrivateKey by the ids that the public keys have in Callout.
// RSA-OAEP-256 and ECDH-ES+A256KW with A256GCM are taken and nothing else, and nothing
// that is compressed. The error has code bad_signature and field jwe.
func OpenJWE(text string, keys map[string]crypto.PrivateKey) (jwt string, err error) {
	if !isCompact(text, 5, "alg", "cty", "enc", "epk", "kid", "typ") {
		return "", refuse("it is no JWE: five parts of base64url are expected, the first of which says alg, cty, enc, kid and typ, of an ECDSA key epk, and nothing else", "jwe")
	}
	parsed, err := jose.ParseEncryptedCompact(text, wraps, encrypts)
	if err != nil {
		return "", refuse("it is no JWE by RSA-OAEP-256 or ECDH-ES+A256KW with A256GCM", "jwe")
	}
	header := parsed.Header
	if header.ExtraHeaders[jose.HeaderType] != "JWT" || header.ExtraHeaders[jose.HeaderContentType] != "JWT" {
		return "", refuse("typ or cty is not JWT", "jwe")
	}
	key, known := keys[header.KeyID]
	if !known {
		return "", action.NewError(action.CodeBadSignature, action.StageDecode, "no private key has the kid of the JWE").WithField("kid").WithCause(ErrNoSuchKey)
	}
	inner, err := parsed.Decrypt(key)
	if err != nil {
		return "", refuse("the private key does not open it", "jwe")
	}
	return string(inner), nil
}

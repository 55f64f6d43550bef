package callout

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
)

// maxCompact bounds a JWT or JWE, in bytes: what MaxBody lets in is read anyway.
const maxCompact = 16 << 20

// compact takes a JWT or JWE apart: so many parts, none of them empty, and the first of
// them a JSON object of texts with these members and no other, none of them twice. A member that is
// not named may ask for something: a key to be fetched, something to be unpacked.
func compact(text string, parts int, names ...string) (raw [][]byte, header map[string]string, ok bool) {
	if len(text) > maxCompact {
		return nil, nil, false
	}
	all := strings.SplitN(text, ".", parts+1)
	if len(all) != parts {
		return nil, nil, false
	}
	for _, part := range all {
		one, err := decodeURL(part)
		if part == "" || err != nil {
			return nil, nil, false
		}
		raw = append(raw, one)
	}
	members, err := scanObject(raw[0])
	if err != nil {
		return nil, nil, false
	}
	header = map[string]string{}
	for _, m := range members {
		name := string(m.name)
		if _, twice := header[name]; twice || !slices.Contains(names, name) {
			return nil, nil, false
		}
		var value string
		if name == "epk" {
			value = string(m.value)
		} else if json.Unmarshal(m.value, &value) != nil || m.value[0] != '"' {
			return nil, nil, false
		}
		header[name] = value
	}
	return raw, header, true
}

// jwt checks a JWT and gives its payload.
func (v *Verifier) jwt(ctx context.Context, text string) ([]byte, error) {
	raw, header, ok := compact(text, 3, "alg", "kid", "typ")
	if !ok || header["typ"] != "JWT" {
		return nil, refuse("the body is no compact JWT whose header has alg, kid and typ: JWT, and nothing else")
	}
	alg := header["alg"]
	if alg != "EdDSA" && alg != "RS256" {
		return nil, refuse("the alg of the JWT is neither EdDSA nor RS256")
	}
	key, err := v.set.key(ctx, header["kid"])
	if err != nil {
		return nil, err
	}
	if key == nil {
		return nil, refuse("no key of the instance has the kid of the JWT")
	}
	if !signs(key, alg, []byte(text[:strings.LastIndexByte(text, '.')]), raw[2]) {
		return nil, refuse("the signature of the JWT does not fit the key of its kid")
	}
	return raw[1], v.claims(raw[1])
}

// signs tells whether a signature is one of a key by the algorithm of that key.
func signs(key crypto.PublicKey, alg string, message, signature []byte) bool {
	switch k := key.(type) {
	case ed25519.PublicKey:
		return alg == "EdDSA" && len(signature) == ed25519.SignatureSize && ed25519.Verify(k, message, signature)
	case *rsa.PublicKey:
		sum := sha256.Sum256(message)
		return alg == "RS256" && rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}

// claims checks what a JWT says of itself.
func (v *Verifier) claims(payload []byte) error {
	members, err := scanObject(payload)
	if err != nil {
		return refuse("the payload of the JWT is no JSON object")
	}
	said := map[string]string{}
	for _, m := range members {
		if _, twice := said[string(m.name)]; twice {
			return refuse("the payload of the JWT has a member twice")
		}
		said[string(m.name)] = string(m.value)
	}
	issued, ok := seconds(said["iat"])
	if age := v.now().Sub(issued); !ok || age > tolerance || age < -tolerance {
		return refuse("iat of the JWT is missing, or not within 300 seconds: is the clock right?")
	}
	if expires, ok := seconds(said["exp"]); !ok || v.now().After(expires.Add(tolerance)) {
		return refuse("exp of the JWT is missing or over")
	}
	for _, c := range []struct{ name, want string }{{"iss", v.options.Issuer}, {"aud", v.options.Audience}} {
		var have string
		if c.want != "" && (json.Unmarshal([]byte(said[c.name]), &have) != nil || have != c.want) {
			return refuse("%s of the JWT is another one: it is for somebody else", c.name)
		}
	}
	return nil
}

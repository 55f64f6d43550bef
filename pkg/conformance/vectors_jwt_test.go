package conformance_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/conformance"
	"github.com/callout-hq/callout/pkg/sign"
)

const (
	issuer   = "default"
	audience = "acme:hook"
)

func b64url(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// payload is the body with the claims behind its members, as pkg/sign makes it.
func (m *maker) payload(body string) string {
	out, err := sign.AppendClaims(nil, []byte(body), sign.Claims{Issuer: issuer, Audience: audience, ID: "dlv_1"}, m.now())
	require.NoError(m.t, err)
	return string(out)
}

// jwt is a JWT as pkg/sign makes it.
func (m *maker) jwt(p conformance.Pair, payload string) string {
	key, err := sign.OpenPair(p.ID, p.Algorithm, p.Private)
	require.NoError(m.t, err)
	text, err := key.JWT([]byte(payload))
	require.NoError(m.t, err)
	return text
}

func (m *maker) private(p conformance.Pair) crypto.Signer {
	der, err := base64.StdEncoding.DecodeString(p.Private)
	require.NoError(m.t, err)
	key, err := x509.ParsePKCS8PrivateKey(der)
	require.NoError(m.t, err)
	return key.(crypto.Signer)
}

// signedAs signs any header and payload: RSA by PKCS #1 v1.5 with SHA-256, ed25519 as it is.
func (m *maker) signedAs(key crypto.Signer, header, payload string) string {
	text := b64url(header) + "." + b64url(payload)
	message, how := []byte(text), crypto.Hash(0)
	if _, isRSA := key.(*rsa.PrivateKey); isRSA {
		sum := sha256.Sum256(message)
		message, how = sum[:], crypto.SHA256
	}
	signature, err := key.Sign(nil, message, how)
	require.NoError(m.t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (m *maker) set(pairs ...conformance.Pair) json.RawMessage {
	raw, err := conformance.JWKS(pairs...)
	require.NoError(m.t, err)
	return raw
}

// sent is a line with a JWT in it.
func (m *maker) sent(text string) line {
	return line{Payload: "jwt", JWKS: m.set(m.keys.Ed25519, m.keys.RS256), Issuer: issuer, Audience: audience, Body: []byte(text)}
}

// jwtVectors are about rules 3.1, 3.2 and 3.5.
func jwtVectors(m *maker) {
	k := m.keys
	payload := m.payload(event)
	ed, rs := m.jwt(k.Ed25519, payload), m.jwt(k.RS256, payload)
	m.plain("3.1", "EdDSA", "dlv_1", m.sent(ed), []byte(payload))
	m.plain("3.1", "RS256", "dlv_1", m.sent(rs), []byte(payload))
	odd := m.payload("{ \"n\" : 1.0, \"u\":\"Zoë\\u00e9\"}\n")
	m.plain("3.1", "a payload with its own spaces", "dlv_1", m.sent(m.jwt(k.Ed25519, odd)), []byte(odd))
	m.jwtTexts(ed, payload)
	m.jwtHeaders(payload)
	m.jwks(ed, rs, payload)
	m.claims(payload)
	m.beside(ed, payload)
}

// jwtTexts are what is not exactly the text that was signed.
func (m *maker) jwtTexts(good, payload string) {
	part := strings.Split(good, ".")
	last := part[2][len(part[2])-1:]
	loose := part[2][:len(part[2])-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[strings.Index("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", last)+1])
	for _, c := range []struct{ name, text string }{
		{"that is empty", ""}, {"of two parts", part[0] + "." + part[1]}, {"of four parts", good + "."}, {"cut short", good[:len(good)-2]}, {"with padding", good + "=="},
		{"behind a space", " " + good}, {"with a line break behind it", good + "\n"}, {"with a line break in it", part[0] + "\n." + part[1] + "." + part[2]},
		{"in JSON", `{"protected":"` + part[0] + `","payload":"` + part[1] + `","signature":"` + part[2] + `"}`}, {"as a JSON text", `"` + good + `"`}, {"doubled", good + good}, {"whose signature has a byte more", part[0] + "." + part[1] + "." + base64.RawURLEncoding.EncodeToString(append(decodedPart(part[2]), 0))},
		{"with another payload", part[0] + "." + b64url(strings.Replace(payload, "Ada", "Eve", 1)) + "." + part[2]}, {"without a payload", part[0] + ".." + part[2]},
		{"without a signature", part[0] + "." + part[1] + "."}, {"whose base64url is not canonical", part[0] + "." + part[1] + "." + loose},
		{"whose base64url is plain base64", strings.NewReplacer("-", "+", "_", "/").Replace(m.jwt(m.keys.RS256, payload))}, {"that is the plain body", event},
	} {
		m.bad("3.1", "a JWT "+c.name, m.sent(c.text))
	}
}

func decodedPart(text string) []byte {
	raw, _ := base64.RawURLEncoding.DecodeString(text) // we have made it
	return raw
}

// jwtHeaders are headers that ask for something else. Each is signed with the key of kid.
func (m *maker) jwtHeaders(payload string) {
	k, ed := m.keys, m.private(m.keys.Ed25519)
	id := `"kid":"` + k.Ed25519.ID + `"`
	m.plain("3.1", "members of the header in another order", "dlv_1", m.sent(m.signedAs(ed, `{"typ":"JWT",`+id+`,"alg":"EdDSA"}`, payload)), []byte(payload))
	for _, c := range []struct{ name, header string }{
		{"alg of another key", `{"alg":"RS256",` + id + `,"typ":"JWT"}`}, {"kid of another key", `{"alg":"EdDSA","kid":"` + k.RS256.ID + `","typ":"JWT"}`},
		{"kid and alg of another key", `{"alg":"RS256","kid":"` + k.RS256.ID + `","typ":"JWT"}`}, {"an unknown kid", `{"alg":"EdDSA","kid":"x","typ":"JWT"}`},
		{"no kid", `{"alg":"EdDSA","typ":"JWT"}`}, {"no alg", `{` + id + `,"typ":"JWT"}`}, {"no typ", `{"alg":"EdDSA",` + id + `}`}, {"another typ", `{"alg":"EdDSA",` + id + `,"typ":"at+jwt"}`},
		{"typ in lower case", `{"alg":"EdDSA",` + id + `,"typ":"jwt"}`}, {"alg in lower case", `{"alg":"eddsa",` + id + `,"typ":"JWT"}`}, {"kid twice", `{"alg":"EdDSA",` + id + `,` + id + `,"typ":"JWT"}`}, {"a kid that is a number", `{"alg":"EdDSA","kid":1,"typ":"JWT"}`},
		{"crit", `{"alg":"EdDSA",` + id + `,"typ":"JWT","crit":["exp"],"exp":1}`}, {"b64", `{"alg":"EdDSA",` + id + `,"typ":"JWT","crit":["b64"],"b64":false}`}, {"zip", `{"alg":"EdDSA",` + id + `,"typ":"JWT","zip":"DEF"}`},
		{"a key of its own", `{"alg":"EdDSA",` + id + `,"typ":"JWT","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}`},
		{"an address of keys", `{"alg":"EdDSA",` + id + `,"typ":"JWT","jku":"http://127.0.0.1:1/"}`}, {"cty", `{"alg":"EdDSA",` + id + `,"typ":"JWT","cty":"JWT"}`}, {"no object", `[]`},
	} {
		m.bad("3.1", "a header with "+c.name, m.sent(m.signedAs(ed, c.header, payload)))
	}
	none := b64url(`{"alg":"none",`+id+`,"typ":"JWT"}`) + "." + b64url(payload) + "."
	m.bad("3.1", "alg none", m.sent(none))
	m.bad("3.1", "alg none with a signature", m.sent(m.signedAs(ed, `{"alg":"none",`+id+`,"typ":"JWT"}`, payload)))
	for _, p := range []conformance.Pair{k.Ed25519, k.RS256} {
		m.bad("3.1", "an HMAC under the public key, "+string(p.Algorithm), m.sent(m.confused(p, payload)))
	}
	for _, alg := range []string{"PS256", "RS512", "HS256"} {
		m.bad("3.1", "alg "+alg+" with a signature of RS256", m.sent(m.signedAs(m.private(k.RS256), `{"alg":"`+alg+`","kid":"`+k.RS256.ID+`","typ":"JWT"}`, payload)))
	}
}

// confused signs as HS256 with the text of a public key as the secret.
func (m *maker) confused(p conformance.Pair, payload string) string {
	der, err := base64.StdEncoding.DecodeString(p.Public)
	require.NoError(m.t, err)
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	text := b64url(`{"alg":"HS256","kid":"`+p.ID+`","typ":"JWT"}`) + "." + b64url(payload)
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// jwks are about the set of keys.
func (m *maker) jwks(ed, rs, payload string) {
	k := m.keys
	with := func(text string, set json.RawMessage) line { l := m.sent(text); l.JWKS = set; return l }
	m.bad("3.1", "a set without the key", with(ed, m.set(k.RS256, k.Next)))
	m.bad("3.1", "a set that is empty", with(ed, m.set()))
	small := m.smallKey()
	n := base64.RawURLEncoding.EncodeToString(small.N.Bytes())
	weak := `{"kty":"RSA","alg":"RS256","use":"sig","kid":"weak","e":"AQAB","n":"` + n + `"}`
	m.bad("3.1", "an RSA key of 1024 bits", with(m.signedAs(small, `{"alg":"RS256","kid":"weak","typ":"JWT"}`, payload), json.RawMessage(`{"keys":[`+weak+`]}`)))
	inner := string(m.set(k.Ed25519, k.RS256))
	others := `{"keys":[{"kty":"oct","kid":"o","k":"AAAA"},{"kty":"EC","crv":"P-256","kid":"e","x":"AAAA","y":"AAAA"},{"kty":"what"},` + weak + `,` + inner[len(`{"keys":[`):]
	m.plain("3.1", "keys of other kinds are passed over", "dlv_1", with(rs, json.RawMessage(others)), []byte(payload))
	public := m.private(k.RS256).Public().(*rsa.PublicKey)
	bare := `{"keys":[{"kty":"RSA","kid":"` + k.RS256.ID + `","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(public.N.Bytes()) + `"}]}`
	m.plain("3.1", "an RSA key that does not name its alg", "dlv_1", with(rs, json.RawMessage(bare)), []byte(payload))
}

func (m *maker) smallKey() *rsa.PrivateKey {
	block, _ := pem.Decode([]byte(m.keys.SmallRSA))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(m.t, err)
	return key.(*rsa.PrivateKey)
}

// claims are about rule 3.2.
func (m *maker) claims(payload string) {
	k, now := m.keys, m.keys.Now
	made := func(claims string) line {
		return m.sent(m.jwt(k.Ed25519, `{"event_type":"thing.added",`+claims+`}`))
	}
	whole := func(iss, aud, jti string, iat, exp any) string {
		return fmt.Sprintf(`"iss":%q,"aud":%q,"jti":%q,"iat":%v,"exp":%v`, iss, aud, jti, iat, exp)
	}
	for _, skew := range []int64{-300, 300} {
		l := made(whole(issuer, audience, "dlv_1", now+skew, now+skew+300))
		m.plain("3.2", fmt.Sprintf("iat %+d seconds", skew), "dlv_1", l, []byte(`{"event_type":"thing.added",`+whole(issuer, audience, "dlv_1", now+skew, now+skew+300)+`}`))
	}
	past := whole(issuer, audience, "dlv_1", now, now-300)
	m.plain("3.2", "exp 300 seconds past", "dlv_1", made(past), []byte(`{"event_type":"thing.added",`+past+`}`))
	for _, c := range []struct{ name, claims string }{
		{"iat -301 seconds", whole(issuer, audience, "dlv_1", now-301, now)}, {"iat +301 seconds", whole(issuer, audience, "dlv_1", now+301, now+601)}, {"exp 301 seconds past", whole(issuer, audience, "dlv_1", now, now-301)},
		{"another iss", whole("other", audience, "dlv_1", now, now+300)}, {"another aud", whole(issuer, "acme:other", "dlv_1", now, now+300)}, {"aud in another case", whole(issuer, "acme:Hook", "dlv_1", now, now+300)},
		{"no iss", fmt.Sprintf(`"aud":%q,"jti":"dlv_1","iat":%d,"exp":%d`, audience, now, now+300)}, {"no aud", fmt.Sprintf(`"iss":%q,"jti":"dlv_1","iat":%d,"exp":%d`, issuer, now, now+300)},
		{"no iat", fmt.Sprintf(`"iss":%q,"aud":%q,"jti":"dlv_1","exp":%d`, issuer, audience, now+300)}, {"no exp", fmt.Sprintf(`"iss":%q,"aud":%q,"jti":"dlv_1","iat":%d`, issuer, audience, now)},
		{"iat as a text", whole(issuer, audience, "dlv_1", fmt.Sprintf("%q", fmt.Sprint(now)), now+300)}, {"iat with a fraction", whole(issuer, audience, "dlv_1", fmt.Sprint(now)+".5", now+300)},
		{"exp as a text", whole(issuer, audience, "dlv_1", now, fmt.Sprintf("%q", fmt.Sprint(now+300)))},
	} {
		m.bad("3.2", c.name, made(c.claims))
	}
	more := fmt.Sprintf(`"iss":%q,"aud":%q,"iat":%d,"exp":%d`, issuer, audience, now, now+300)
	for _, c := range []struct{ name, claims string }{{"a jti that is no text", more + `,"jti":7`}, {"a claim twice", more + `,"jti":"a","jti":"b"`}, {"aud twice", more + fmt.Sprintf(`,"aud":%q`, audience)}, {"a member twice", more + `,"x":1,"x":2`}} {
		m.bad("3.2", c.name, made(c.claims))
	}
	without := made(more)
	without.Headers = headers{{"Callout-Delivery-Id", "dlv_2"}}
	m.plain("3.2", "no jti", "dlv_2", without, []byte(`{"event_type":"thing.added",`+more+`}`))
	m.bad("3.2", "a payload that is no object", m.sent(m.jwt(k.Ed25519, `[]`)))
	told := made(whole("any", "body", "dlv_1", now, now+300))
	told.Issuer, told.Audience = "", ""
	m.plain("3.2", "what the receiver was not told is not looked at", "dlv_1", told, []byte(`{"event_type":"thing.added",`+whole("any", "body", "dlv_1", now, now+300)+`}`))
	_ = payload
}

// beside are about rule 3.5: keys beside the JWT.
func (m *maker) beside(text, payload string) {
	k := m.keys
	with := func(h headers) line { l := m.sent(text); l.Keys, l.Headers = []string{k.First}, h; return l }
	m.plain("3.5", "a JWT and a signature", "dlv_1", with(m.standard("dlv_1", text, k.First)), []byte(payload))
	m.plain("3.5", "a JWT and ZITADEL's signature", "dlv_1", with(m.zitadel("dlv_1", text, k.First)), []byte(payload))
	m.bad("3.5", "a JWT without the signature", with(nil))
	m.bad("3.5", "a JWT and a signature of another key", with(m.standard("dlv_1", text, k.Stranger)))
	m.bad("3.5", "a JWT and a signature over its payload", with(m.standard("dlv_1", payload, k.First)))
	plain := with(m.standard("dlv_1", event, k.First))
	plain.Body = []byte(event)
	m.bad("3.5", "a signature without the JWT", plain)
	other := m.sent(m.signedAs(m.private(k.Next), `{"alg":"EdDSA","kid":"`+k.Ed25519.ID+`","typ":"JWT"}`, payload))
	other.Keys, other.Headers = []string{k.First}, m.standard("dlv_1", string(other.Body), k.First)
	m.bad("3.5", "a signature and a JWT of another key", other)
}

package conformance_test

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"hash"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
)

const joseHeader = `{"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","kid":"rsa","typ":"JWT"}`

func (m *maker) targetKey(pemText string) crypto.Signer {
	block, _ := pem.Decode([]byte(pemText))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(m.t, err)
	return key.(crypto.Signer)
}

// jwe is a JWE as pkg/sign makes it.
func (m *maker) jwe(kid, jwt string) string {
	return m.sealed.text("as it is sent, for "+kid, jwt, func() string {
		der, err := x509.MarshalPKIXPublicKey(m.targetKey(m.keys.Target[kid]).Public())
		require.NoError(m.t, err)
		r, err := sign.ParsePublicKey(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
		require.NoError(m.t, err)
		e, err := r.Encrypter(kid)
		require.NoError(m.t, err)
		text, err := e.JWE(jwt)
		require.NoError(m.t, err)
		return text
	})
}

// encrypted is a JWE with any header, for the RSA key of the target, with OAEP by a hash.
func (m *maker) encrypted(name, header, inner string, by func() hash.Hash) string {
	return m.sealed.text(name, header+inner, func() string {
		key, iv := make([]byte, 32), make([]byte, 12)
		rand.Read(key)
		rand.Read(iv)
		public := m.targetKey(m.keys.Target["rsa"]).Public().(*rsa.PublicKey)
		wrapped, err := rsa.EncryptOAEP(by(), rand.Reader, public, key, nil)
		require.NoError(m.t, err)
		block, err := aes.NewCipher(key)
		require.NoError(m.t, err)
		gcm, err := cipher.NewGCM(block)
		require.NoError(m.t, err)
		out := gcm.Seal(nil, iv, []byte(inner), []byte(b64url(header)))
		text, tag := out[:len(out)-16], out[len(out)-16:]
		part := base64.RawURLEncoding.EncodeToString
		return b64url(header) + "." + part(wrapped) + "." + part(iv) + "." + part(text) + "." + part(tag)
	})
}

func (m *maker) opened(text string) line {
	l := m.sent(text)
	l.Payload, l.PrivateKeys = "jwe", m.keys.Target
	return l
}

// jweVectors are about rule 3.3.
func jweVectors(m *maker) {
	k := m.keys
	payload := m.payload(event)
	jwt := m.jwt(k.Ed25519, payload)
	for kid, name := range map[string]string{"rsa": "RSA-OAEP-256"} {
		m.plain("3.3", name, "dlv_1", m.opened(m.jwe(kid, jwt)), []byte(payload))
	}
	m.plain("3.3", "ECDH-ES+A256KW", "dlv_1", m.opened(m.jwe("ec", jwt)), []byte(payload))
	m.plain("3.3", "with RS256 in it", "dlv_1", m.opened(m.encrypted("RS256", joseHeader, m.jwt(k.RS256, payload), sha256.New)), []byte(payload))
	m.jweTexts(jwt)
	m.jweHeaders(jwt)
	m.jweInside(payload)
	stranger := m.opened(m.jwe("rsa", jwt))
	stranger.PrivateKeys = map[string]string{"rsa": k.StrangerTarget}
	m.bad("3.3", "another key under the kid", stranger)
	unknown := m.opened(m.jwe("rsa", jwt))
	unknown.PrivateKeys = map[string]string{"ec": k.Target["ec"]}
	m.bad("3.3", "no key of the kid", unknown)
}

func (m *maker) jweTexts(jwt string) {
	for _, kid := range []string{"rsa", "ec"} {
		good := m.jwe(kid, jwt)
		part := strings.Split(good, ".")
		with := func(n int, text string) string {
			out := append([]string{}, part...)
			out[n] = text
			return strings.Join(out, ".")
		}
		for _, c := range []struct{ name, text string }{
			{"of four parts", strings.Join(part[:4], ".")}, {"of six parts", good + "."}, {"with padding", good + "="}, {"with a line break behind it", good + "\n"}, {"behind a space", " " + good},
			{"with another text", with(3, changedPart(part[3]))}, {"with another tag", with(4, changedPart(part[4]))}, {"with a short tag", with(4, part[4][:16])}, {"with no tag", with(4, "")},
			{"with another nonce", with(2, changedPart(part[2]))}, {"with another key", with(1, changedPart(part[1]))}, {"with no key", with(1, "")}, {"without its text", with(3, "")},
		} {
			m.bad("3.3", "a JWE "+c.name+", "+kid, m.opened(c.text))
		}
	}
	m.bad("3.3", "the JWT alone", m.opened(jwt))
	m.bad("3.3", "the plain body", m.opened(event))
}

func changedPart(text string) string {
	if text[2] == 'A' {
		return text[:2] + "B" + text[3:]
	}
	return text[:2] + "A" + text[3:]
}

// jweHeaders ask for something else.
func (m *maker) jweHeaders(jwt string) {
	h := func(from, to string) string { return strings.Replace(joseHeader, from, to, 1) }
	for _, c := range []struct{ name, header string }{
		{"alg RSA1_5", h("RSA-OAEP-256", "RSA1_5")}, {"alg dir", h("RSA-OAEP-256", "dir")}, {"alg of an EC key", h("RSA-OAEP-256", "ECDH-ES+A256KW")}, {"enc A128GCM", h("A256GCM", "A128GCM")},
		{"enc A256CBC-HS512", h("A256GCM", "A256CBC-HS512")}, {"another kid", h(`"rsa"`, `"ec"`)}, {"an unknown kid", h(`"rsa"`, `"x"`)}, {"no kid", h(`"kid":"rsa",`, "")}, {"no cty", h(`"cty":"JWT",`, "")},
		{"another cty", h(`"cty":"JWT"`, `"cty":"json"`)}, {"no typ", h(`,"typ":"JWT"`, "")}, {"another typ", h(`"typ":"JWT"`, `"typ":"JOSE"`)}, {"crit", h(`}`, `,"crit":["exp"],"exp":1}`)},
		{"an address of keys", h(`}`, `,"jku":"http://127.0.0.1:1/"}`)}, {"a member that is not named", h(`}`, `,"x":1}`)},
	} {
		m.bad("3.3", "a header with "+c.name, m.opened(m.encrypted(c.name, c.header, jwt, sha256.New)))
	}
	m.bad("3.3", "RSA-OAEP with SHA-1", m.opened(m.encrypted("SHA-1", h("RSA-OAEP-256", "RSA-OAEP"), jwt, sha1.New)))
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	require.NoError(m.t, err)
	_, err = w.Write([]byte(jwt))
	require.NoError(m.t, err)
	require.NoError(m.t, w.Close())
	zipped := strings.Replace(joseHeader, "}", `,"zip":"DEF"}`, 1)
	m.bad("3.3", "zip", m.opened(m.encrypted("zip", zipped, packed.String(), sha256.New)))
	m.bad("3.3", "zip that packs nothing", m.opened(m.encrypted("zip that packs nothing", zipped, jwt, sha256.New)))
	good := m.jwe("ec", jwt)
	header, err := base64.RawURLEncoding.DecodeString(good[:strings.Index(good, ".")])
	require.NoError(m.t, err)
	rest := good[strings.Index(good, "."):]
	from, to := strings.Index(string(header), `"epk"`), strings.Index(string(header), `"kid"`)
	for _, c := range []struct{ name, epk string }{
		{"no epk", ""}, {"an epk that is not on the curve", `"epk":{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"},`},
		{"an epk of another curve", `"epk":{"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"},`}, {"an epk that is a text", `"epk":"x",`}, {"an epk of zero", `"epk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},`},
	} {
		m.bad("3.3", "a header with "+c.name, m.opened(b64url(string(header[:from])+c.epk+string(header[to:]))+rest))
	}
}

// jweInside is what may be in a JWE: by itself it is by anybody.
func (m *maker) jweInside(payload string) {
	k := m.keys
	for _, c := range []struct{ name, inner string }{
		{"the plain body", payload}, {"a JWT of another key", m.signedAs(m.private(k.Next), `{"alg":"EdDSA","kid":"`+k.Ed25519.ID+`","typ":"JWT"}`, payload)},
		{"a JWT of alg none", b64url(`{"alg":"none","kid":"`+k.Ed25519.ID+`","typ":"JWT"}`) + "." + b64url(payload) + "."}, {"nothing", "."},
		{"a JWT for another one", m.jwt(k.Ed25519, strings.Replace(payload, audience, "acme:other", 1))},
	} {
		m.bad("3.3", "in it "+c.name, m.opened(m.encrypted("in it "+c.name, joseHeader, c.inner, sha256.New)))
	}
	twice := m.encrypted("twice, within", joseHeader, m.jwt(k.Ed25519, payload), sha256.New)
	m.bad("3.3", "in it another JWE", m.opened(m.encrypted("twice", joseHeader, twice, sha256.New)))
}

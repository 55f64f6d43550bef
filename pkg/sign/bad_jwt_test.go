package sign_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

const cryptoSHA256 = crypto.SHA256

func sum256(text []byte) []byte { sum := sha256.Sum256(text); return sum[:] }

func b64url(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// resigned is a JWT with any header, signed as it says by the ed25519 key of pairs.
func resigned(t *testing.T, header, payload string) string {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(pairs[action.Ed25519].Private)
	require.NoError(t, err)
	key, err := x509.ParsePKCS8PrivateKey(der)
	require.NoError(t, err)
	text := b64url(header) + "." + b64url(payload)
	signature, err := key.(crypto.Signer).Sign(nil, []byte(text), crypto.Hash(0))
	require.NoError(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestBadJWTs: what is not exactly what was signed, or asks to be read otherwise, is
// refused with the one code.
func TestBadJWTs(t *testing.T) {
	ed, rs := pairs[action.Ed25519], pairs[action.RS256]
	good := signedBody(t, action.Ed25519, `{"n":1}`)
	parts := strings.Split(good, ".")
	header, payload := `{"alg":"EdDSA","kid":"`+ed.ID+`","typ":"JWT"}`, `{"n":1,`+claimed+`}`
	require.Equal(t, good, resigned(t, header, payload))
	der, err := base64.StdEncoding.DecodeString(ed.Public)
	require.NoError(t, err)
	mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	confused := b64url(`{"alg":"HS256","kid":"`+ed.ID+`","typ":"JWT"}`) + "." + parts[1]
	mac.Write([]byte(confused))
	with := func(more string) string { return resigned(t, header[:len(header)-1]+","+more+"}", payload) }
	for name, text := range map[string]string{
		"empty": "", "two parts": parts[0] + "." + parts[1], "four parts": good + ".", "truncated": good[:len(good)-2], "padded": good + "==",
		"line break": parts[0] + "\n." + parts[1] + "." + parts[2], "white space around": " " + good, "JSON form": `{"payload":"` + parts[1] + `"}`,
		"doubled": good + good, "another payload": parts[0] + "." + b64url(`{"n":2,`+claimed+`}`) + "." + parts[2], "no payload": parts[0] + ".." + parts[2],
		"no signature": parts[0] + "." + parts[1] + ".", "alg none": b64url(`{"alg":"none","kid":"`+ed.ID+`","typ":"JWT"}`) + "." + parts[1] + ".",
		"alg of an HMAC by the public key": confused + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)),
		"alg of another key":               resigned(t, `{"alg":"RS256","kid":"`+ed.ID+`","typ":"JWT"}`, payload),
		"kid of another key":               resigned(t, `{"alg":"EdDSA","kid":"`+rs.ID+`","typ":"JWT"}`, payload),
		"unknown kid":                      resigned(t, `{"alg":"EdDSA","kid":"x","typ":"JWT"}`, payload), "no kid": resigned(t, `{"alg":"EdDSA","typ":"JWT"}`, payload),
		"no typ": resigned(t, `{"alg":"EdDSA","kid":"`+ed.ID+`"}`, payload), "typ of something else": resigned(t, `{"alg":"EdDSA","kid":"`+ed.ID+`","typ":"at+jwt"}`, payload),
		"kid twice": with(`"kid":"` + ed.ID + `"`), "crit": with(`"crit":["exp"],"exp":1`), "b64": with(`"crit":["b64"],"b64":false`), "zip": with(`"zip":"DEF"`),
		"a key of its own": with(`"jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`), "an address of keys": with(`"jku":"https://a.example/"`),
		"a member twice": resigned(t, header, `{"n":1,"iat":1700000000,`+claimed+`}`), "no object": resigned(t, header, `[]`), "no claims": resigned(t, header, `{}`),
		"no exp": resigned(t, header, `{"iat":1700000000}`), "exp over": resigned(t, header, `{"iat":1700000000,"exp":1699999699}`),
		"iat as a text": resigned(t, header, `{"iat":"1700000000","exp":1700000300}`), "iat with a fraction": resigned(t, header, `{"iat":1700000000.5,"exp":1700000300}`),
	} {
		_, err := sign.VerifyJWT(text, jwtTime, published(t, ed, rs), sign.Expected{})
		require.Equal(t, action.CodeBadSignature, action.CodeOf(err), name)
	}
	// Members in another order are the same header.
	_, err = sign.VerifyJWT(resigned(t, `{"typ":"JWT","kid":"`+ed.ID+`","alg":"EdDSA"}`, payload), jwtTime, published(t, ed), sign.Expected{})
	require.NoError(t, err)
	_, err = sign.VerifyJWT(good, jwtTime, sign.JWKS{}, sign.Expected{})
	require.Equal(t, action.CodeBadSignature, action.CodeOf(err), "no keys")
}

// TestJWTsHaveATime, and are for somebody.
func TestJWTsHaveATime(t *testing.T) {
	good, keys := signedBody(t, action.RS256, `{}`), published(t, pairs[action.RS256])
	for skew, ok := range map[time.Duration]bool{0: true, sign.Tolerance: true, -sign.Tolerance: true, sign.Tolerance + time.Second: false, -sign.Tolerance - time.Second: false} {
		_, err := sign.VerifyJWT(good, jwtTime.Add(skew), keys, sign.Expected{})
		require.Equal(t, ok, err == nil, skew)
	}
	for field, want := range map[string]sign.Expected{"iss": {Issuer: "twin"}, "aud": {Audience: "hook"}, "jti": {ID: "01OTHER"}} {
		_, err := sign.VerifyJWT(good, jwtTime, keys, want)
		require.Equal(t, action.CodeBadSignature, action.CodeOf(err))
		require.Equal(t, field, action.AsError(err, "").Field)
	}
}

// TestOtherAlgorithmsAreNotTaken, though the key would do.
func TestOtherAlgorithmsAreNotTaken(t *testing.T) {
	der, err := base64.StdEncoding.DecodeString(pairs[action.RS256].Private)
	require.NoError(t, err)
	key, err := x509.ParsePKCS8PrivateKey(der)
	require.NoError(t, err)
	for _, a := range []jose.SignatureAlgorithm{jose.PS256, jose.RS512} {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: a, Key: jose.JSONWebKey{Key: key, KeyID: pairs[action.RS256].ID}}, (&jose.SignerOptions{}).WithType("JWT"))
		require.NoError(t, err)
		signed, err := signer.Sign([]byte(`{` + claimed + `}`))
		require.NoError(t, err)
		text, err := signed.CompactSerialize()
		require.NoError(t, err)
		_, err = sign.VerifyJWT(text, jwtTime, published(t, pairs[action.RS256]), sign.Expected{})
		require.Equal(t, action.CodeBadSignature, action.CodeOf(err), a)
	}
}

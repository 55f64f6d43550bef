package sign_test

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// pairs are one key of each algorithm; making RSA keys takes its time.
var pairs = func() map[action.Algorithm]sign.Pair {
	all := map[action.Algorithm]sign.Pair{}
	for _, a := range action.Algorithms {
		pair, err := sign.NewPair(a)
		if err != nil {
			panic(err)
		}
		all[a] = pair
	}
	return all
}()

var jwtTime = time.Unix(1700000000, 0)

func opened(t testing.TB, a action.Algorithm) *sign.OwnKey {
	t.Helper()
	key, err := sign.OpenPair(pairs[a].ID, a, pairs[a].Private)
	require.NoError(t, err)
	return key
}

// published are the keys as an instance publishes them, read again.
func published(t testing.TB, all ...sign.Pair) sign.JWKS {
	t.Helper()
	var keys []sign.PublicKey
	for _, p := range all {
		keys = append(keys, sign.PublicKey{ID: p.ID, Algorithm: p.Algorithm, Text: p.Public})
	}
	raw, err := sign.WriteJWKS(keys)
	require.NoError(t, err)
	set, err := sign.ParseJWKS(raw)
	require.NoError(t, err)
	return set
}

var claims = sign.Claims{Issuer: "default", Audience: "acme:hook", ID: "01ID"}

const claimed = `"iss":"default","aud":"acme:hook","jti":"01ID","iat":1700000000,"exp":1700000300`

// signedBody is a JWT as a worker makes it.
func signedBody(t testing.TB, a action.Algorithm, body string) string {
	t.Helper()
	payload, err := sign.AppendClaims(nil, []byte(body), claims, jwtTime)
	require.NoError(t, err)
	text, err := opened(t, a).JWT(payload)
	require.NoError(t, err)
	return text
}

// TestClaimsStandBehindTheBody, which stays byte for byte as it is.
func TestClaimsStandBehindTheBody(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                            `{` + claimed + `}`,
		` { } `:                         ` {` + claimed + `} `,
		"{ \"n\": 1.0, \"s\":\"}\" }\n": `{ "n": 1.0, "s":"}",` + claimed + "}\n",
		`{"a":{"iss":"b","exp":[{}]}}`:  `{"a":{"iss":"b","exp":[{}]},` + claimed + `}`,
	} {
		got, err := sign.AppendClaims([]byte("x"), []byte(body), claims, jwtTime)
		require.NoError(t, err)
		require.Equal(t, "x"+want, string(got))
		require.True(t, json.Valid(got[1:]))
	}
	for _, body := range []string{`[]`, `7`, ``, `{"a":1,"exp":2}`, `{"\u0069ss":"default"}`} {
		_, err := sign.AppendClaims(nil, []byte(body), claims, jwtTime)
		require.Equal(t, action.CodeMalformed, action.CodeOf(err), body)
	}
}

// TestJWTOnTheWire: the header has ZITADEL's members in their order, and the standard
// library verifies what is signed.
func TestJWTOnTheWire(t *testing.T) {
	for _, a := range action.Algorithms {
		text := signedBody(t, a, `{"n":1}`)
		parts := strings.Split(text, ".")
		require.Len(t, parts, 3)
		header, err := base64.RawURLEncoding.DecodeString(parts[0])
		require.NoError(t, err)
		name := map[action.Algorithm]string{action.Ed25519: "EdDSA", action.RS256: "RS256"}[a]
		require.Equal(t, `{"alg":"`+name+`","kid":"`+pairs[a].ID+`","typ":"JWT"}`, string(header))
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		require.NoError(t, err)
		require.Equal(t, `{"n":1,`+claimed+`}`, string(payload))

		der, err := base64.StdEncoding.DecodeString(pairs[a].Public)
		require.NoError(t, err)
		public, err := x509.ParsePKIXPublicKey(der)
		require.NoError(t, err)
		signature, err := base64.RawURLEncoding.DecodeString(parts[2])
		require.NoError(t, err)
		switch k := public.(type) {
		case ed25519.PublicKey:
			require.True(t, ed25519.Verify(k, []byte(parts[0]+"."+parts[1]), signature))
		case *rsa.PublicKey:
			require.NoError(t, rsa.VerifyPKCS1v15(k, cryptoSHA256, sum256([]byte(parts[0]+"."+parts[1])), signature))
			require.Equal(t, 2048, k.N.BitLen())
		}

		got, err := sign.VerifyJWT(text, jwtTime, published(t, pairs[a]), sign.Expected{Issuer: "default", Audience: "acme:hook", ID: "01ID"})
		require.NoError(t, err)
		require.Equal(t, string(payload), string(got))
	}
}

// TestThumbprint is that of RFC 8037, appendix A.3.
func TestThumbprint(t *testing.T) {
	seed, err := base64.RawURLEncoding.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	text := base64.StdEncoding.EncodeToString(der)
	_, err = sign.OpenPair("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", action.Ed25519, text)
	require.NoError(t, err)
	for _, other := range []struct {
		id, text string
		a        action.Algorithm
	}{
		{"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4K", text, action.Ed25519}, {"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", text, action.RS256},
		{pairs[action.RS256].ID, pairs[action.RS256].Private, action.Ed25519}, {"", "", action.Ed25519},
	} {
		_, err = sign.OpenPair(other.id, other.a, other.text)
		require.Error(t, err)
		require.False(t, other.text != "" && strings.Contains(err.Error(), other.text[:8]))
	}
}

// TestJWKS: the keys as they are published: for signatures, with kid and alg, and without a
// private part.
func TestJWKS(t *testing.T) {
	ed, rs := pairs[action.Ed25519], pairs[action.RS256]
	raw, err := sign.WriteJWKS([]sign.PublicKey{{ID: ed.ID, Algorithm: ed.Algorithm, Text: ed.Public}, {ID: rs.ID, Algorithm: rs.Algorithm, Text: rs.Public}})
	require.NoError(t, err)
	var set struct{ Keys []map[string]string }
	require.NoError(t, json.Unmarshal(raw, &set))
	require.Len(t, set.Keys, 2)
	for n, want := range []map[string]string{
		{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": ed.ID},
		{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": rs.ID, "e": "AQAB"},
	} {
		for name, value := range want {
			require.Equal(t, value, set.Keys[n][name], name)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi"} {
			require.NotContains(t, set.Keys[n], private)
		}
	}
	require.Equal(t, sign.PublicKey{ID: ed.ID, Algorithm: ed.Algorithm, Text: ed.Public}.WebhookText(), set.Keys[0]["whpk"])
	require.Contains(t, published(t, ed, rs).WebhookKeys(), set.Keys[0]["whpk"])
	none, err := sign.WriteJWKS(nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"keys":[]}`, string(none))
	for _, bad := range []string{``, `[]`, `{}`, `{"keys":7}`, `{"keys":[` + strings.Repeat(`{},`, 64) + `{}]}`, string(raw[:len(raw)-2]) + `,` + string(raw[len(`{"keys":[`):])} {
		_, err := sign.ParseJWKS([]byte(bad))
		require.Equal(t, action.CodeBadField, action.CodeOf(err), bad)
	}
	_, err = jose.ParseSignedCompact(signedBody(t, action.Ed25519, `{}`), []jose.SignatureAlgorithm{jose.EdDSA})
	require.NoError(t, err)
}

package sign_test

import (
	"bytes"
	"crypto"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// FuzzVerifyJWT: nothing passes but the very text that was signed.
func FuzzVerifyJWT(f *testing.F) {
	good, keys := signedBody(f, action.Ed25519, `{"n":1}`), published(f, pairs[action.Ed25519])
	parts := strings.Split(good, ".")
	for _, text := range []string{good, "", "..", good + ".", parts[0] + "." + parts[1] + ".", "e30.e30.AA", b64url(`{"alg":"none"}`) + "." + parts[1] + "."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		payload, err := sign.VerifyJWT(text, jwtTime, keys, sign.Expected{})
		if err != nil {
			require.Equal(t, action.CodeBadSignature, action.CodeOf(err))
			return
		}
		require.Equal(t, good, text)
		require.True(t, json.Valid(payload))
	})
}

// FuzzOpenJWE: what opens was encrypted for the key, and is that text.
func FuzzOpenJWE(f *testing.F) {
	private := receivers["ECDSA P-256"]
	good := encrypted(f, private.Public(), "k1", "a JWT")
	f.Add(good)
	f.Add("....")
	f.Add(b64url(`{"alg":"PBES2-HS256+A128KW","p2c":100000000,"p2s":"AAAA","enc":"A256GCM","kid":"k1"}`) + good[strings.Index(good, "."):])
	f.Fuzz(func(t *testing.T, text string) {
		inner, err := sign.OpenJWE(text, map[string]crypto.PrivateKey{"k1": private})
		if err != nil {
			require.Equal(t, action.CodeBadSignature, action.CodeOf(err))
			return
		}
		require.Equal(t, "a JWT", inner)
	})
}

// FuzzParseJWKS: a set that is taken has keys that verify, or none.
func FuzzParseJWKS(f *testing.F) {
	p := pairs[action.Ed25519]
	raw, err := sign.WriteJWKS([]sign.PublicKey{{ID: p.ID, Algorithm: p.Algorithm, Text: p.Public}})
	require.NoError(f, err)
	for _, text := range []string{string(raw), `{"keys":[{}]}`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"a"}]}`, `{"keys":[{"kty":"oct","k":"AAAA","kid":"a"}]}`, `{"keys":null}`} {
		f.Add([]byte(text))
	}
	good := signedBody(f, action.Ed25519, `{}`)
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := sign.ParseJWKS(raw)
		if err != nil {
			require.Equal(t, action.CodeBadField, action.CodeOf(err))
			return
		}
		if _, err := sign.VerifyJWT(good, jwtTime, keys, sign.Expected{}); err == nil {
			require.Contains(t, string(raw), p.ID)
		}
	})
}

// FuzzParsePublicKey: a key that is taken encrypts.
func FuzzParsePublicKey(f *testing.F) {
	for _, key := range receivers {
		f.Add(pemOf(f, key.Public()))
	}
	f.Add("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := sign.ParsePublicKey(text)
		if err != nil {
			require.Equal(t, action.CodeBadField, action.CodeOf(err))
			return
		}
		require.NotEmpty(t, r.Kind)
		e, err := r.Encrypter("k")
		require.NoError(t, err)
		_, err = e.JWE("a JWT")
		require.NoError(t, err)
	})
}

// FuzzAppendClaims: a body that is an object stays as it is, with five members more.
func FuzzAppendClaims(f *testing.F) {
	for _, body := range []string{`{}`, ` { } `, `{"a":{"exp":1}}`, `{"exp":1}`, `[]`, `{"a":"\"}"}`, "{\"a\":1}\n"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before, err := wire.Members(body)
		if err != nil {
			return // every body is checked before it comes here
		}
		got, err := sign.AppendClaims(nil, body, claims, jwtTime)
		if err != nil {
			require.Equal(t, action.CodeMalformed, action.CodeOf(err))
			return
		}
		after, err := wire.Members(got)
		require.NoError(t, err)
		require.Len(t, after, len(before)+5)
		for n, m := range before {
			require.Equal(t, m, after[n])
		}
		if len(before) > 0 {
			require.True(t, bytes.HasPrefix(got, body[:before[len(before)-1].ValEnd]))
		}
	})
}

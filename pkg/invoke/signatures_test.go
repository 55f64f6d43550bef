package invoke

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// ownKey is a key of an instance, with its public half as Standard Webhooks writes it.
func ownKey(t *testing.T, a action.Algorithm) (key *sign.OwnKey, whpk string, keys sign.JWKS) {
	t.Helper()
	pair, err := sign.NewPair(a)
	require.NoError(t, err)
	key, err = sign.OpenPair(pair.ID, a, pair.Private)
	require.NoError(t, err)
	public := sign.PublicKey{ID: pair.ID, Algorithm: a, Text: pair.Public}
	raw, err := sign.WriteJWKS([]sign.PublicKey{public})
	require.NoError(t, err)
	keys, err = sign.ParseJWKS(raw)
	require.NoError(t, err)
	return key, public.WebhookText(), keys
}

// v1aFits checks v1a by what the specification says, with nothing of ours.
func v1aFits(t *testing.T, r seen, whpk string) bool {
	t.Helper()
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(whpk, "whpk_"))
	require.NoError(t, err)
	signed := bytes.Join([][]byte{[]byte(r.Header.Get("webhook-id")), []byte(r.Header.Get("webhook-timestamp")), r.body}, []byte("."))
	for _, part := range strings.Split(r.Header.Get("webhook-signature"), " ") {
		text, is := strings.CutPrefix(part, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(text)
		require.True(t, !is || err == nil)
		if is && ed25519.Verify(public, signed, signature) {
			return true
		}
	}
	return false
}

// TestSeveralSignaturesAtOnce: v1a is by the target's own whsk_ key where it has one, and
// by the instance's otherwise, once, in the one header.
func TestSeveralSignaturesAtOnce(t *testing.T) {
	url, got := recorder(t)
	i := newInvoker(t)
	own, whpk, _ := ownKey(t, action.Ed25519)
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("s", 32)))
	whsk := "whsk_" + base64.StdEncoding.EncodeToString(private.Seed())
	theirs := "whpk_" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	const text = "aTargetOfZitadelsHasSuchAKey-as-this"
	z, s, a := action.SignZitadel, action.SignStandard, action.SignStandardV1a
	for _, c := range []struct {
		styles        []action.Signature
		keys          []string
		form          string // of webhook-signature
		byOwn, byWhsk bool
	}{
		{[]action.Signature{z, s, a}, []string{testKey}, "v1 v1a", true, false},
		{[]action.Signature{z, a}, []string{text}, "v1a", true, false},
		{[]action.Signature{a}, []string{testKey, text}, "v1a", true, false},
		{[]action.Signature{a}, []string{whsk}, "v1a", false, true},
		{[]action.Signature{s, a}, []string{whsk}, "v1a", false, true},
		{[]action.Signature{s, a}, []string{testKey, whsk}, "v1 v1a", false, true},
		{[]action.Signature{a}, []string{testKey, whsk}, "v1a", false, true},
		{[]action.Signature{s}, []string{testKey, testKey}, "v1 v1", false, false},
	} {
		answer := i.Do(t.Context(), callTo(url, func(call *Call) { call.Target.Signatures, call.Keys, call.V1a = c.styles, c.keys, own }))
		require.Nil(t, answer.Err)
		r := <-got
		var form []string
		for _, part := range strings.Split(r.Header.Get("webhook-signature"), " ") {
			version, _, _ := strings.Cut(part, ",")
			form = append(form, version)
		}
		require.Equal(t, c.form, strings.Join(form, " "), "%v", c.styles)
		require.Equal(t, []bool{c.byOwn, c.byWhsk}, []bool{v1aFits(t, r, whpk), v1aFits(t, r, theirs)}, "%v %d", c.styles, len(c.keys))
		if c.byOwn {
			require.NoError(t, sign.VerifyStandard(r.Header, r.body, time.Now(), whpk))
		}
	}
	// Never without: neither where the instance's key is lacking, nor with one that signs
	// otherwise.
	other, _, _ := ownKey(t, action.RS256)
	for _, key := range []*sign.OwnKey{nil, other} {
		answer := i.Do(t.Context(), callTo(url, func(call *Call) { call.Target.Signatures, call.V1a = []action.Signature{a}, key }))
		require.Equal(t, action.CodeInternal, answer.Err.Code)
		require.False(t, answer.Sent)
	}
	require.Empty(t, got)
}

// TestBodiesAsJWTs: the compact text is what is sent and what the headers sign, under the
// media type that is asked for; the answer is plain JSON.
func TestBodiesAsJWTs(t *testing.T) {
	url, got := recorder(t)
	now := time.Unix(1_700_000_000, 0)
	i := newInvoker(t, func(o *Options) { o.Now = func() time.Time { return now } })
	for _, a := range action.Algorithms {
		key, _, keys := ownKey(t, a)
		for content, media := range map[action.ContentType]string{"": "application/json", action.ContentJOSE: "application/jwt"} {
			answer := i.Do(t.Context(), callTo(url, func(c *Call) {
				c.Target.Payload, c.Target.JWTAlgorithm, c.Target.ContentType = action.PayloadJWT, a, content
				c.Signer, c.Instance, c.Audience = key, "twin", "acme:hook"
			}))
			require.Nil(t, answer.Err)
			require.Equal(t, "{}", string(answer.Body))
			r := <-got
			require.Equal(t, []string{media}, r.Header.Values("Content-Type"))
			require.Equal(t, strconv.Itoa(len(r.body)), r.Header.Get("Content-Length"))
			payload, err := sign.VerifyJWT(string(r.body), now, keys, sign.Expected{Issuer: "twin", Audience: "acme:hook", ID: "01ID"})
			require.NoError(t, err)
			require.Equal(t, `{"a":1,"iss":"twin","aud":"acme:hook","jti":"01ID","iat":1700000000,"exp":1700000300}`, string(payload))
			require.NoError(t, sign.VerifyZitadel(r.Header.Get("ZITADEL-Signature"), r.body, now, testKey))
			require.NoError(t, sign.VerifyStandard(r.Header, r.body, now, testKey))
		}
	}
}

// TestBodiesThatAreNoJWTs: what no JWT can be made of is not sent, and says why.
func TestBodiesThatAreNoJWTs(t *testing.T) {
	url, got := recorder(t)
	i := newInvoker(t)
	key, _, _ := ownKey(t, action.Ed25519)
	for body, want := range map[string]action.Code{`{"exp":1}`: action.CodeMalformed, `[1]`: action.CodeMalformed} {
		answer := i.Do(t.Context(), callTo(url, func(c *Call) { c.Target.Payload, c.Signer, c.Body = action.PayloadJWT, key, []byte(body) }))
		require.Equal(t, want, answer.Err.Code)
		require.False(t, answer.Sent)
	}
	for _, payload := range []action.Payload{action.PayloadJWT, action.PayloadJWE} {
		answer := i.Do(t.Context(), callTo(url, func(c *Call) {
			if c.Target.Payload = payload; payload == action.PayloadJWE {
				c.Signer = key
			}
		}))
		require.Equal(t, action.CodeInternal, answer.Err.Code, "never as JSON for want of a key")
	}
	require.Empty(t, got)
}

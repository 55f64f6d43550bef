package identity_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/access"
	"github.com/callout-hq/callout/pkg/identity"
)

// provider is an identity provider: its discovery, its keys, and tokens of it.
type provider struct {
	*httptest.Server
	t     *testing.T
	key   *ecdsa.PrivateKey
	asked atomic.Int64 // for its keys
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{t: t}
	var err error
	p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys", "authorization_endpoint": p.URL, "token_endpoint": p.URL,
			"id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.asked.Add(1)
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	return p
}

// token signs claims; change is for what is tried.
func (p *provider) token(key crypto.Signer, kid string, change map[string]any) string {
	p.t.Helper()
	claims := map[string]any{"iss": p.URL, "aud": []string{"callout", "other"}, "sub": "u1", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
		"roles": []string{"nothing", "dev"}, "preferred_username": "ada"}
	for name, value := range change {
		claims[name] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	require.NoError(p.t, err)
	raw, err := json.Marshal(claims)
	require.NoError(p.t, err)
	signed, err := signer.Sign(raw)
	require.NoError(p.t, err)
	text, err := signed.CompactSerialize()
	require.NoError(p.t, err)
	return text
}

func (p *provider) verifier() *identity.Verifier {
	p.t.Helper()
	roles, err := identity.Read([]byte(`
oidc:
  - issuer: ` + p.URL + `
    audience: callout
    claim: roles
    roles:
      - {value: admin, verbs: [all]}
      - {value: dev, instance: shop, org: acme, verbs: [read, write]}
`))
	require.NoError(p.t, err)
	return identity.NewVerifier(roles.Providers[0], zerolog.Nop())
}

// TestTokensOfAProvider: who has a role by a token of the provider is who the file
// says; a token that is over, not for us, of another, badly signed or without a role is
// nobody's.
func TestTokensOfAProvider(t *testing.T) {
	p := newProvider(t)
	v := p.verifier()
	ask := func(text string) (*access.Principal, bool) { return v.Verify(context.Background(), text, time.Now()) }
	got, ok := ask(p.token(p.key, "1", nil))
	require.True(t, ok)
	require.Equal(t, &access.Principal{ID: "oidc:u1", Name: "ada", Scope: access.Scope{Instance: "shop", Org: "acme"}, Verbs: []access.Verb{access.Read, access.Write}}, got)
	for _, claim := range []any{"admin other", map[string]any{"admin": map[string]any{"123": "acme"}}, []string{"dev", "admin"}} {
		got, ok = ask(p.token(p.key, "1", map[string]any{"roles": claim}))
		require.True(t, ok)
		require.Equal(t, access.Verbs, got.Verbs, "the first role of the file counts")
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	good := p.token(p.key, "1", nil)
	for name, text := range map[string]string{
		"over":                   p.token(p.key, "1", map[string]any{"exp": time.Now().Add(-time.Second).Unix()}),
		"not begun":              p.token(p.key, "1", map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}),
		"for another":            p.token(p.key, "1", map[string]any{"aud": "other"}),
		"of another issuer":      p.token(p.key, "1", map[string]any{"iss": "https://id.example.com"}),
		"without a role":         p.token(p.key, "1", map[string]any{"roles": "nothing"}),
		"a role that is no text": p.token(p.key, "1", map[string]any{"roles": 7}),
		"of another key":         p.token(stranger, "1", nil),
		"of an unknown key":      p.token(stranger, "2", nil),
		"cut":                    good[:len(good)-1],
		"none":                   "eyJhbGciOiJub25lIn0.e30.",
		"no token":               "callout_abc",
		"empty":                  "",
	} {
		_, ok := ask(text)
		require.False(t, ok, name)
	}
	for range 1000 {
		ask(p.token(stranger, "3", map[string]any{"jti": time.Now().UnixNano()}))
	}
	require.LessOrEqual(t, p.asked.Load(), int64(2), "strangers do not have the provider asked again and again")
	_, ok = ask(good)
	require.True(t, ok)
	_, ok = v.Verify(context.Background(), good, time.Now().Add(2*time.Hour))
	require.False(t, ok, "what was believed is over with the token")
}

// TestProviderThatIsAway: its tokens count when it is back, and until then nobody waits.
func TestProviderThatIsAway(t *testing.T) {
	p := newProvider(t)
	v := p.verifier()
	text := p.token(p.key, "1", nil)
	p.Close()
	began := time.Now()
	for range 100 {
		_, ok := v.Verify(context.Background(), text, began)
		require.False(t, ok)
	}
}

// TestFileOfRoles: what is wrong in it is named.
func TestFileOfRoles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                   "it names neither",
		"certificate: []":    "certificate",
		"certificates: [{}]": "certificates[0].subject is missing",
		"certificates: [{subject: CN=a, verbs: [admin]}]":                                                           `certificates[0].verbs: "admin" is no verb`,
		"certificates: [{subject: CN=a, verbs: [read]}, {subject: CN=a, verbs: [read]}]":                            "stands twice",
		"certificates: [{subject: CN=a, org: acme, verbs: [read]}]":                                                 "certificates[0].instance is missing",
		"oidc: [{issuer: 'http://id.example.com', audience: a, claim: c, roles: [{value: x, verbs: [read]}]}]":      "oidc[0].issuer begins with https://",
		"oidc: [{issuer: 'https://u:p@id.example.com', audience: a, claim: c, roles: [{value: x, verbs: [read]}]}]": "oidc[0].issuer is no URL",
		"oidc: [{issuer: 'https://id.example.com', claim: c, roles: [{value: x, verbs: [read]}]}]":                  "oidc[0].audience is missing",
		"oidc: [{issuer: 'https://id.example.com', audience: a, roles: [{value: x, verbs: [read]}]}]":               "oidc[0].claim is missing",
		"oidc: [{issuer: 'https://id.example.com', audience: a, claim: c}]":                                         "oidc[0].roles: 1 to",
		"oidc: [{issuer: 'https://id.example.com', audience: a, claim: c, roles: [{verbs: [read]}]}]":               "oidc[0].roles[0].value is missing",
	} {
		_, err := identity.Read([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	roles, err := identity.Read([]byte("certificates: [{subject: 'CN=core,O=Example', instance: shop, verbs: [call, publish]}]"))
	require.NoError(t, err)
	require.Equal(t, access.Scope{Instance: "shop"}, roles.Subjects()["CN=core,O=Example"].Scope)
}

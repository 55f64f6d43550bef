package sign_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

func pemOf(t testing.TB, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// receivers are private keys of targets, of each kind that is taken.
var receivers = func() map[string]crypto.Signer {
	all := map[string]crypto.Signer{}
	for name, curve := range map[string]elliptic.Curve{"ECDSA P-256": elliptic.P256(), "ECDSA P-384": elliptic.P384(), "ECDSA P-521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		all[name] = key
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	all["RSA 2048"] = key
	return all
}()

// encrypted is a JWE as a worker makes it.
func encrypted(t testing.TB, to crypto.PublicKey, id, jwt string) string {
	t.Helper()
	r, err := sign.ParsePublicKey(pemOf(t, to))
	require.NoError(t, err)
	e, err := r.Encrypter(id)
	require.NoError(t, err)
	text, err := e.JWE(jwt)
	require.NoError(t, err)
	return text
}

// TestJWEOnTheWire: the header has ZITADEL's members in their order, the JWT is in it, and
// another library opens it with the algorithms named.
func TestJWEOnTheWire(t *testing.T) {
	jwt := signedBody(t, action.Ed25519, `{"n":1}`)
	for kind, private := range receivers {
		r, err := sign.ParsePublicKey(pemOf(t, private.Public()))
		require.NoError(t, err)
		require.Equal(t, kind, r.Kind)
		der, err := x509.MarshalPKIXPublicKey(private.Public())
		require.NoError(t, err)
		require.Equal(t, "SHA256:"+base64.RawStdEncoding.EncodeToString(sum256(der)), r.Fingerprint)

		text := encrypted(t, private.Public(), "k1", jwt)
		header, err := base64.RawURLEncoding.DecodeString(text[:strings.Index(text, ".")])
		require.NoError(t, err)
		want := `^\{"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","kid":"k1","typ":"JWT"\}$`
		if strings.HasPrefix(kind, "ECDSA") {
			want = `^\{"alg":"ECDH-ES\+A256KW","cty":"JWT","enc":"A256GCM","epk":\{[^}]*\},"kid":"k1","typ":"JWT"\}$`
		}
		require.Regexp(t, regexp.MustCompile(want), string(header))
		inner, err := sign.OpenJWE(text, map[string]crypto.PrivateKey{"k1": private})
		require.NoError(t, err)
		require.Equal(t, jwt, inner)
		require.NotEqual(t, text, encrypted(t, private.Public(), "k1", jwt), "each has a key of its own")
	}
}

// TestBadJWEs: what is not as it was sent, or asks for what is not taken, is refused with the
// one code.
func TestBadJWEs(t *testing.T) {
	private := receivers["RSA 2048"]
	keys := map[string]crypto.PrivateKey{"k1": private, "ec": receivers["ECDSA P-256"]}
	jwt := signedBody(t, action.Ed25519, `{"n":1}`)
	good := encrypted(t, private.Public(), "k1", jwt)
	made := func(a jose.KeyAlgorithm, enc jose.ContentEncryption, o *jose.EncrypterOptions) string {
		e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: a, Key: private.Public(), KeyID: "k1"}, o)
		require.NoError(t, err)
		sealed, err := e.Encrypt([]byte(jwt))
		require.NoError(t, err)
		text, err := sealed.CompactSerialize()
		require.NoError(t, err)
		return text
	}
	typed := func() *jose.EncrypterOptions {
		return (&jose.EncrypterOptions{}).WithType("JWT").WithContentType("JWT")
	}
	zipped := typed()
	zipped.Compression = jose.DEFLATE
	parts := strings.Split(good, ".")
	for name, text := range map[string]string{
		"empty": "", "a JWT": jwt, "truncated": good[:len(good)-4], "padded": good + "=", "doubled": good + "." + good, "without its key": parts[0] + ".." + strings.Join(parts[2:], "."),
		"parts in another order": strings.Join([]string{parts[0], parts[1], parts[3], parts[2], parts[4]}, "."),
		"compressed":             made(jose.RSA_OAEP_256, jose.A256GCM, zipped), "OAEP with SHA-1": made(jose.RSA_OAEP, jose.A256GCM, typed()), "PKCS 1": made(jose.RSA1_5, jose.A256GCM, typed()),
		"CBC": made(jose.RSA_OAEP_256, jose.A256CBC_HS512, typed()), "A128GCM": made(jose.RSA_OAEP_256, jose.A128GCM, typed()),
		"no cty": made(jose.RSA_OAEP_256, jose.A256GCM, (&jose.EncrypterOptions{}).WithType("JWT")), "no typ": made(jose.RSA_OAEP_256, jose.A256GCM, (&jose.EncrypterOptions{}).WithContentType("JWT")),
		"header changed":  b64url(`{"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","typ":"JWT","kid":"k1"}`) + good[len(parts[0]):],
		"alg swapped":     b64url(`{"alg":"dir","cty":"JWT","enc":"A256GCM","kid":"k1","typ":"JWT"}`) + good[len(parts[0]):],
		"password":        b64url(`{"alg":"PBES2-HS256+A128KW","p2c":100000000,"p2s":"AAAA","cty":"JWT","enc":"A256GCM","kid":"k1","typ":"JWT"}`) + good[len(parts[0]):],
		"unknown kid":     encrypted(t, private.Public(), "k2", jwt),
		"of another key":  encrypted(t, receivers["ECDSA P-384"].Public(), "ec", jwt),
		"of another kind": encrypted(t, receivers["ECDSA P-256"].Public(), "k1", jwt),
		"wrong epk":       b64url(`{"alg":"ECDH-ES+A256KW","cty":"JWT","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"},"kid":"ec","typ":"JWT"}`) + good[len(parts[0]):],
	} {
		_, err := sign.OpenJWE(text, keys)
		require.Equal(t, action.CodeBadSignature, action.CodeOf(err), name)
	}
}

// TestPublicKeysThatAreNotTaken: of another size, family or form, with what helps.
func TestPublicKeysThatAreNotTaken(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	good := receivers["RSA 2048"]
	secret, err := x509.MarshalPKCS8PrivateKey(good)
	require.NoError(t, err)
	for name, tt := range map[string]struct{ text, want string }{
		"empty": {"", "BEGIN PUBLIC KEY"}, "no PEM": {"ssh-rsa AAAA", "BEGIN PUBLIC KEY"}, "RSA of 1024 bits": {pemOf(t, &short.PublicKey), "2048 to 8192"},
		"P-224": {pemOf(t, &small.PublicKey), "P-256"}, "X25519": {pemOf(t, x.PublicKey()), "X25519"}, "ed25519": {pemOf(t, edwards.Public()), "signs"},
		"private":       {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), "pubout"},
		"PKCS 1":        {string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&good.(*rsa.PrivateKey).PublicKey)})), "RSAPublicKey_in"},
		"two":           {pemOf(t, good.Public()) + pemOf(t, good.Public()), "more than one"},
		"junk in PEM":   {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "PKIX"},
		"headers":       {strings.Replace(pemOf(t, good.Public()), "KEY-----\n", "KEY-----\nA: b\n\n", 1), "headers"},
		"a certificate": {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "CERTIFICATE"}, "too much": {strings.Repeat(" ", sign.MaxPEM+1), "8 KiB"},
	} {
		_, err := sign.ParsePublicKey(tt.text)
		require.Equal(t, action.CodeBadField, action.CodeOf(err), name)
		require.Contains(t, err.Error(), tt.want, name)
		require.Equal(t, "public_key", action.AsError(err, "").Field)
	}
}

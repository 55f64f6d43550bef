package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
)

const signedConfig = `
targets:
  audit: {type: webhook, url: https://a.example/audit, payload: jwe}
orgs:
  acme co: {targets: {audit: {type: webhook, url: https://a.example/crm, payload: jwt, jwt_algorithm: rs256}}}
`

// TestKeyCommands: the keys of an instance are listed and rotated, and none of it shows a
// private half.
func TestKeyCommands(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t)
	require.Equal(t, 1, callout("", "key", "list", "--instance", "nobody").code)
	require.Zero(t, callout(signedConfig, "apply", "-f", "-").code)
	got := callout("", "key", "list")
	require.Regexp(t, `(?m)^ID +ALGORITHM +STATE +SIGNS FROM\n(\S{43} +(ed25519|rs256) +signs +\S+\n?){2}`, got.out)
	var key struct{ ID, Algorithm, State, PublicKey, WebhookPublicKey string }
	first := strings.TrimSpace(callout("", "key", "list", "-o", "name").out)
	got = callout("", "key", "rotate", "--lead", "1h", "-o", "json")
	require.Zero(t, got.code, got.err)
	require.NoError(t, json.Unmarshal([]byte(got.out), &key))
	require.Equal(t, []string{"ed25519", "coming"}, []string{key.Algorithm, key.State})
	require.Contains(t, key.PublicKey, "-----BEGIN PUBLIC KEY-----")
	require.Contains(t, key.WebhookPublicKey, "whpk_")
	require.NotContains(t, first, key.ID)
	require.Regexp(t, `^the instance has a new key \S{43}, which is published and signs from \S+ on\n$`, callout("", "key", "rotate").out)
	require.Regexp(t, `^the instance has a new key \S{43}, which signs from now on\n$`, callout("", "key", "rotate", "--algorithm", "rs256", "--lead", "0s").out)
	for _, line := range strings.Split(strings.TrimSpace(callout("", "key", "list", "--json").out), "\n") {
		require.NotContains(t, line, "PRIVATE")
	}
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"rotate", "--algorithm", "es256"}, "ed25519 or rs256"}, {[]string{"rotate", "--lead", "721h"}, "0s to 720h"}, {[]string{"rotate", "--lead", "-1s"}, "0s to 720h"},
	} {
		got := callout("", append([]string{"key"}, tt.args...)...)
		require.Equal(t, 2, got.code)
		require.Contains(t, got.err, tt.says)
	}
}

// TestTargetKeysByFingerprint: a rotation overlaps, the list tells by fingerprints, and a
// revoked key is gone from it.
func TestTargetKeysByFingerprint(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t)
	require.Zero(t, callout(signedConfig, "apply", "-f", "-").code)
	names := func() []string {
		return strings.Fields(callout("", "target", "key", "list", "acme co:audit", "-o", "name").out)
	}
	before := names()
	require.Len(t, before, 1)
	got := callout("", "target", "key", "rotate", "acme co:audit", "--overlap", "2h", "--show-once")
	require.Zero(t, got.code, got.err)
	secret := regexp.MustCompile(`whsec_\S+`).FindString(got.out)
	require.NoError(t, sign.CheckKey(secret))
	both := names()
	require.Equal(t, before[0], both[1])
	listed := callout("", "target", "key", "list", "acme co:audit")
	require.Regexp(t, `(?m)^FINGERPRINT +FORM +SINCE +UNTIL\n[0-9a-f]{16} +secret +\S+ +no end\n[0-9a-f]{16} +secret +\S+ +\S+\n`, listed.out)
	require.NotContains(t, listed.out, secret[6:])
	require.Equal(t, "key "+both[1]+" of target acme co:audit signs no more; 1 key signs on\n", callout("", "target", "key", "revoke", "acme co:audit", both[1]).out)
	require.Equal(t, both[:1], names())
	got = callout("", "target", "key", "revoke", "acme co:audit", both[0])
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "grace of 0s")
	require.Equal(t, 2, callout("", "target", "key", "revoke", "acme co:audit").code)
	require.Equal(t, 2, callout("", "target", "key", "rotate", "audit", "--overlap", "721h", "--show-once").code)
}

// TestPublicKeyCommands: a key is added from a file and from standard input, activated,
// and what is no such key is refused before anybody is asked.
func TestPublicKeyCommands(t *testing.T) {
	t.Parallel()
	_, callout := unconfigured(t)
	require.Zero(t, callout(signedConfig, "apply", "-f", "-").code)
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "target.pem")
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	got := callout("", "target", "public-key", "add", "audit", "-f", file, "--expires", "90d")
	added := regexp.MustCompile(`^public key (\S{26}) of target audit added: ECDSA P-384, SHA256:\S{43}, not active\n$`).FindStringSubmatch(got.out)
	require.NotNil(t, added, got.out+got.err)
	require.Contains(t, callout(text, "target", "public-key", "add", "audit", "-f", "-").err, "the target has this key already: its id is "+added[1])
	require.Contains(t, callout("", "target", "public-key", "activate", "audit", added[1]).out, "activated: ECDSA P-384")
	require.Regexp(t, added[1]+` +active +ECDSA P-384 +\S+ +SHA256:`, callout("", "target", "public-key", "list", "audit", "-o", "wide").out)
	got = callout("", "target", "public-key", "remove", "audit", added[1])
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "deactivate it first")
	require.Contains(t, callout("", "target", "public-key", "deactivate", "audit", added[1]).out, "deactivated")
	require.Equal(t, "public key "+added[1]+" of target audit removed\n", callout("", "target", "public-key", "remove", "audit", added[1]).out)
	require.Contains(t, callout(text, "target", "public-key", "add", "acme co:audit", "-f", "-", "--activate").out, "active\n")

	sealed, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	secret := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: sealed}))
	got = callout(secret, "target", "public-key", "add", "audit", "-f", "-")
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "openssl pkey -in KEY -pubout")
	require.NotContains(t, got.err, strings.Split(secret, "\n")[1])
	require.Equal(t, 2, callout("", "target", "public-key", "add", "audit").code)
	require.Equal(t, 1, callout(text, "target", "public-key", "add", "nobody", "-f", "-").code)
}

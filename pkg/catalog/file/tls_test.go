package file

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
)

// authorityUntil is a certificate in PEM that ends after so long.
func authorityUntil(t *testing.T, left time.Duration) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a"},
		NotBefore: time.Now().Add(-90 * 24 * time.Hour), NotAfter: time.Now().Add(left), IsCA: true, BasicConstraintsValid: true}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

func TestAuthorities(t *testing.T) {
	const day = 24 * time.Hour
	good, soon := authorityUntil(t, 31*day), authorityUntil(t, 29*day)
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}))
	for name, c := range map[string]struct{ ca, want, code string }{
		"good":            {good, "", ""},
		"with comments":   {"# ours\n" + good + "\nand\n" + exampleCA, "", ""},
		"a key beside it": {good + key, "there is a private key in it", catalog.ProblemBadValue},
		"cut off":         {good + soon[:200], "behind 1 certificates comes a block of PEM that is cut off or broken", catalog.ProblemBadValue},
		"not one in it":   {strings.ReplaceAll(good, "CERTIFICATE", "PUBLIC KEY"), "block 1 of it is no certificate", catalog.ProblemBadValue},
		"too large":       {good + strings.Repeat("#", action.MaxAuthorities), "authorities have at most 65536 bytes, these have ", catalog.ProblemBadValue},
		"nothing in it":   {"# to come", "there is no certificate in it", catalog.ProblemBadValue},
		"not readable":    {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("secret")})), "certificate 1 of it cannot be read", catalog.ProblemBadValue},
	} {
		t.Run(name, func(t *testing.T) {
			target, reading := ReadTarget("", "t", Settings{"type": "webhook", "url": "https://a.example", "tls": Settings{"ca": c.ca}})
			found := reading.Problems(nil)
			if c.want == "" {
				require.Empty(t, found)
				require.True(t, strings.HasPrefix(target.TLS.CA, "-----BEGIN") && !strings.Contains(target.TLS.CA, "#"), "certificates alone: %s", target.TLS.CA)
				return
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0].String(), c.want)
			require.Equal(t, "targets.t.tls.ca", found[0].Path)
			require.Equal(t, c.code, found[0].Code)
			require.NotContains(t, found[0].String(), "secret")
		})
	}
}

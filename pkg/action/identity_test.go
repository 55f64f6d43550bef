package action_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

func block(kind string, raw []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}))
}

func certified(t *testing.T, key crypto.Signer, from, to time.Time) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a"}, NotBefore: from, NotAfter: to}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return block("CERTIFICATE", raw)
}

func TestReadIdentity(t *testing.T) {
	now := time.Now()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	pkcs8 := func(key any) string {
		raw, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return block("PRIVATE KEY", raw)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	cert, strange := certified(t, ec, now, now.Add(time.Hour)), certified(t, other, now, now.Add(time.Hour))
	hidden := strings.Split(pkcs8(ec), "\n")[1]
	for name, c := range map[string]struct{ cert, key, part, says string }{
		"PKCS #8":                 {cert, pkcs8(ec), "", ""},
		"SEC 1":                   {cert, block("EC PARAMETERS", []byte{6, 0}) + block("EC PRIVATE KEY", sec1), "", ""},
		"PKCS #1":                 {certified(t, rsaKey, now, now.Add(time.Hour)), block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "", ""},
		"Ed25519":                 {certified(t, edKey, now, now.Add(time.Hour)), pkcs8(edKey), "", ""},
		"with its authority":      {cert + strange, pkcs8(ec), "", ""},
		"in one text":             {"", cert + strange + pkcs8(ec), "", ""},
		"the key in front":        {"", pkcs8(ec) + cert, "", ""},
		"beside the same":         {cert, cert + pkcs8(ec), "", ""},
		"no key":                  {cert, "hunter2", action.PartKey, "there is no private key in it"},
		"a certificate for a key": {cert, cert, action.PartKey, "there is no private key in it"},
		"no certificate":          {"", pkcs8(ec), action.PartKey, "no certificate: put the certificate in front of it"},
		"unreadable certificate":  {"hunter2", pkcs8(ec), action.PartCertificate, "there is no certificate in it"},
		"of another":              {strange, pkcs8(ec), action.PartKey, "is not that of the certificate"},
		"of another in one text":  {"", strange + pkcs8(ec), action.PartKey, "is not that of the certificate"},
		"in the wrong order":      {strange + cert, pkcs8(ec), action.PartCertificate, "the private key is that of certificate 2 in it: put that one first"},
		"two keys":                {cert, pkcs8(ec) + pkcs8(other), action.PartKey, "more than one private key"},
		"encrypted":               {cert, block("ENCRYPTED PRIVATE KEY", sec1), action.PartKey, "openssl pkey"},
		"encrypted as of old":     {cert, "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + strings.Split(block("X", sec1), "\n")[1] + "\n-----END EC PRIVATE KEY-----\n", action.PartKey, "is encrypted"},
		"broken":                  {cert, block("PRIVATE KEY", []byte("hunter2")), action.PartKey, "the private key cannot be read"},
		"cut off":                 {cert, pkcs8(ec)[:90], action.PartKey, "cut off or broken"},
		"a public key":            {cert, block("PUBLIC KEY", sec1), action.PartKey, "neither a private key nor a certificate"},
		"a long key":              {cert, pkcs8(ec) + strings.Repeat("#", action.MaxSecret), action.PartKey, "at most 32768 bytes"},
		"a long certificate":      {cert + strings.Repeat("#", action.MaxSecret), pkcs8(ec), action.PartCertificate, "at most 32768 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := action.ReadIdentity(c.cert, c.key)
			if c.says == "" {
				require.NoError(t, err)
				require.Equal(t, action.KeySum(id.Key.Public()), action.KeySum(id.Chain[0].PublicKey))
				return
			}
			var wrong *action.PartError
			require.True(t, errors.As(err, &wrong))
			require.Equal(t, c.part, wrong.Part, "%v", err)
			require.Contains(t, err.Error(), c.says)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), hidden)
		})
	}
}

func TestEnds(t *testing.T) {
	const day = 24 * time.Hour
	begins := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		life, at time.Duration
		says     string
		over     bool
	}{
		{365 * day, 0, "", false},
		{365 * day, 334 * day, "", false},
		{365 * day, 336 * day, "the certificate ends at 2027-01-01 00:00 UTC", false},
		{365 * day, 365 * day, "the certificate is over since 2027-01-01 00:00 UTC", true},
		{365 * day, 366 * day, "the certificate is over since 2027-01-01 00:00 UTC", true},
		{365 * day, -day, "the certificate begins at 2026-01-01 00:00 UTC", true},
		{6 * day, 3 * day, "", false},
		{6 * day, 5 * day, "the certificate ends at 2026-01-07 00:00 UTC", false},
	} {
		says, over := action.Ends(&x509.Certificate{NotBefore: begins, NotAfter: begins.Add(c.life)}, begins.Add(c.at))
		require.True(t, c.says == "" && says == "" || c.says != "" && strings.HasPrefix(says, c.says), "%v: %s", c, says)
		require.Equal(t, c.over, over)
	}
}

// TestLongRSAKeys: each connection would be signed with one for seconds.
func TestLongRSAKeys(t *testing.T) {
	odd := func(bits int) *big.Int {
		raw := make([]byte, bits/8)
		_, _ = rand.Read(raw) // never fails
		raw[0] |= 0xc0
		raw[len(raw)-1] |= 1
		return new(big.Int).SetBytes(raw)
	}
	for bits, good := range map[int]bool{8192: true, 8320: false, 40000: false} {
		one, e := big.NewInt(1), big.NewInt(65537)
		var p, q, d, pm, qm *big.Int
		for d == nil { // they are no primes, which nobody looks at
			p, q = odd(bits/2), odd(bits/2)
			pm, qm = new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
			if new(big.Int).GCD(nil, nil, p, q).Cmp(one) == 0 {
				d = new(big.Int).ModInverse(e, new(big.Int).Mul(pm, qm))
			}
		}
		raw, err := asn1.Marshal(struct {
			Version                     int
			N, E, D, P, Q, DP, DQ, QInv *big.Int
		}{0, new(big.Int).Mul(p, q), e, d, p, q, new(big.Int).Mod(d, pm), new(big.Int).Mod(d, qm), new(big.Int).ModInverse(q, p)})
		require.NoError(t, err)
		_, err = action.ReadBundle(string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: raw})))
		if good {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "an RSA key has at most 8192 bits")
	}
}

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

// TestClientCertificate: where it comes from is read, written and compared, and a key that
// stands in a file is refused without a word of it.
func TestClientCertificate(t *testing.T) {
	const day = 24 * time.Hour
	cert := authorityUntil(t, 90*day)
	indented := "|\n        " + strings.ReplaceAll(strings.TrimSpace(cert), "\n", "\n        ")
	file := func(tls string) string {
		return "targets:\n  t:\n    type: webhook\n    url: https://a.example/\n    tls:\n" + tls
	}
	for name, c := range map[string]struct {
		tls  string
		want action.TLS
	}{
		"in a secret": {"      key: {secret: a}\n", action.TLS{Key: action.SecretSource{Secret: "a"}}},
		"in files": {"      ca: {file: ca.pem}\n      certificate: {env: CERT}\n      key: {file: /k}\n", action.TLS{CAFrom: action.SecretSource{File: "ca.pem"},
			CertificateFrom: action.SecretSource{Env: "CERT"}, Key: action.SecretSource{File: "/k"}}},
		"here": {"      certificate: " + indented + "\n      key: {env: K}\n", action.TLS{Certificate: cert, Key: action.SecretSource{Env: "K"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, problems := Parse("f.yaml", []byte(file(c.tls)))
			require.NotNil(t, s, "%v", problems)
			require.Equal(t, c.want, s.Scopes[""].Targets["t"].TLS)
			again, problems := Parse("f.yaml", Export(s))
			require.NotNil(t, again, "%v", problems)
			require.True(t, catalog.Equal(s, again), Export(s))
		})
	}
	for want, tls := range map[string]string{
		"a private key never stands in a file":           "      key: hunter2\n",
		`"key" has no value`:                             "      key:\n",
		`unknown key "secret"`:                           "      key: {secret: a}\n      certificate: {secret: hunter2}\n",
		"where the value comes from is one of":           "      key: {secret: a, env: B}\n",
		"a certificate is of no use without its private": "      certificate: " + indented + "\n",
		"certificate cannot be used: there is no":        "      key: {env: K}\n      certificate: hunter2\n",
		"env is the name of an environment variable":     "      ca: {env: hunter-2}\n",
	} {
		s, problems := Parse("f.yaml", []byte(file(tls)))
		require.Nil(t, s, want)
		found := ""
		for _, p := range problems {
			require.NotZero(t, p.Line)
			found += p.String() + "\n"
		}
		require.Contains(t, found, want)
		require.NotContains(t, found, "hunter2")
	}
}

// TestCertificatesEnd: what is over is an error and what ends soon a warning, at a moment
// and where it stands; without one it is neither.
func TestCertificatesEnd(t *testing.T) {
	const day = 24 * time.Hour
	good, soon, old := authorityUntil(t, 90*day), authorityUntil(t, day), authorityUntil(t, -day)
	text := func(ca, certificate string) []byte {
		block := func(text string) string {
			return "|\n        " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n        ") + "\n"
		}
		return []byte("targets:\n  t:\n    type: webhook\n    url: https://a.example/\n    tls:\n      key: {env: K}\n      ca: " + block(ca) + "      certificate: " + block(certificate) +
			"events: {'*': {targets: [{target: t}]}}\n")
	}
	for name, c := range map[string]struct {
		ca, certificate string
		path, code      string
		refused         bool
	}{
		"good":                    {good, good, "", "", false},
		"certificate soon":        {good, soon, "targets.t.tls.certificate", catalog.ProblemEnds, false},
		"certificate over":        {good, old, "targets.t.tls.certificate", catalog.ProblemOver, true},
		"over, but its authority": {good, good + old, "", "", false},
		"ca soon":                 {soon, good, "targets.t.tls.ca", catalog.ProblemEnds, false},
		"ca over":                 {old, good, "targets.t.tls.ca", catalog.ProblemOver, true},
		"one ca of two over":      {old + good, good, "targets.t.tls.ca", catalog.ProblemEnds, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			s, problems, err := ParseFor(t.Context(), now, "", "f.yaml", text(c.ca, c.certificate))
			require.NoError(t, err)
			require.Equal(t, c.refused, s == nil, "%v", problems)
			_, several, err := ParseFiles(t.Context(), now, "", []File{{"f.yaml", text(c.ca, c.certificate)}})
			require.NoError(t, err)
			require.Equal(t, problems, several)
			if c.path == "" {
				require.Empty(t, problems)
			} else {
				require.Len(t, problems, 1)
				require.Equal(t, []any{c.path, c.code}, []any{problems[0].Path, problems[0].Code})
				require.Greater(t, problems[0].Line, 5)
			}
			s, problems = Parse("f.yaml", text(c.ca, c.certificate))
			require.NotNil(t, s)
			require.Empty(t, problems, "nobody asks what day it is")
		})
	}
}

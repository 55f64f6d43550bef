package sign_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

func b64(n int) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", n)))
}

func encode(raw []byte) string { return base64.StdEncoding.EncodeToString(raw) }

func privateKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize)))
}

func whsk(private []byte) string { return "whsk_" + base64.StdEncoding.EncodeToString(private) }
func whpk(private ed25519.PrivateKey) string {
	return "whpk_" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
}

func TestCheckKey(t *testing.T) {
	crossed := append(append([]byte{}, privateKey('a').Seed()...), privateKey('b')[ed25519.SeedSize:]...)
	cases := []struct {
		name, key string
		ok        bool
	}{
		{"shortest", "whsec_" + b64(24), true},
		{"longest", "whsec_" + b64(64), true},
		{"one byte short", "whsec_" + b64(23), false},
		{"one byte long", "whsec_" + b64(65), false},
		{"empty secret", "whsec_", false},
		{"empty", "", false},
		{"no prefix", b64(32), true},
		{"no prefix, one byte short", b64(23), false},
		{"no prefix, not padded", strings.TrimRight(b64(32), "="), false},
		{"other prefix", "WHSEC_" + b64(32), false},
		{"not padded", "whsec_" + strings.TrimRight(b64(32), "="), false},
		{"URL-safe", "whsec_" + strings.Repeat("_-_-", 10), false},
		{"line break", "whsec_" + b64(32) + "\n", false},
		{"junk behind", "whsec_" + b64(32) + "!", false},
		{"loose last bits", "whsec_" + strings.Repeat("A", 40) + "AB==", false},
		{"private seed", whsk(privateKey('a').Seed()), true},
		{"private seed and public", whsk(privateKey('a')), true},
		{"private, halves crossed", whsk(crossed), false},
		{"private, wrong size", "whsk_" + b64(33), false},
		{"public", whpk(privateKey('a')), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := sign.CheckKey(c.key)
			if c.ok {
				require.NoError(t, err)
				return
			}
			require.Equal(t, action.CodeBadField, action.CodeOf(err))
			require.False(t, len(c.key) > 6 && strings.Contains(err.Error(), c.key[6:]), "the error shows the key")
		})
	}
}

func TestNewKey(t *testing.T) {
	a, b := sign.NewKey(), sign.NewKey()
	require.NoError(t, sign.CheckKey(a))
	require.NotEqual(t, a, b)
	require.Len(t, a, len("whsec_")+44)
}

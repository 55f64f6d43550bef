package sign_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// BenchmarkOneKiB is what each way of signing and encrypting costs for a body of 1 KiB, with
// the keys opened.
func BenchmarkOneKiB(b *testing.B) {
	body := []byte(`{"text":"` + strings.Repeat("b", 1013) + `"}`)
	ed, rs, signer := opened(b, action.Ed25519), opened(b, action.RS256), sign.NewSigner([]string{sign.NewKey()})
	claimed := func() []byte {
		payload, err := sign.AppendClaims(make([]byte, 0, len(body)+512), body, claims, jwtTime)
		require.NoError(b, err)
		return payload
	}
	jwt := func(key *sign.OwnKey) string {
		text, err := key.JWT(claimed())
		require.NoError(b, err)
		return text
	}
	jwe := func(kind string) func() {
		r, err := sign.ParsePublicKey(pemOf(b, receivers[kind].Public()))
		require.NoError(b, err)
		e, err := r.Encrypter("k1")
		require.NoError(b, err)
		return func() {
			_, err := e.JWE(jwt(ed))
			require.NoError(b, err)
		}
	}
	dst := make([]byte, 0, 1024)
	for _, way := range []struct {
		name string
		do   func()
	}{
		{"zitadel", func() { dst, _ = signer.AppendZitadel(dst[:0], jwtTime, body) }},
		{"v1", func() { dst, _ = signer.AppendStandard(dst[:0], "01ID", jwtTime, body) }},
		{"v1a", func() { dst, _ = signer.AppendV1a(dst[:0], "01ID", jwtTime, body, ed) }},
		{"JWT ed25519", func() { jwt(ed) }}, {"JWT RS256", func() { jwt(rs) }},
		{"JWE RSA 2048", jwe("RSA 2048")}, {"JWE P-256", jwe("ECDSA P-256")},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				way.do()
			}
		})
	}
}

package sign_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// TestZitadelKeysThatAreNoSecret: what anybody knows verifies nothing, also beside
// a key that is one; and a private key is no secret of this scheme.
func TestZitadelKeysThatAreNoSecret(t *testing.T) {
	const body = `{"a":1}`
	private := privateKey('a')
	for name, key := range map[string]string{
		"empty": "", "blank": " \n", "prefix alone": "whsec_", "public": whpk(private), "private": whsk(private.Seed()), "both halves": whsk(private),
	} {
		t.Run(name, func(t *testing.T) {
			forged := fmt.Sprintf("t=%d,v1=%s", at.Unix(), zitadelHex(key, at.Unix(), body))
			for _, keys := range [][]string{{key}, {sign.NewKey(), key}, {key, sign.NewKey()}} {
				err := sign.VerifyZitadel(forged, []byte(body), at, keys...)
				require.Equal(t, action.CodeBadField, action.CodeOf(err))
				var of *action.Error
				require.ErrorAs(t, err, &of)
				require.Equal(t, "signing_key", of.Field)
				require.False(t, len(key) > 6 && strings.Contains(err.Error(), key[6:]), "the error shows the key")
			}
		})
	}
}

// TestAsManySignaturesAsKeysAndAFew are tried, in both schemes: who sends more
// makes the verifier work for nothing.
func TestAsManySignaturesAsKeysAndAFew(t *testing.T) {
	body := []byte("body")
	keys := []string{sign.NewKey(), sign.NewKey()}
	zitadel := zitadelHex(keys[1], at.Unix(), string(body))
	standard, err := sign.Standard(keys[1:], "id", at, body)
	require.NoError(t, err)
	for others, ok := range map[int]bool{0: true, 5: true, 6: false, 30: false} { // 2 keys and 4
		header := fmt.Sprintf("t=%d%s,v1=%s", at.Unix(), strings.Repeat(",v1="+strings.Repeat("0", 64), others), zitadel)
		err := sign.VerifyZitadel(header, body, at, keys...)
		require.Equal(t, ok, err == nil, "zitadel, %d: %v", others, err)
		for _, other := range []string{"v1,AAAA ", "v1a,AAAA "} {
			list := headers("id", "1700000000", strings.Repeat(other, others)+standard)
			err = sign.VerifyStandard(list, body, at, keys...)
			require.Equal(t, ok, err == nil, "standard, %d of %s: %v", others, other, err)
		}
	}
	passed := fmt.Sprintf("t=%d%s,v1=%s", at.Unix(), strings.Repeat(",v0=00,v1=zz", 20), zitadel)
	require.NoError(t, sign.VerifyZitadel(passed, body, at, keys...), "what is passed over is not tried")
	require.NoError(t, sign.VerifyStandard(headers("id", "1700000000", strings.Repeat("v9,AAAA v1,! ", 20)+standard), body, at, keys...))
}

// TestKeysOfEd25519AreFew, and what they are tried with: each pair costs a pass over the
// body. Of secrets there may be any number, and the body is put together once.
func TestKeysOfEd25519AreFew(t *testing.T) {
	body := []byte(strings.Repeat("x", 1<<20))
	var public []string
	for n := range sign.MaxPublicKeys + 1 {
		public = append(public, whpk(privateKey(byte('a'+n))))
	}
	last := privateKey(byte('a' + sign.MaxPublicKeys - 1))
	standard, err := sign.Standard([]string{whsk(last)}, "id", at, body)
	require.NoError(t, err)

	err = sign.VerifyStandard(headers("id", "1700000000", standard), body, at, public...)
	require.Equal(t, action.CodeBadField, action.CodeOf(err))
	require.Equal(t, "signing_key", action.AsError(err, "").Field)
	require.ErrorContains(t, err, fmt.Sprintf("at most %d keys of ed25519", sign.MaxPublicKeys))

	keys := public[:sign.MaxPublicKeys]
	for range 64 - len(keys) {
		keys = append(keys, sign.NewKey())
	}
	other, err := sign.Standard([]string{whsk(privateKey('z'))}, "id", at, body)
	require.NoError(t, err)
	for others, ok := range map[int]bool{11: true, 12: false, 60: false} { // 8 keys and 4, that fits included
		err := sign.VerifyStandard(headers("id", "1700000000", strings.Repeat(other+" ", others)+standard), body, at, keys...)
		require.Equal(t, ok, err == nil, "%d: %v", others, err)
	}
	require.NoError(t, sign.VerifyStandard(headers("id", "1700000000", strings.Repeat("v1a,AAAA ", 60)+standard), body, at, keys...), "what is no signature is not tried")

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.Error(t, sign.VerifyStandard(headers("id", "1700000000", strings.Repeat(other+" ", 12)), body, at, keys...))
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20), "the body is copied for each key")
}

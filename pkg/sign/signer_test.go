package sign_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// A Signer that is used over and over gives what a fresh one gives, with many
// at work at once.
func TestSignerIsAsGoodAsNew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.SampledFrom([]string{sign.NewKey(), sign.NewKey(), whsk(privateKey('a').Seed())}), 1, 3).Draw(t, "keys")
		bodies := rapid.SliceOfN(rapid.SliceOf(rapid.Byte()), 1, 8).Draw(t, "bodies")
		when := time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "when"), 0)
		s := sign.NewSigner(keys)
		var done sync.WaitGroup
		for _, body := range bodies {
			done.Go(func() {
				want, wrong := sign.Zitadel(keys, when, body)
				value, err := s.AppendZitadel(nil, when, body)
				require.Equal(t, wrong, err)
				require.Equal(t, want, string(value))
				want, err = sign.Standard(keys, "id", when, body)
				require.NoError(t, err)
				got, err := s.AppendStandard([]byte("x "), "id", when, body)
				require.NoError(t, err)
				require.Equal(t, "x "+want, string(got))
			})
		}
		done.Wait()
	})
}

func TestSignerHas(t *testing.T) {
	a, b := sign.NewKey(), sign.NewKey()
	s := sign.NewSigner([]string{a, b})
	require.True(t, s.Has([]string{a, b}))
	for _, others := range [][]string{nil, {a}, {b, a}, {a, b, a}} {
		require.False(t, s.Has(others))
	}
	keys := []string{a}
	s = sign.NewSigner(keys)
	keys[0] = b
	require.True(t, s.Has([]string{a}), "the caller's list is his own")
}

// A key that only one scheme can use fails the other one every time, and signs
// nothing by halves.
func TestSignerOfBadKeys(t *testing.T) {
	for _, keys := range [][]string{nil, {"x"}, {sign.NewKey(), "whsec_"}, {sign.NewKey(), ""}, {whpk(privateKey('a'))}} {
		s := sign.NewSigner(keys)
		for range 2 {
			value, err := s.AppendZitadel([]byte("x"), time.Unix(1, 0), []byte("b"))
			switch {
			case len(keys) == 0:
				require.NoError(t, err)
				require.Equal(t, "x", string(value))
			case keys[0] == "x":
				require.NoError(t, err)
				require.Greater(t, len(value), 1)
			default:
				require.Equal(t, action.CodeBadField, action.CodeOf(err))
				require.Equal(t, "x", string(value))
			}
			dst, err := s.AppendStandard([]byte("x"), "id", time.Unix(1, 0), []byte("b"))
			require.Equal(t, action.CodeBadField, action.CodeOf(err))
			require.Equal(t, "x", string(dst))
		}
	}
}

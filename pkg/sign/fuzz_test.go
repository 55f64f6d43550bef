package sign

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

const fuzzKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// FuzzVerifyZitadel: nothing passes but what the key has signed.
func FuzzVerifyZitadel(f *testing.F) {
	now := time.Unix(1700000000, 0)
	signed, err := Zitadel([]string{fuzzKey}, now, []byte(`{}`))
	require.NoError(f, err)
	f.Add(signed, []byte(`{}`), true)
	for _, header := range []string{"", "t=1700000000", "t=1700000000,v1=", "t=1700000000,t=1,v1=00", "v1=00,t=1700000000", "t=01700000000,v1=00", "t=1700000000, v1=AB", "t=99999999999999,v1=0"} {
		f.Add(header, []byte(`{}`), false)
	}
	f.Fuzz(func(t *testing.T, header string, body []byte, add bool) {
		if add { // one that fits stands among others
			ours, err := Zitadel([]string{fuzzKey}, now, body)
			require.NoError(t, err)
			header += ",v1=" + ours[len("t=1700000000,v1="):]
		}
		err := VerifyZitadel(header, body, now, fuzzKey)
		if err != nil {
			require.Equal(t, action.CodeBadSignature, action.CodeOf(err))
			return
		}
		stamp, signatures, err := parseZitadel(header)
		require.NoError(t, err)
		seconds, err := strconv.ParseInt(stamp, 10, 64)
		require.NoError(t, err)
		require.LessOrEqual(t, time.Unix(seconds, 0).Sub(now).Abs(), Tolerance)
		require.Contains(t, signatures, mac([]byte(fuzzKey), stamp, body))
		require.Error(t, VerifyZitadel(header, append(body, ' '), now, fuzzKey), "of another body")
	})
}

// FuzzVerifyStandard: nothing passes but what the key has signed.
func FuzzVerifyStandard(f *testing.F) {
	now := time.Unix(1700000000, 0)
	signed, err := Standard([]string{fuzzKey}, "msg_1", now, []byte(`{}`))
	require.NoError(f, err)
	f.Add("msg_1", "1700000000", signed, []byte(`{}`))
	f.Add("msg_1", "1700000000", "v1,x "+signed+" v1a,"+signed, []byte(`{}`))
	f.Add("msg.1", "1700000000", "v1,", []byte(``))
	f.Add("", "+1700000000", "v1a,AAAA\tv1,AAAA", []byte(`{}`))
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		h := http.Header{}
		h.Set(HeaderID, id)
		h.Set(HeaderTimestamp, stamp)
		h.Set(HeaderSignature, signature)
		err := VerifyStandard(h, body, now, fuzzKey)
		if err != nil {
			require.Equal(t, action.CodeBadSignature, action.CodeOf(err))
			return
		}
		seconds, err := strconv.ParseInt(stamp, 10, 64)
		require.NoError(t, err)
		want, err := Standard([]string{fuzzKey}, id, time.Unix(seconds, 0), body)
		require.NoError(t, err)
		require.Contains(t, signature, want[len("v1,"):])
	})
}

// FuzzCheckKey: a key that is taken signs, and what it signs is verified by it.
func FuzzCheckKey(f *testing.F) {
	for _, key := range []string{fuzzKey, "whsec_", "whsk_AAAA", "whpk_AAAA", "plain", "", "whsec_\xff", "whsk_nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if err := CheckKey(key); err != nil {
			require.Equal(t, action.CodeBadField, action.CodeOf(err))
			require.NotContains(t, err.Error(), key+"!", "no key is told")
			return
		}
		now := time.Unix(1700000000, 0)
		signed, err := Standard([]string{key}, "id", now, []byte("x"))
		require.NoError(t, err)
		h := http.Header{}
		h.Set(HeaderID, "id")
		h.Set(HeaderTimestamp, "1700000000")
		h.Set(HeaderSignature, signed)
		require.NoError(t, VerifyStandard(h, []byte("x"), now, key))
		require.Error(t, VerifyStandard(h, []byte("y"), now, key))
	})
}

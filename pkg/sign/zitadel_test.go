package sign_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

var at = time.Unix(1_700_000_000, 0)

// zitadelHex is the scheme written out a second time.
func zitadelHex(key string, unix int64, body string) string {
	h := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(h, "%d.%s", unix, body)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// zitadel is the header under keys that can sign.
func zitadel(t require.TestingT, keys []string, body []byte) string {
	value, err := sign.Zitadel(keys, at, body)
	require.NoError(t, err)
	return value
}

func TestZitadelValue(t *testing.T) {
	// Made with: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
	const known = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
	require.Equal(t, "t=1700000000,v1="+known, zitadel(t, []string{"key"}, []byte(`{"a":1}`)))
	require.Equal(t, "", zitadel(t, nil, nil))
	require.Equal(t,
		"t=1700000000,v1="+zitadelHex("new", at.Unix(), "x")+",v1="+zitadelHex("old", at.Unix(), "x"),
		zitadel(t, []string{"new", "old"}, []byte("x")))
}

func TestVerifyZitadel(t *testing.T) {
	const body = `{"a":1}`
	good := zitadelHex("key", at.Unix(), body)
	stamped := func(unix int64) string { return fmt.Sprintf("t=%d,v1=%s", unix, zitadelHex("key", unix, body)) }
	cases := []struct {
		name, header string
		ok           bool
	}{
		{"plain", "t=1700000000,v1=" + good, true},
		{"order turned", "v1=" + good + ",t=1700000000", true},
		{"space behind the comma", "t=1700000000, v1=" + good, true},
		{"any v1 is enough", "t=1700000000,v1=00,v1=zz,v1=" + good, true},
		{"another version passed over", "t=1700000000,v0=" + good + ",v1=" + good, true},
		{"oldest", stamped(at.Unix() - 300), true},
		{"newest", stamped(at.Unix() + 300), true},
		{"too old", stamped(at.Unix() - 301), false},
		{"too new", stamped(at.Unix() + 301), false},
		{"empty", "", false},
		{"no time", "v1=" + good, false},
		{"two times", "t=1700000000,t=1700000000,v1=" + good, false},
		{"no signature", "t=1700000000", false},
		{"only another version", "t=1700000000,v2=" + good, false},
		{"upper hex", "t=1700000000,v1=" + strings.ToUpper(good), false},
		{"cut short", "t=1700000000,v1=" + good[:62], false},
		{"of another time", "t=1700000001,v1=" + good, false},
		{"plus in time", "t=+1700000000,v1=" + good, false},
		{"zero before time", "t=01700000000,v1=" + good, false},
		{"space in time", "t= 1700000000,v1=" + good, false},
		{"decimals in time", "t=1700000000.0,v1=" + good, false},
		{"endless time", "t=" + strings.Repeat("1", 400) + ",v1=" + good, false},
		{"too many parts", "t=1700000000" + strings.Repeat(",v1="+good, 65), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := sign.VerifyZitadel(c.header, []byte(body), at, "key")
			if c.ok {
				require.NoError(t, err)
				return
			}
			require.Equal(t, action.CodeBadSignature, action.CodeOf(err))
		})
	}
}

func TestZitadelRotation(t *testing.T) {
	body := []byte("body")
	both := zitadel(t, []string{"new", "old"}, body)
	require.NoError(t, sign.VerifyZitadel(both, body, at, "old"))
	require.NoError(t, sign.VerifyZitadel(both, body, at, "new"))
	require.NoError(t, sign.VerifyZitadel(zitadel(t, []string{"old"}, body), body, at, "new", "old"))
	require.Error(t, sign.VerifyZitadel(both, body, at, "other"))
	require.Error(t, sign.VerifyZitadel(both, body, at), "no key, no trust")
}

func TestZitadelProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.String().Filter(func(key string) bool { return sign.CheckZitadelKey(key) == nil }), 1, 4).Draw(t, "keys")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		header := zitadel(t, keys, body)
		require.NoError(t, sign.VerifyZitadel(header, body, at, rapid.SampledFrom(keys).Draw(t, "key")))
		require.Error(t, sign.VerifyZitadel(header, append(body, 'x'), at, keys...))
	})
}

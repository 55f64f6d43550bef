package sign_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	oracle "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

type vector struct {
	Name      string
	Secret    string
	PublicKey string `json:"public_key"`
	ID        string
	Timestamp int64
	Body      []byte `json:"body_base64"`
	Signature string
}

func vectors(t *testing.T) []vector {
	raw, err := os.ReadFile("testdata/standard-webhooks.json")
	require.NoError(t, err)
	var all []vector
	require.NoError(t, json.Unmarshal(raw, &all))
	require.NotEmpty(t, all)
	return all
}

func headers(id, stamp, signature string) http.Header {
	h := http.Header{}
	h.Set(sign.HeaderID, id)
	h.Set(sign.HeaderTimestamp, stamp)
	h.Set(sign.HeaderSignature, signature)
	return h
}

func TestPublishedVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			when := time.Unix(v.Timestamp, 0)
			rules := sign.Rules{}
			if strings.Contains(v.Name, "18-byte") {
				_, err := sign.Standard([]string{v.Secret}, v.ID, when, v.Body)
				require.Equal(t, action.CodeBadField, action.CodeOf(err), "short keys need to be allowed by name")
				rules.AllowShortKeys = true
			}
			got, err := rules.Standard([]string{v.Secret}, v.ID, when, v.Body)
			require.NoError(t, err)
			require.Equal(t, v.Signature, got)

			h := headers(v.ID, strconv.FormatInt(v.Timestamp, 10), v.Signature)
			require.NoError(t, rules.VerifyStandard(h, v.Body, when, v.Secret))
			require.Error(t, rules.VerifyStandard(h, append(v.Body, ' '), when, v.Secret))
			if v.PublicKey != "" {
				require.NoError(t, rules.VerifyStandard(h, v.Body, when, v.PublicKey))
			}
		})
	}
}

func TestVerifyStandard(t *testing.T) {
	key, body := "whsec_"+b64(32), []byte(`{"a":1}`)
	good, err := sign.Standard([]string{key}, "id", at, body)
	require.NoError(t, err)
	const stamp = "1700000000"
	cases := []struct {
		name                 string
		id, stamp, signature string
		field                string // empty = accepted
	}{
		{"plain", "id", stamp, good, ""},
		{"second in the list", "id", stamp, "v1,AAAA " + good, ""},
		{"another version before", "id", stamp, "v9,zz! " + good, ""},
		{"doubled spaces", "id", stamp, "v1,AAAA  " + good, ""},
		{"comma and space", "id", stamp, "v1,AAAA, " + good, ""},
		{"part without a comma", "id", stamp, "v1 " + good, ""},
		{"tab between", "id", stamp, "v1,AAAA\t" + good, sign.HeaderSignature},
		{"tab at the end", "id", stamp, good + " \t", sign.HeaderSignature},
		{"third comma field", "id", stamp, good + ",x", sign.HeaderSignature},
		{"comma at the end", "id", stamp, good + ",", sign.HeaderSignature},
		{"junk behind", "id", stamp, good + "x", sign.HeaderSignature},
		{"padding doubled", "id", stamp, good + "=", sign.HeaderSignature},
		{"not padded", "id", stamp, strings.TrimRight(good, "="), sign.HeaderSignature},
		{"URL-safe", "id", stamp, "v1," + strings.NewReplacer("+", "-", "/", "_").Replace(good[3:]), urlSafeField(good)},
		{"line break inside", "id", stamp, good[:10] + "\n" + good[10:], sign.HeaderSignature},
		{"of another version", "id", stamp, "v1a" + good[2:], sign.HeaderSignature},
		{"empty signature", "id", stamp, "", sign.HeaderSignature},
		{"too many", "id", stamp, strings.Repeat("v1,AAAA ", 64) + good, sign.HeaderSignature},
		{"empty id", "", stamp, good, sign.HeaderID},
		{"dotted id", "id.x", stamp, good, sign.HeaderID},
		{"other id", "di", stamp, good, sign.HeaderSignature},
		{"other time", "id", "1700000001", good, sign.HeaderSignature},
		{"too old", "id", "1699999699", good, sign.HeaderTimestamp},
		{"too new", "id", "1700000301", good, sign.HeaderTimestamp},
		{"plus in time", "id", "+1700000000", good, sign.HeaderTimestamp},
		{"zero before time", "id", "01700000000", good, sign.HeaderTimestamp},
		{"space in time", "id", "1700000000 ", good, sign.HeaderTimestamp},
		{"decimals in time", "id", "1700000000.0", good, sign.HeaderTimestamp},
		{"suffix of time", "id", "1700000000s", good, sign.HeaderTimestamp},
		{"empty time", "id", "", good, sign.HeaderTimestamp},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := sign.VerifyStandard(headers(c.id, c.stamp, c.signature), body, at, key)
			if c.field == "" {
				require.NoError(t, err)
				return
			}
			var e *action.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, action.CodeBadSignature, e.Code)
			require.Equal(t, c.field, e.Field)
		})
	}
}

// urlSafeField is empty when the two alphabets happen to write good alike.
func urlSafeField(good string) string {
	if strings.ContainsAny(good, "+/") {
		return sign.HeaderSignature
	}
	return ""
}

func TestRepeatedHeadersAreRefused(t *testing.T) {
	key, body := "whsec_"+b64(32), []byte("x")
	good, err := sign.Standard([]string{key}, "id", at, body)
	require.NoError(t, err)
	for _, name := range []string{sign.HeaderID, sign.HeaderTimestamp} {
		h := headers("id", "1700000000", good)
		h.Add(name, h.Get(name))
		require.Error(t, sign.VerifyStandard(h, body, at, key), name)
	}
	h := headers("id", "1700000000", "v1,AAAA")
	h.Add(sign.HeaderSignature, good)
	require.NoError(t, sign.VerifyStandard(h, body, at, key), "signatures may stand on several lines")
}

// An id with a dot lets the same signature cover another split of id, time and
// body. It is never made and never believed.
func TestMovedBoundary(t *testing.T) {
	key := "whsec_" + b64(32)
	_, err := sign.Standard([]string{key}, "a.1700000000", at, []byte("x"))
	require.Equal(t, action.CodeBadField, action.CodeOf(err))
	good, err := sign.Standard([]string{key}, "a", at, []byte("1700000000.x"))
	require.NoError(t, err)
	require.Error(t, sign.VerifyStandard(headers("a.1700000000", "1700000000", good), []byte("x"), at, key))
}

func TestStandardRefuses(t *testing.T) {
	key := "whsec_" + b64(32)
	for name, c := range map[string]struct {
		keys []string
		id   string
	}{
		"no key":        {nil, "id"},
		"bad key":       {[]string{key, "secret"}, "id"},
		"public key":    {[]string{whpk(privateKey('a'))}, "id"},
		"empty id":      {[]string{key}, ""},
		"space in id":   {[]string{key}, "a b"},
		"control in id": {[]string{key}, "a\n"},
		"long id":       {[]string{key}, strings.Repeat("a", 256)},
	} {
		_, err := sign.Standard(c.keys, c.id, at, nil)
		require.Equal(t, action.CodeBadField, action.CodeOf(err), name)
	}
	require.Error(t, sign.VerifyStandard(headers("id", "1700000000", "v1,AAAA"), nil, at), "no key, no trust")
}

// What we sign is accepted by the reference library, and the other way round;
// mixed lists of both versions verify with each key alone.
func TestInterop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "secret")
		id := rapid.StringMatching(`[A-Za-z0-9_-]{1,60}`).Draw(t, "id")
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		hmacKey, edKey := "whsec_"+encode(secret), whsk(privateKey('e'))
		stamp := strconv.FormatInt(at.Unix(), 10)

		list, err := sign.Standard([]string{edKey, hmacKey}, id, at, body)
		require.NoError(t, err)
		theirs, err := oracle.NewWebhook(hmacKey)
		require.NoError(t, err)
		require.NoError(t, theirs.VerifyIgnoringTimestamp(body, headers(id, stamp, list)))
		for _, k := range []string{edKey, hmacKey, whpk(privateKey('e'))} {
			require.NoError(t, sign.VerifyStandard(headers(id, stamp, list), body, at, k))
		}

		signed, err := theirs.Sign(id, at, body)
		require.NoError(t, err)
		require.NoError(t, sign.VerifyStandard(headers(id, stamp, signed), body, at, hmacKey))
	})
}

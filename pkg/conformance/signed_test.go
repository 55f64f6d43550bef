package conformance_test

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/sign"
)

const event = `{"aggregateID":"thing-1","event_payload":{"name":"Ada"},"event_type":"thing.added"}`

func (m *maker) now() time.Time { return time.Unix(m.keys.Now, 0) }
func (m *maker) stamp() string  { return strconv.FormatInt(m.keys.Now, 10) }

// standard are the headers of Standard Webhooks as pkg/sign makes them.
func (m *maker) standard(id, body string, keys ...string) headers {
	value, err := sign.Standard(keys, id, m.now(), []byte(body))
	require.NoError(m.t, err)
	return m.three(id, m.stamp(), value)
}

func (m *maker) three(id, stamp, signature string) headers {
	return headers{{sign.HeaderID, id}, {sign.HeaderTimestamp, stamp}, {sign.HeaderSignature, signature}}
}

// zitadel is ZITADEL's header as pkg/sign makes it, with the delivery id that a worker sends beside it.
func (m *maker) zitadel(id, body string, keys ...string) headers {
	value, err := sign.Zitadel(keys, m.now(), []byte(body))
	require.NoError(m.t, err)
	return headers{{sign.HeaderZitadel, value}, {"Callout-Delivery-Id", id}}
}

// v1 signs any id and any time, also those that pkg/sign refuses.
func (m *maker) v1(key, id, stamp, body string) string {
	return "v1," + base64.StdEncoding.EncodeToString(m.mac(m.decoded(key), id+"."+stamp+"."+body))
}

func (m *maker) v1a(key, id, stamp, body string) string {
	return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(m.ed25519(key), []byte(id+"."+stamp+"."+body)))
}

func (m *maker) hex(key, stamp, body string) string {
	return hex.EncodeToString(m.mac([]byte(key), stamp+"."+body))
}

func (m *maker) mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func (m *maker) decoded(key string) []byte {
	raw, err := base64.StdEncoding.DecodeString(key[strings.Index(key, "_")+1:])
	require.NoError(m.t, err)
	return raw
}

func (m *maker) ed25519(key string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(m.decoded(key)[:ed25519.SeedSize])
}

// one is a line with one key and the body that is sent.
func one(key string, h headers, body string) line {
	return line{Keys: []string{key}, Headers: h, Body: []byte(body)}
}

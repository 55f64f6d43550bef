package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// HeaderZitadel carries ZITADEL's signature.
const HeaderZitadel = "ZITADEL-Signature"

// maxParts bounds how many parts of a header a verifier looks at.
const maxParts = 64

// fewMore is how many more signatures than it has keys a verifier tries: who
// signs may be ahead of it in exchanging keys.
const fewMore = 4

// Zitadel gives the value of the header ZITADEL-Signature:
// `t=<unix seconds>,v1=<lower hex>`, with one v1 for each key. The signature is
// HMAC-SHA256 over `<t>.<body>` under the UTF-8 bytes of the key text. Body is
// what is sent, byte for byte. Without keys there is nothing to sign with and
// the value is empty. A key that CheckZitadelKey refuses is bad_field.
func Zitadel(keys []string, t time.Time, body []byte) (string, error) {
	value, err := NewSigner(keys).AppendZitadel(nil, t, body)
	return string(value), err
}

// VerifyZitadel checks the value of the header ZITADEL-Signature against the
// body as it was received. One v1 that fits one of the keys is enough; parts
// of other versions are passed over. There are at most four v1 more than keys. The
// time must lie within Tolerance of now. Errors have code bad_signature and field
// ZITADEL-Signature; a key that CheckZitadelKey refuses, beside others too, is bad_field.
func VerifyZitadel(header string, body []byte, now time.Time, keys ...string) error {
	if err := checkZitadelKeys(keys); err != nil {
		return err
	}
	stamp, signatures, err := parseZitadel(header)
	if err != nil {
		return err
	}
	if len(signatures) > len(keys)+fewMore {
		return refuse(tooMany, HeaderZitadel)
	}
	if err := checkStamp(stamp, HeaderZitadel, now); err != nil {
		return err
	}
	for _, k := range keys {
		want := mac([]byte(k), stamp, body)
		for _, have := range signatures {
			if hmac.Equal(want, have) {
				return nil
			}
		}
	}
	return refuse("no signature fits", HeaderZitadel)
}

const tooMany = "there are many more signatures than keys"

// parseZitadel takes the header apart: exactly one t, any number of v1.
func parseZitadel(header string) (stamp string, signatures [][]byte, err error) {
	parts := strings.Split(header, ",")
	if header == "" || len(parts) > maxParts {
		return "", nil, refuse("the signature is missing or malformed", HeaderZitadel)
	}
	stamps := 0
	for _, part := range parts {
		name, value, _ := strings.Cut(strings.TrimLeft(part, " "), "=")
		switch name {
		case "t":
			stamp = value
			stamps++
		case "v1":
			raw, err := hex.DecodeString(value)
			if err == nil && value == strings.ToLower(value) {
				signatures = append(signatures, raw)
			}
		}
	}
	if stamps != 1 {
		return "", nil, refuse("the signature has no single timestamp", HeaderZitadel)
	}
	return stamp, signatures, nil
}

// mac is HMAC-SHA256 over the prefix, a dot and the body.
func mac(key []byte, prefix string, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(prefix))
	h.Write([]byte{'.'})
	h.Write(body)
	return h.Sum(nil)
}

package sign

import (
	"crypto/ed25519"
	"crypto/hmac"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The headers of Standard Webhooks.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// MaxPublicKeys is how many keys of ed25519 one verification takes. Of its signatures
// each must be tried with each of its keys, over the whole body each time, since nothing
// in one says whose it is: with as many keys as one likes that is work without a bound.
// An HMAC is made once for a key, so of secrets there may be any number.
const MaxPublicKeys = 8

// maxID bounds a webhook-id, in bytes.
const maxID = 255

// Standard gives the value of the header webhook-signature: one
// `<version>,<base64>` for each key, one space between. A `whsec_` key signs
// with v1 (HMAC-SHA256), a `whsk_` key with v1a (ed25519), both over
// `<id>.<unix seconds of t>.<body>`. The id is the same on every attempt of a
// delivery, the time is the attempt's.
//
// An id that is empty, longer than 255 bytes, not visible ASCII, or has a dot
// is refused with code bad_field: a dot would let the boundary between id,
// time and body move. So is a key that CheckKey refuses, and an empty list.
func Standard(keys []string, id string, t time.Time, body []byte) (string, error) {
	return Rules{}.Standard(keys, id, t, body)
}

// Standard is the function of that name under rules of one's own.
func (r Rules) Standard(keys []string, id string, t time.Time, body []byte) (string, error) {
	value, err := r.signer(keys).AppendStandard(nil, id, t, body)
	if err != nil {
		return "", err
	}
	return string(value), nil
}

// VerifyStandard checks the three headers of Standard Webhooks against the
// body as it was received. One signature that fits one of the keys (`whsec_`,
// `whsk_` or `whpk_`) is enough; parts of other versions are passed over. There
// are at most four signatures more than keys, and of v1a at most four more than keys of
// ed25519, of which there are at most MaxPublicKeys. The time must lie within Tolerance
// of now. An id with a dot is refused.
//
// Errors have code bad_signature and name the header as their field; a key that cannot
// be read, or one of ed25519 too many, is bad_field with the field signing_key.
func VerifyStandard(h http.Header, body []byte, now time.Time, keys ...string) error {
	return Rules{}.VerifyStandard(h, body, now, keys...)
}

// VerifyStandard is the function of that name under rules of one's own.
func (r Rules) VerifyStandard(h http.Header, body []byte, now time.Time, keys ...string) error {
	ids, stamps := h.Values(HeaderID), h.Values(HeaderTimestamp)
	if len(ids) != 1 || !goodID(ids[0]) {
		return refuse("the id is missing or malformed", HeaderID)
	}
	if len(stamps) != 1 {
		return refuse("the timestamp is missing or malformed", HeaderTimestamp)
	}
	if err := checkStamp(stamps[0], HeaderTimestamp, now); err != nil {
		return err
	}
	given, err := parseStandard(strings.Join(h.Values(HeaderSignature), " "))
	if err != nil {
		return err
	}
	if given.count > len(keys)+fewMore {
		return refuse(tooMany, HeaderSignature)
	}
	parsed, err := r.parseAll(keys)
	if err != nil {
		return err
	}
	if len(parsed.public) > 0 && len(given.v1a) > len(parsed.public)+fewMore {
		return refuse(tooMany, HeaderSignature)
	}
	if !given.fit(parsed, ids[0]+"."+stamps[0], body) {
		return refuse("no signature fits", HeaderSignature)
	}
	return nil
}

// verifiers are keys by what they verify.
type verifiers struct {
	secret [][]byte
	public []ed25519.PublicKey
}

func (r Rules) parseAll(keys []string) (all verifiers, err error) {
	for _, text := range keys {
		k, err := r.parse(text)
		switch {
		case err != nil:
			return all, err
		case k.secret != nil:
			all.secret = append(all.secret, k.secret)
		default:
			all.public = append(all.public, k.public)
		}
	}
	if len(all.public) > MaxPublicKeys {
		return all, badKey("a verification takes at most 8 keys of ed25519 (whpk_, whsk_): leave out those that sign no more")
	}
	return all, nil
}

// signatures are those of a header that are well formed, by version.
type signatures struct {
	v1    [][]byte
	v1a   [][]byte // those that are as long as one is
	count int      // of both versions, whatever their length
}

// parseStandard takes the list apart. Parts stand one space apart; doubled
// spaces and `, ` are accepted too, since proxies join header lines so. What
// is not exactly `<version>,<padded standard base64>` is passed over.
func parseStandard(list string) (signatures, error) {
	var out signatures
	if list == "" || strings.ContainsRune(list, '\t') {
		return out, refuse("the signature is missing or malformed", HeaderSignature)
	}
	parts := strings.FieldsFunc(strings.ReplaceAll(list, ", ", " "), func(c rune) bool { return c == ' ' })
	if len(parts) > maxParts {
		return out, refuse("there are too many signatures", HeaderSignature)
	}
	for _, part := range parts {
		version, text, _ := strings.Cut(part, ",")
		raw, err := decode(text)
		if err != nil {
			continue
		}
		switch version {
		case "v1":
			out.v1 = append(out.v1, raw)
			out.count++
		case "v1a":
			out.count++
			if len(raw) == ed25519.SignatureSize {
				out.v1a = append(out.v1a, raw)
			}
		}
	}
	return out, nil
}

func (s signatures) fit(keys verifiers, prefix string, body []byte) bool {
	if len(s.v1) > 0 {
		for _, secret := range keys.secret {
			want := mac(secret, prefix, body)
			if slices.ContainsFunc(s.v1, func(have []byte) bool { return hmac.Equal(want, have) }) {
				return true
			}
		}
	}
	if len(s.v1a) == 0 || len(keys.public) == 0 {
		return false
	}
	signed := message(prefix, body) // once: it is as large as the body
	for _, public := range keys.public {
		if slices.ContainsFunc(s.v1a, func(have []byte) bool { return ed25519.Verify(public, signed, have) }) {
			return true
		}
	}
	return false
}

func message(prefix string, body []byte) []byte {
	m := make([]byte, 0, len(prefix)+1+len(body))
	m = append(m, prefix...)
	m = append(m, '.')
	return append(m, body...)
}

func goodID(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c > '~' || c == '.' {
			return false
		}
	}
	return true
}

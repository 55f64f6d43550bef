package callout

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far the time of a signature may lie from now, in either direction.
const tolerance = 300 * time.Second

const (
	maxEntries = 64  // of a header of signatures
	fewMore    = 4   // signatures more than there are keys: who signs may be ahead in exchanging one
	maxID      = 255 // bytes of a webhook-id
)

// The names of headers as net/http writes them.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
	headerZitadel   = "Zitadel-Signature"
	headerDelivery  = "Callout-Delivery-Id"
)

// entries are the signatures of a header that are well formed, by version.
type entries struct {
	v1, v1a [][]byte
	flaw    string // why the header is refused
}

// parseStandard takes a header apart. What is not VERSION,BASE64 is passed over.
func parseStandard(list string) (e entries) {
	if strings.ContainsRune(list, '\t') {
		e.flaw = "there is a tab in the signatures"
	}
	count := 0
	for part := range strings.SplitSeq(strings.ReplaceAll(list, ", ", " "), " ") {
		if part == "" {
			continue
		}
		if count++; count > maxEntries {
			e.flaw = "there are more than 64 signatures"
			return e
		}
		version, text, _ := strings.Cut(part, ",")
		if version != "v1" && version != "v1a" {
			continue
		}
		raw, ok := decode64(text)
		switch {
		case !ok:
		case version == "v1":
			e.v1 = append(e.v1, raw)
		default:
			e.v1a = append(e.v1a, raw)
		}
	}
	return e
}

// signature checks the signature of a request and gives its delivery id, which
// ZITADEL's scheme signs none of.
func (v *Verifier) signature(ctx context.Context, h http.Header, body []byte) (id string, err error) {
	public, err := v.public(ctx)
	if err != nil {
		return "", err
	}
	var given entries
	if values := h[headerSignature]; len(values) > 0 {
		given = parseStandard(strings.Join(values, " "))
	}
	if given.flaw != "" && len(v.keys.secrets)+len(public) > 0 {
		return "", refuse("%s", given.flaw)
	}
	if len(given.v1) > 0 && len(v.keys.secrets) > 0 && v.takes(Standard) || len(given.v1a) > 0 && len(public) > 0 && v.takes(StandardV1a) {
		return v.standard(h, given, public, body)
	}
	values := h[headerZitadel]
	if len(values) == 0 || len(v.keys.texts) == 0 || !v.takes(Zitadel) {
		return "", refuse("there is no signature for a key of this receiver")
	}
	if len(values) > 1 {
		return "", refuse("ZITADEL-Signature stands more than once")
	}
	return "", v.zitadel(values[0], body)
}

// deliveryID is the id that no scheme has signed. What is none would have the memory of a
// store grow without a bound.
func deliveryID(h http.Header) string {
	id := get(h, headerDelivery)
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || i == maxID {
			return ""
		}
	}
	return id
}

// public are the keys that verify v1a. A set of keys without a payload is one of them.
func (v *Verifier) public(ctx context.Context) ([]ed25519.PublicKey, error) {
	if v.set == nil || v.options.Payload != JSON || !v.takes(StandardV1a) {
		return v.keys.public, nil
	}
	more, err := v.set.ed25519(ctx)
	return append(more, v.keys.public...), err
}

func (v *Verifier) standard(h http.Header, given entries, public []ed25519.PublicKey, body []byte) (id string, err error) {
	ids, stamps := h[headerID], h[headerTimestamp]
	switch {
	case len(ids) != 1 || !goodID(ids[0]):
		return "", refuse("webhook-id is missing or malformed")
	case len(stamps) != 1:
		return "", refuse("webhook-timestamp is missing or stands more than once")
	case len(given.v1)+len(given.v1a) > len(v.options.Keys)+len(public)-len(v.keys.public)+fewMore:
		return "", refuse("there are many more signatures than keys")
	}
	if err := v.fresh(stamps[0]); err != nil {
		return "", err
	}
	id, stamp := ids[0], stamps[0]
	if v.takes(Standard) && fitsHMAC(v.keys.secrets, given.v1, body, id, stamp) || v.takes(StandardV1a) && fitsEd25519(public, given.v1a, id+"."+stamp, body) {
		return id, nil
	}
	return "", refuse("no signature of webhook-signature fits a key: is it the key of this target, and the body as it came?")
}

func fitsHMAC(secrets []*secret, given [][]byte, body []byte, head ...string) bool {
	if len(given) == 0 {
		return false
	}
	for _, one := range secrets {
		if one.fits(given, body, head...) {
			return true
		}
	}
	return false
}

func fitsEd25519(public []ed25519.PublicKey, given [][]byte, prefix string, body []byte) bool {
	if len(given) == 0 {
		return false
	}
	message := append([]byte(prefix+"."), body...)
	for _, key := range public {
		for _, have := range given {
			if len(have) == ed25519.SignatureSize && ed25519.Verify(key, message, have) {
				return true
			}
		}
	}
	return false
}

func (v *Verifier) zitadel(header string, body []byte) error {
	var stamp string
	var given [][]byte
	stamps, count := 0, 0
	for part := range strings.SplitSeq(header, ",") {
		if count++; count > maxEntries {
			return refuse("ZITADEL-Signature has more than 64 elements")
		}
		name, value, _ := strings.Cut(strings.TrimLeft(part, " "), "=")
		switch {
		case name == "t":
			stamp = value
			stamps++
		case name == "v1" && len(value) == 2*sha256.Size && value == strings.ToLower(value):
			if raw, err := hex.DecodeString(value); err == nil {
				given = append(given, raw)
			}
		}
	}
	if stamps != 1 {
		return refuse("ZITADEL-Signature has no single t")
	}
	if len(given) > len(v.options.Keys)+fewMore {
		return refuse("there are many more signatures than keys")
	}
	if err := v.fresh(stamp); err != nil {
		return err
	}
	if fitsHMAC(v.keys.texts, given, body, stamp) {
		return nil
	}
	return refuse("no v1 of ZITADEL-Signature fits a key: is it the key of this target, and the body as it came?")
}

func goodID(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for i := range len(id) {
		if c := id[i]; c <= ' ' || c > '~' || c == '.' {
			return false
		}
	}
	return true
}

// fresh holds seconds against the clock.
func (v *Verifier) fresh(text string) error {
	at, ok := seconds(text)
	if !ok {
		return refuse("the timestamp is not decimal seconds since 1970")
	}
	if age := v.now().Sub(at); age > tolerance || age < -tolerance {
		return refuse("the timestamp is %d s from the clock of this machine, more than 300: is the clock right?", int(age.Abs().Seconds()))
	}
	return nil
}

// seconds reads a Unix time in its one canonical form. Twelve digits reach the year 33658.
func seconds(text string) (time.Time, bool) {
	if text == "" || len(text) > 12 || text[0] == '0' && text != "0" || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(n, 0), err == nil
}

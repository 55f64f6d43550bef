package conformance_test

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/conformance"
	"github.com/callout-hq/callout/pkg/sign"
)

// adapter is a verifier made of pkg/sign. What is set breaks it on purpose.
type adapter struct {
	noTolerance  bool // the time is believed
	lastKey      bool // only the last key is tried
	dots         bool // a dot in an id is taken
	reserialised bool // the body is parsed and written again before it is checked
}

// keys are the keys of a receiver, by what they verify.
type keys struct{ secrets, public, texts []string }

func (k *keys) add(text string) bool {
	secret, private := strings.HasPrefix(text, "whsec_"), strings.HasPrefix(text, "whsk_")
	switch {
	case private || strings.HasPrefix(text, "whpk_"):
		k.public = append(k.public, text)
		return parses(text)
	case secret || sign.CheckKey(text) == nil:
		k.secrets = append(k.secrets, text)
		k.texts = append(k.texts, text)
		return sign.CheckKey(text) == nil
	}
	k.texts = append(k.texts, text)
	return text != "" && len(text) <= 512
}

// parses tells whether a key can be read: a header that is well formed makes that show.
func parses(text string) bool {
	h := http.Header{}
	h.Set(sign.HeaderID, "a")
	h.Set(sign.HeaderTimestamp, "0")
	h.Set(sign.HeaderSignature, "v1,AAAA")
	err := sign.VerifyStandard(h, nil, time.Unix(0, 0), text)
	return err != nil && strings.Contains(err.Error(), "no signature fits")
}

func (a adapter) verify(line conformance.Line) conformance.Verdict {
	no := conformance.Verdict{ID: line.ID}
	var k keys
	if a.lastKey && len(line.Keys) > 1 {
		line.Keys = line.Keys[len(line.Keys)-1:]
	}
	for _, text := range line.Keys {
		if !k.add(text) {
			return no
		}
	}
	if len(line.Keys) == 0 && line.JWKS == nil {
		return no
	}
	if line.JWKS != nil && line.Payload == "" {
		set, err := sign.ParseJWKS(line.JWKS)
		if err != nil {
			return no
		}
		k.public = append(k.public, set.WebhookKeys()...)
	}
	body := line.Body
	if a.reserialised {
		var parsed any
		if json.Unmarshal(body, &parsed) == nil {
			body, _ = json.Marshal(parsed)
		}
	}
	h := http.Header{}
	for _, one := range line.Headers {
		h.Add(one[0], one[1])
	}
	id, ok := deliveryID(h), true
	if len(line.Keys) > 0 || line.Payload == "" {
		id, ok = a.signature(line, h, body, k)
	}
	if line.Payload != "" && ok {
		var jti string
		if jti, body, ok = a.payload(line, body); jti != "" {
			id = jti
		}
	}
	if !ok {
		return no
	}
	return conformance.Verdict{ID: line.ID, OK: true, DeliveryID: id, Body: &body}
}

func (a adapter) signature(line conformance.Line, h http.Header, body []byte, k keys) (id string, ok bool) {
	takes := func(scheme string) bool { return len(line.Schemes) == 0 || slices.Contains(line.Schemes, scheme) }
	now := time.Unix(line.Now, 0)
	var standard []string
	if takes("standard") {
		standard = append(standard, k.secrets...)
	}
	if takes("standard_v1a") {
		standard = append(standard, k.public...)
	}
	list := strings.Join(h.Values(sign.HeaderSignature), " ")
	has := func(version string) bool { return strings.Contains(" "+list, " "+version+",") }
	flawed := strings.ContainsRune(list, '\t') || len(strings.Fields(list)) > 64
	decides := flawed && len(standard) > 0 || has("v1") && takes("standard") && len(k.secrets) > 0 || has("v1a") && takes("standard_v1a") && len(k.public) > 0
	if a.noTolerance {
		now = a.believed(h, now)
	}
	if decides {
		if a.dots && strings.Contains(h.Get(sign.HeaderID), ".") {
			return h.Get(sign.HeaderID), true
		}
		return h.Get(sign.HeaderID), sign.VerifyStandard(h, body, now, standard...) == nil
	}
	values := h.Values(sign.HeaderZitadel)
	if !takes("zitadel") || len(values) != 1 || len(k.texts) == 0 {
		return "", false
	}
	return deliveryID(h), sign.VerifyZitadel(values[0], body, now, k.texts...) == nil
}

// deliveryID is the id that nobody has signed, where it is one.
func deliveryID(h http.Header) string {
	id := h.Get("Callout-Delivery-Id")
	if len(id) > 255 || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return id
}

// believed is the time that a request names.
func (a adapter) believed(h http.Header, now time.Time) time.Time {
	for _, text := range []string{h.Get(sign.HeaderTimestamp), between(h.Get(sign.HeaderZitadel), "t=", ",")} {
		if seconds, err := json.Number(text).Int64(); err == nil {
			return time.Unix(seconds, 0)
		}
	}
	return now
}

func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}

func (a adapter) payload(line conformance.Line, body []byte) (id string, plain []byte, ok bool) {
	text, now := string(body), time.Unix(line.Now, 0)
	if line.Payload == "jwe" {
		own := map[string]crypto.PrivateKey{}
		for kid, pemText := range line.PrivateKeys {
			block, _ := pem.Decode([]byte(pemText))
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return "", nil, false
			}
			own[kid] = key
		}
		var err error
		if text, err = sign.OpenJWE(text, own); err != nil {
			return "", nil, false
		}
	}
	set, err := sign.ParseJWKS(line.JWKS)
	if err != nil {
		return "", nil, false
	}
	plain, err = sign.VerifyJWT(text, now, set, sign.Expected{Issuer: line.Issuer, Audience: line.Audience})
	var claims struct{ JTI string }
	if err != nil || json.Unmarshal(plain, &claims) != nil {
		return "", nil, false
	}
	return claims.JTI, plain, true
}

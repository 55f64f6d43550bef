package conformance

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/sign"
)

// What the tokens of the cases say.
const (
	issuer   = "default"
	audience = "acme:hook"
)

// signing are the keys that requests are signed with.
type signing struct {
	keys          Keys
	first, second string // whsec_
	private       string // whsk_
}

// body gives what is sent, before it is signed.
func (r *Request) body() []byte {
	switch {
	case r.Text != nil:
		return []byte(*r.Text)
	case r.Base64 != nil:
		return r.Base64
	case r.Pieces != nil:
		var b strings.Builder
		for _, p := range r.Pieces {
			b.WriteString(strings.Repeat(p.Text, max(p.Times, 1)))
		}
		return []byte(b.String())
	}
	return r.Body
}

// compose gives the headers and the body of a request, signed as it asks.
func (s *signing) compose(r *Request, id string, now time.Time) (headers [][2]string, body []byte, err error) {
	body = r.body()
	if r.ID != "" {
		id = r.ID
	}
	if r.JWT != nil {
		if body, err = s.token(r.JWT, id, now, body); err != nil {
			return nil, nil, err
		}
	}
	headers = slices.Clone(r.Headers)
	if id != "none" && !names(headers, "callout-delivery-id") {
		headers = append(headers, [2]string{"Callout-Delivery-Id", id})
	}
	schemes := []string{"standard"}
	if r.Sign != nil {
		schemes = *r.Sign
	}
	at := now.Add(-time.Duration(r.AgeS) * time.Second)
	for _, scheme := range schemes {
		if headers, err = s.sign(scheme, r.Key, id, at, body, headers); err != nil {
			return nil, nil, err
		}
	}
	if r.Change != nil {
		body = []byte(*r.Change)
	}
	return headers, body, nil
}

func names(headers [][2]string, name string) bool {
	return slices.ContainsFunc(headers, func(h [2]string) bool { return strings.EqualFold(h[0], name) })
}

func (s *signing) sign(scheme, which, id string, at time.Time, body []byte, headers [][2]string) ([][2]string, error) {
	key := map[string]string{"": s.first, "first": s.first, "second": s.second, "stranger": s.keys.Stranger}[which]
	if scheme == "zitadel" {
		value, err := sign.Zitadel([]string{key}, at, body)
		return append(headers, [2]string{sign.HeaderZitadel, value}), err
	}
	if scheme == "standard_v1a" {
		key = s.private
		if which == "stranger" {
			key = s.keys.StrangerPrivate
		}
	}
	value, err := sign.Standard([]string{key}, id, at, body)
	return append(headers, [2]string{sign.HeaderID, id}, [2]string{sign.HeaderTimestamp, fmt.Sprint(at.Unix())}, [2]string{sign.HeaderSignature, value}), err
}

// token is the body as a JWT, and as a JWE where it is for a key of the target.
func (s *signing) token(t *Token, id string, now time.Time, body []byte) ([]byte, error) {
	pair := map[string]Pair{"": s.keys.Ed25519, "ed25519": s.keys.Ed25519, "rs256": s.keys.RS256, "next": s.keys.Next}[t.Key]
	key, err := sign.OpenPair(pair.ID, pair.Algorithm, pair.Private)
	if err != nil {
		return nil, err
	}
	claims := sign.Claims{Issuer: issuer, Audience: audience, ID: id}
	if t.Audience != "" {
		claims.Audience = t.Audience
	}
	payload, err := sign.AppendClaims(nil, body, claims, now.Add(-time.Duration(t.AgeS)*time.Second))
	if err != nil {
		return nil, err
	}
	text, err := key.JWT(payload)
	if err != nil || t.For == "" {
		return []byte(text), err
	}
	public, err := publicPEM(s.keys.Target[t.For])
	if err != nil {
		return nil, err
	}
	recipient, err := sign.ParsePublicKey(public)
	if err != nil {
		return nil, err
	}
	encrypter, err := recipient.Encrypter(t.For)
	if err != nil {
		return nil, err
	}
	text, err = encrypter.JWE(text)
	return []byte(text), err
}

// publicPEM is the public half of a private key in PEM.
func publicPEM(private string) (string, error) {
	block, _ := pem.Decode([]byte(private))
	if block == nil {
		return "", fmt.Errorf("the key of a target is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.(crypto.Signer).Public())
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), err
}

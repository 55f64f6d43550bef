package callout

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"
)

// Payload is the form in which bodies come.
type Payload string

// The payloads.
const (
	JSON Payload = ""    // plain JSON
	JWT  Payload = "jwt" // signed with a key of the instance
	JWE  Payload = "jwe" // that, encrypted for the target
)

// Scheme is a way to sign a request.
type Scheme string

// The schemes.
const (
	Standard    Scheme = "standard"     // Standard Webhooks, HMAC-SHA256 (v1)
	StandardV1a Scheme = "standard_v1a" // Standard Webhooks, ed25519 (v1a)
	Zitadel     Scheme = "zitadel"      // the header ZITADEL-Signature
)

// Options say how a Receiver is made. One of Keys, JWKS, JWKSURL and Unsigned is needed.
type Options struct {
	// Keys are whsec_ secrets, whpk_ public keys, whsk_ private keys, which stand for their
	// public half, and texts, which are secrets of ZITADEL's scheme. One signature that fits
	// one of them is enough, so that a key is exchanged without missing a request.
	Keys []string
	// Schemes narrow what is taken. None takes all.
	Schemes []Scheme
	// Unsigned takes what nobody has signed. It is for a receiver behind something that checks.
	Unsigned bool

	// Payload is how bodies come. JWT and JWE need JWKS or JWKSURL.
	Payload Payload
	// JWKS are the keys of the instance (RFC 7517), and JWKSURL is where they are fetched.
	JWKS    json.RawMessage
	JWKSURL string
	// Issuer and Audience are what a JWT has to say; "" is not looked at.
	Issuer, Audience string
	// PrivateKeys open a JWE, by kid: *rsa.PrivateKey or *ecdsa.PrivateKey.
	PrivateKeys map[string]crypto.PrivateKey

	// Path is the only one that is served; "" serves every path.
	Path string
	// MaxBody bounds a body in bytes; 0 = 1 MiB.
	MaxBody int64
	// Store remembers which deliveries are done; nil = 10,000 of them for 10 minutes, in memory.
	Store Store
	// Fallback answers what no handler covers, by the rules of a handler of its kind; nil
	// answers 404 unknown_condition, so that a wrong execution is seen.
	Fallback Fallback
	// Log is told which check failed and what a handler returned, never a secret or a
	// signature; nil logs a line each to stderr.
	Log *slog.Logger
	// Client fetches JWKSURL; nil = one with a timeout of 5 seconds.
	Client *http.Client
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

// maxKey bounds the text of a key, in bytes.
const maxKey = 512

// Env reads the options from the environment: CALLOUT_KEYS (commas between), CALLOUT_JWKS (a
// URL), CALLOUT_ISSUER, CALLOUT_AUDIENCE, CALLOUT_PRIVATE_KEYS (KID=PATH of PEM files, commas
// between) and CALLOUT_PAYLOAD (jwt or jwe). The error tells of a file that cannot be read.
func Env() (Options, error) {
	o := Options{
		JWKSURL: os.Getenv("CALLOUT_JWKS"), Issuer: os.Getenv("CALLOUT_ISSUER"), Audience: os.Getenv("CALLOUT_AUDIENCE"),
		Payload: Payload(os.Getenv("CALLOUT_PAYLOAD")), PrivateKeys: map[string]crypto.PrivateKey{},
	}
	for _, text := range strings.Split(os.Getenv("CALLOUT_KEYS"), ",") {
		if text = strings.TrimSpace(text); text != "" {
			o.Keys = append(o.Keys, text)
		}
	}
	for _, pair := range strings.Split(os.Getenv("CALLOUT_PRIVATE_KEYS"), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		kid, path, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return o, errors.New("callout: CALLOUT_PRIVATE_KEYS is KID=PATH, commas between")
		}
		text, err := os.ReadFile(path) //nolint:gosec // whoever sets the environment names the file
		if err != nil {
			return o, fmt.Errorf("callout: the private key %s: %w", kid, err)
		}
		key, err := ParsePrivateKey(text)
		if err != nil {
			return o, fmt.Errorf("callout: the private key %s: %w", kid, err)
		}
		o.PrivateKeys[kid] = key
	}
	return o, nil
}

// FromEnv makes a Receiver from the environment, as Env reads it. It panics where New would fail,
// since a program without a key has nothing to do; New(Env()) has an error in its place.
func FromEnv() *Receiver {
	o, err := Env()
	if err != nil {
		panic(err)
	}
	r, err := New(o)
	if err != nil {
		panic(err)
	}
	return r
}

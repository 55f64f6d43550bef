package sign

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/seal"
)

// The bounds of a secret in bytes after decoding, from the Standard Webhooks
// specification.
const (
	MinKey = 24
	MaxKey = 64
)

// The prefixes of a key text.
const (
	prefixSecret  = "whsec_" // HMAC secret
	prefixPrivate = "whsk_"  // ed25519 private key: seed, or seed and public key
	prefixPublic  = "whpk_"  // ed25519 public key: verifies, cannot sign
)

// Rules say how strict keys are read. The zero value is the strict reading
// that the functions of this package use.
type Rules struct {
	// AllowShortKeys accepts secrets of less than MinKey bytes. Such keys exist
	// in the wild; the specification forbids them.
	AllowShortKeys bool
}

// NewKey makes a signing key: `whsec_` and 32 random bytes in base64.
func NewKey() string {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	return prefixSecret + base64.StdEncoding.EncodeToString(secret)
}

// CheckKey tells whether text can sign: `whsec_` with 24–64 bytes in padded
// standard base64, or that base64 alone, which sign both ways, or `whsk_` with an ed25519 private key
// (32-byte seed, or 64 bytes of seed and public key), which signs Standard
// Webhooks alone. The error has code bad_field.
func CheckKey(text string) error {
	_, err := Rules{}.parse(text)
	if err == nil && strings.HasPrefix(text, prefixPublic) {
		return badKey("a public key cannot sign")
	}
	return err
}

// The bounds of a key of ZITADEL's form, in bytes. Its own have 32 or so.
const (
	minText = 16
	maxText = 256
)

// CheckForm tells whether text is a signing key at all: one that CheckKey takes, or
// one of ZITADEL's form, which signs by its scheme alone: 16 to 256 visible ASCII
// characters that begin with a letter or digit, and not with `whsec_`, `whsk_`,
// `whpk_` or as what pkg/seal has sealed. The error has code bad_field and shows
// nothing of the text.
func CheckForm(text string) error {
	if seal.IsSealed(text) {
		return badKey("the text is a key that is sealed: give the key itself")
	}
	for _, prefix := range []string{prefixSecret, prefixPrivate, prefixPublic} {
		if strings.HasPrefix(text, prefix) {
			return CheckKey(text)
		}
	}
	if len(text) < minText || len(text) > maxText || strings.IndexFunc(text, isUnseen) >= 0 || !isAlphanumeric(text[0]) {
		return badKey("a signing key starts with whsec_ or whsk_, or is one of ZITADEL's: 16 to 256 visible ASCII characters, the first a letter or digit")
	}
	return nil
}

// CheckStandardKey tells whether a key that CheckForm takes can sign Standard
// Webhooks. The error has code bad_field and says what helps.
func CheckStandardKey(text string) error {
	if CheckKey(text) == nil {
		return nil
	}
	return notStandard()
}

func notStandard() error {
	return badKey("a key that is neither whsec_ nor whsk_, nor 24 to 64 bytes in base64, is for ZITADEL's scheme alone: write signature: [zitadel], or give a whsec_ key")
}

func isUnseen(c rune) bool { return c <= ' ' || c > '~' }

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// CheckZitadelKey tells whether text is a secret that ZITADEL's scheme can sign
// and verify with: any text but one that is blank, and a `whsk_` or `whpk_` key of
// Standard Webhooks. Those are asymmetric: their text as a secret would be
// another than what was exchanged, and of a public key no secret at all. The error has
// code bad_field and says what helps.
func CheckZitadelKey(text string) error {
	switch {
	case strings.TrimSpace(text) == "" || text == prefixSecret:
		return badKey("the signing key is empty: anybody could sign with it")
	case strings.HasPrefix(text, prefixPrivate), strings.HasPrefix(text, prefixPublic):
		return notZitadel(text[:len(prefixPrivate)])
	}
	return nil
}

func notZitadel(prefix string) error {
	return badKey("a " + prefix + " key is for Standard Webhooks alone, not for ZITADEL's scheme: give a whsec_ key, or write signature: [standard], or [standard_v1a]")
}

func checkZitadelKeys(keys []string) error {
	for _, text := range keys {
		if err := CheckZitadelKey(text); err != nil {
			return err
		}
	}
	return nil
}

// key is a parsed key text; exactly one of secret and public is set, private
// only beside public.
type key struct {
	secret  []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

func (r Rules) parse(text string) (key, error) {
	switch {
	case strings.HasPrefix(text, prefixSecret):
		secret, err := decode(text[len(prefixSecret):])
		if err != nil {
			return key{}, err
		}
		if len(secret) == 0 || len(secret) > MaxKey || (len(secret) < MinKey && !r.AllowShortKeys) {
			return key{}, badKey("a secret has 24 to 64 bytes, decoded")
		}
		return key{secret: secret}, nil
	case strings.HasPrefix(text, prefixPrivate):
		return parsePrivate(text[len(prefixPrivate):])
	case strings.HasPrefix(text, prefixPublic):
		public, err := decode(text[len(prefixPublic):])
		if err != nil {
			return key{}, err
		}
		if len(public) != ed25519.PublicKeySize {
			return key{}, badKey("a public key has 32 bytes, decoded")
		}
		return key{public: public}, nil
	}
	// Some write a secret of Standard Webhooks without its prefix.
	if secret, err := decode(text); err == nil && len(secret) >= MinKey && len(secret) <= MaxKey {
		return key{secret: secret}, nil
	}
	return key{}, badKey("a signing key starts with whsec_ or whsk_, or is 24 to 64 bytes in padded standard base64")
}

func parsePrivate(text string) (key, error) {
	raw, err := decode(text)
	if err != nil {
		return key{}, err
	}
	if len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return key{}, badKey("a private key has 32 or 64 bytes, decoded")
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	// A public half that does not belong to the seed gives away the private key
	// when one signs with it, so it is derived and only compared.
	if len(raw) == ed25519.PrivateKeySize && subtle.ConstantTimeCompare(raw, private) == 0 {
		return key{}, badKey("the two halves of the private key do not belong together")
	}
	return key{private: private, public: private.Public().(ed25519.PublicKey)}, nil
}

// decode reads padded standard base64 in its one canonical form. Go's decoder
// passes over line breaks, hence the second look.
func decode(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, badKey("a key is padded standard base64 behind its prefix")
	}
	return raw, nil
}

func badKey(message string) error {
	return action.NewError(action.CodeBadField, action.StageCatalog, message).WithField("signing_key")
}

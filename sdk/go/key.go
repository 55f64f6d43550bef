package callout

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
)

// The bounds of a secret of Standard Webhooks, in bytes after decoding.
const (
	minSecret = 24
	maxSecret = 64
)

// keys are the keys of a receiver, by what they verify.
type keys struct {
	secrets []*secret           // Standard Webhooks, v1
	public  []ed25519.PublicKey // v1a
	texts   []*secret           // ZITADEL's scheme
}

// add reads the text of a key. The error shows nothing of it.
func (k *keys) add(text string) error {
	switch {
	case strings.HasPrefix(text, "whsec_"):
		raw, ok := decode64(text[len("whsec_"):])
		if !ok || len(raw) < minSecret || len(raw) > maxSecret {
			return errors.New("a whsec_ key is 24 to 64 bytes in padded standard base64")
		}
		k.secrets, k.texts = append(k.secrets, newSecret(raw)), append(k.texts, newSecret([]byte(text)))
	case strings.HasPrefix(text, "whpk_"):
		public, ok := decode64(text[len("whpk_"):])
		if !ok || len(public) != ed25519.PublicKeySize {
			return errors.New("a whpk_ key is 32 bytes in padded standard base64")
		}
		k.public = append(k.public, public)
	case strings.HasPrefix(text, "whsk_"):
		raw, ok := decode64(text[len("whsk_"):])
		if !ok || len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
			return errors.New("a whsk_ key is 32 or 64 bytes in padded standard base64")
		}
		k.public = append(k.public, ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize]).Public().(ed25519.PublicKey))
	case text == "" || len(text) > maxKey:
		return errors.New("a key has 1 to 512 bytes")
	default:
		if raw, ok := decode64(text); ok && len(raw) >= minSecret && len(raw) <= maxSecret {
			k.secrets = append(k.secrets, newSecret(raw)) // some leave the prefix out
		}
		k.texts = append(k.texts, newSecret([]byte(text)))
	}
	return nil
}

// strict64 is made once: Strict copies the tables of an encoding.
var strict64 = base64.StdEncoding.Strict()

// decode64 reads padded standard base64 in its one canonical form. Go's decoder passes over
// line breaks, hence the second look.
func decode64(text string) ([]byte, bool) {
	raw, err := strict64.DecodeString(text)
	return raw, err == nil && !strings.ContainsAny(text, "\r\n")
}

// ParsePrivateKey reads a private key that opens a JWE: PEM, PKCS #8, or PKCS #1 or SEC 1 as
// older programs write them; RSA, or ECDSA on P-256, P-384 or P-521.
func ParsePrivateKey(text []byte) (crypto.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("callout: a private key is PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, errors.New("callout: the PEM holds no private key")
	}
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey:
		return key, nil
	}
	return nil, errors.New("callout: a private key that opens a JWE is RSA or ECDSA")
}

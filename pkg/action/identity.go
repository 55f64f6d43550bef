package action

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Identity is a client certificate with its private key.
type Identity struct {
	Chain []*x509.Certificate // its own first, then those that lead to its authority
	Key   crypto.Signer
}

// PartError is why a certificate or its key cannot be used. It repeats nothing of
// either.
type PartError struct {
	Part string // PartCertificate or PartKey
	Says string
}

func (e *PartError) Error() string { return e.Says }

func badPart(part, says string, args ...any) error {
	return &PartError{part, fmt.Sprintf(says, args...)}
}

// ReadIdentity reads a client certificate and its key in PEM, each of at most MaxSecret
// bytes. An empty certificate stands in one text with its key. The error is a *PartError:
// unreadable, encrypted, or of two that do not belong together. When the certificate ends
// is not looked at, see Ends.
func ReadIdentity(certificate, key string) (Identity, error) {
	id, err := ReadBundle(key)
	switch {
	case err != nil:
		return id, err
	case len(certificate) > MaxSecret:
		return id, badPart(PartCertificate, "a certificate has at most %d bytes, this one has %d", MaxSecret, len(certificate))
	case certificate == "" && id.Chain == nil:
		return id, badPart(PartKey, "there is a private key in it and no certificate: put the certificate in front of it, or name it as certificate")
	case certificate != "":
		if id.Chain, err = ReadAuthorities(certificate); err != nil {
			return id, badPart(PartCertificate, "%s", err)
		}
	}
	return id, id.fits()
}

// ReadBundle reads a private key in PEM, of at most MaxSecret bytes, and the certificates
// that stand beside it, if any. The error is a *PartError.
func ReadBundle(text string) (id Identity, err error) {
	if len(text) > MaxSecret {
		return id, badPart(PartKey, "a key has at most %d bytes, this one has %d", MaxSecret, len(text))
	}
	var certificates []byte
	for rest := []byte(text); ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		switch {
		case block == nil && bytes.Contains(rest, []byte("-----BEGIN")):
			return id, badPart(PartKey, "a block of PEM in it is cut off or broken")
		case block == nil && id.Key == nil:
			return id, badPart(PartKey, "there is no private key in it: it is a text in PEM, which begins with -----BEGIN PRIVATE KEY-----")
		case block == nil && certificates == nil:
			return id, nil
		case block == nil:
			if id.Chain, err = ReadAuthorities(string(certificates)); err != nil {
				return id, badPart(PartKey, "beside the key: %s", err)
			}
			return id, id.fits()
		case block.Type == "CERTIFICATE":
			certificates = append(certificates, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
		case block.Type == "EC PARAMETERS": // openssl writes them in front of a key
		case id.Key != nil:
			return id, badPart(PartKey, "more than one private key is in it")
		default:
			if id.Key, err = readPrivateKey(block); err != nil {
				return id, err
			}
		}
	}
}

// KeySum tells public keys apart: SHA-256 of one as certificates have it, in hexadecimal
// digits.
func KeySum(key crypto.PublicKey) string {
	raw, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func readPrivateKey(block *pem.Block) (crypto.Signer, error) {
	if strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "" {
		return nil, badPart(PartKey, "the private key is encrypted with a passphrase, which nobody could give: keep it without one (openssl pkey -in KEY -out NEW)")
	}
	if !strings.Contains(block.Type, "PRIVATE KEY") {
		return nil, badPart(PartKey, "a block of PEM in it is neither a private key nor a certificate")
	}
	var key any
	err := errors.New("no form that is known")
	for _, read := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(raw []byte) (any, error) { return x509.ParseECPrivateKey(raw) },
		func(raw []byte) (any, error) { return x509.ParsePKCS1PrivateKey(raw) },
	} {
		if key, err = read(block.Bytes); err == nil {
			break
		}
	}
	signer, signs := key.(crypto.Signer)
	if err != nil || !signs {
		return nil, badPart(PartKey, "the private key cannot be read: an RSA, ECDSA or Ed25519 key in PKCS #8, PKCS #1 or SEC 1 is wanted")
	}
	if k, is := key.(*rsa.PrivateKey); is && k.N.BitLen() > maxRSABits {
		return nil, badPart(PartKey, "an RSA key has at most %d bits, this one has %d", maxRSABits, k.N.BitLen())
	}
	return signer, nil
}

// maxRSABits is what TLS itself bounds the keys of others by. To sign with a longer one
// takes seconds, for each connection.
const maxRSABits = 8192

type comparedKey interface {
	Equal(other crypto.PublicKey) bool
}

// fits tells whether the key is that of the first certificate.
func (id Identity) fits() error {
	for n, c := range id.Chain {
		public, known := c.PublicKey.(comparedKey)
		if !known || !public.Equal(id.Key.Public()) {
			continue
		}
		if n > 0 {
			return badPart(PartCertificate, "the private key is that of certificate %d in it: put that one first", n+1)
		}
		return nil
	}
	return badPart(PartKey, "the private key is not that of the certificate: name the key that the certificate was made for")
}

// SoonEnds is how long before its end a certificate is said to end soon: at most, and no
// more than a third of its life.
const SoonEnds = 30 * 24 * time.Hour

// Ends words what is wrong with when a certificate begins and ends, at a moment; empty
// when nothing is. over tells that it can no longer, or not yet, be used.
func Ends(c *x509.Certificate, now time.Time) (says string, over bool) {
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }
	switch left := c.NotAfter.Sub(now); {
	case left <= 0:
		return "the certificate is over since " + at(c.NotAfter) + ": have it renewed", true
	case now.Before(c.NotBefore):
		return "the certificate begins at " + at(c.NotBefore), true
	case left < min(SoonEnds, c.NotAfter.Sub(c.NotBefore)/3):
		return "the certificate ends at " + at(c.NotAfter) + ": have it renewed before", false
	}
	return "", false
}

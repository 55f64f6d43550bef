package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strconv"

	"github.com/go-jose/go-jose/v4"

	"github.com/callout-hq/callout/pkg/action"
)

// The bounds of a public key of a target.
const (
	MaxPEM     = 8 << 10 // bytes of its text
	minRSABits = 2048
	maxRSABits = 8192
)

// Recipient is the public key of a target, which what it is sent is encrypted with. It
// is safe for concurrent use; make it by ParsePublicKey, once for each key.
type Recipient struct {
	Kind        string // such as RSA 2048 or ECDSA P-256, for people
	Fingerprint string // SHA256: and the hash of the PKIX form in unpadded base64
	public      crypto.PublicKey
}

// ParsePublicKey reads the public key of a target: one block PUBLIC KEY (PKIX, RFC 5280)
// in PEM, with an RSA key of 2048 to 8192 bits or an ECDSA key on P-256, P-384 or
// P-521. The error is bad_field and says what is wrong.
func ParsePublicKey(text string) (*Recipient, error) {
	if len(text) > MaxPEM {
		return nil, badPEM("a public key in PEM has at most 8 KiB")
	}
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, badPEM("a public key is PEM: it begins with -----BEGIN PUBLIC KEY-----")
	case len(block.Headers) > 0:
		return nil, badPEM("a public key in PEM has no headers")
	case block.Type != "PUBLIC KEY":
		help := "give the public key alone: openssl pkey -in KEY -pubout writes it"
		if block.Type == "RSA PUBLIC KEY" {
			help = "openssl rsa -RSAPublicKey_in -in KEY -pubout writes it as PUBLIC KEY"
		}
		return nil, badPEM("it is a block " + block.Type + ", and PUBLIC KEY is expected: " + help)
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, badPEM("there is more than one key: give each by itself")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, badPEM("it is no public key in the form PKIX")
	}
	kind, err := kindOf(public)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(block.Bytes)
	r := &Recipient{kind, "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:]), public}
	e, err := r.Encrypter("tried")
	if err == nil {
		_, err = e.JWE("tried")
	}
	if err != nil { // such as an exponent that nobody uses
		return nil, badPEM("nothing can be encrypted with this key: make another one, such as openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048")
	}
	return r, nil
}

// kindOf tells what a key is, and refuses those that nothing is encrypted with.
func kindOf(public crypto.PublicKey) (string, error) {
	switch k := public.(type) {
	case *rsa.PublicKey:
		switch bits := k.N.BitLen(); {
		case bits < minRSABits || bits > maxRSABits:
			return "", badPEM("an RSA key has 2048 to 8192 bits")
		default:
			return "RSA " + strconv.Itoa(bits), nil
		}
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return "ECDSA " + k.Params().Name, nil
		}
		return "", badPEM("an ECDSA key lies on P-256, P-384 or P-521")
	case *ecdh.PublicKey:
		return "", badPEM("an X25519 key is not taken: give an RSA key, or an ECDSA key on P-256, P-384 or P-521")
	}
	return "", badPEM("such a key signs and does not encrypt: give an RSA key of 2048 to 8192 bits, or an ECDSA key on P-256, P-384 or P-521")
}

func badPEM(message string) error {
	return action.NewError(action.CodeBadField, action.StageCatalog, message).WithField("public_key")
}

// Encrypter encrypts for a target under the id of its key.
type Encrypter struct{ of jose.Encrypter }

// Encrypter makes the Encrypter of a key. It is safe for concurrent use.
func (r *Recipient) Encrypter(id string) (*Encrypter, error) {
	algorithm := jose.RSA_OAEP_256
	if _, curve := r.public.(*ecdsa.PublicKey); curve {
		algorithm = jose.ECDH_ES_A256KW
	}
	options := (&jose.EncrypterOptions{}).WithType("JWT").WithContentType("JWT")
	of, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: algorithm, Key: r.public, KeyID: id}, options)
	if err != nil {
		return nil, err
	}
	return &Encrypter{of}, nil
}

// JWE encrypts a JWT: a compact JWE (RFC 7516) with A256GCM and the header
// {"alg":"RSA-OAEP-256","cty":"JWT","enc":"A256GCM","kid":…,"typ":"JWT"}, or for an ECDSA
// key ECDH-ES+A256KW, with epk behind enc. Nothing is compressed.
func (e *Encrypter) JWE(jwt string) (string, error) {
	sealed, err := e.of.Encrypt([]byte(jwt))
	if err != nil {
		return "", err
	}
	return sealed.CompactSerialize()
}

package sign

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"

	"github.com/go-jose/go-jose/v4"

	"github.com/callout-hq/callout/pkg/action"
)

// rsaBits is the size of the RSA keys that are made.
const rsaBits = 2048

// Pair is a key of an instance: both halves as text. Nothing of it is a secret but
// Private.
type Pair struct {
	ID        string // RFC 7638: the thumbprint of the public half by SHA-256, base64url
	Algorithm action.Algorithm
	Public    string // PKIX, DER, padded standard base64
	Private   string // PKCS #8, DER, padded standard base64
}

// NewPair makes a key. It takes up to a second for RSA. The error is bad_field for an
// algorithm that there is not.
func NewPair(a action.Algorithm) (Pair, error) {
	var private crypto.Signer
	var err error
	switch a {
	case action.Ed25519:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case action.RS256:
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		return Pair{}, action.NewError(action.CodeBadField, action.StageCatalog, "a key of an instance is ed25519 or rs256").WithField("algorithm")
	}
	if err != nil {
		return Pair{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return Pair{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Pair{}, err
	}
	id, err := thumbprint(private.Public())
	text := base64.StdEncoding.EncodeToString
	return Pair{ID: id, Algorithm: a, Public: text(public), Private: text(secret)}, err
}

func thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(sum), err
}

var errPair = errors.New("the key of the instance is no such key")

// CheckPublic tells whether a public half is one of that id and algorithm.
func CheckPublic(id string, a action.Algorithm, public string) error {
	key, err := readPublic(a, public)
	if err != nil {
		return err
	}
	if own, err := thumbprint(key); err != nil || own != id {
		return errPair
	}
	return nil
}

func readPublic(a action.Algorithm, text string) (crypto.PublicKey, error) {
	der, err := decode(text)
	if err != nil {
		return nil, errPair
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errPair
	}
	return key, fits(a, key)
}

// fits tells whether a public key is one of an algorithm.
func fits(a action.Algorithm, public crypto.PublicKey) error {
	switch k := public.(type) {
	case ed25519.PublicKey:
		if a == action.Ed25519 {
			return nil
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); a == action.RS256 && bits >= rsaBits && bits <= maxRSABits {
			return nil
		}
	}
	return errPair
}

// OwnKey signs with a key of an instance. It is safe for concurrent use; make it by
// OpenPair, once for each key: reading the key costs more than signing with it.
type OwnKey struct {
	ID        string
	Algorithm action.Algorithm
	signer    jose.Signer
	private   ed25519.PrivateKey // of Ed25519
}

// OpenPair reads a private half. The error shows nothing of it, and tells of one that is
// not of that id and algorithm too.
func OpenPair(id string, a action.Algorithm, private string) (*OwnKey, error) {
	der, err := decode(private)
	if err != nil {
		return nil, errPair
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errPair
	}
	key, ok := parsed.(crypto.Signer)
	if !ok || fits(a, key.Public()) != nil {
		return nil, errPair
	}
	if own, err := thumbprint(key.Public()); err != nil || own != id {
		return nil, errPair
	}
	k := &OwnKey{ID: id, Algorithm: a}
	k.private, _ = parsed.(ed25519.PrivateKey)
	options := (&jose.SignerOptions{}).WithType("JWT")
	k.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: joseNames[a], Key: jose.JSONWebKey{Key: parsed, KeyID: id}}, options)
	return k, err
}

// joseNames are the algorithms as JOSE names them.
var joseNames = map[action.Algorithm]jose.SignatureAlgorithm{action.Ed25519: jose.EdDSA, action.RS256: jose.RS256}

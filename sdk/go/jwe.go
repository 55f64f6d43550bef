package callout

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
)

const (
	byRSA  = "RSA-OAEP-256"
	byECDH = "ECDH-ES+A256KW"
)

// openJWE opens a JWE with the private key of its kid and gives the JWT in it, which still has to be
// checked: what is encrypted may be by anybody.
func openJWE(text string, own map[string]crypto.PrivateKey) (jwt string, err error) {
	raw, header, ok := compact(text, 5, "alg", "cty", "enc", "epk", "kid", "typ")
	if !ok || header["typ"] != "JWT" || header["cty"] != "JWT" || header["enc"] != "A256GCM" {
		return "", refuse("the body is no compact JWE of a JWT by A256GCM, whose header says nothing else")
	}
	key, known := own[header["kid"]]
	if !known {
		return "", refuse("there is no private key for the kid of the JWE")
	}
	content, err := unwrap(header, raw[1], key)
	if err != nil || len(content) != 32 || len(raw[2]) != 12 || len(raw[4]) != 16 {
		return "", refuse("the private key of its kid does not open the JWE")
	}
	block, err := aes.NewCipher(content)
	if err != nil {
		return "", err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return "", err
	}
	head := text[:strings.IndexByte(text, '.')]
	plain, err := gcm.Open(nil, raw[2], append(raw[3], raw[4]...), []byte(head))
	if err != nil {
		return "", refuse("the private key of its kid does not open the JWE")
	}
	return string(plain), nil
}

// unwrap gives the key that the content is encrypted with.
func unwrap(header map[string]string, wrapped []byte, key crypto.PrivateKey) ([]byte, error) {
	_, epk := header["epk"]
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if header["alg"] == byRSA && !epk {
			return rsa.DecryptOAEP(sha256.New(), nil, k, wrapped, nil)
		}
	case *ecdsa.PrivateKey:
		if header["alg"] == byECDH && epk {
			return unwrapECDH(header["epk"], wrapped, k)
		}
	}
	return nil, errors.New("the key is of another kind")
}

func unwrapECDH(epk string, wrapped []byte, key *ecdsa.PrivateKey) ([]byte, error) {
	private, err := key.ECDH()
	if err != nil {
		return nil, err
	}
	var k struct{ Kty, Crv, X, Y string }
	if err := json.Unmarshal([]byte(epk), &k); err != nil || k.Kty != "EC" || k.Crv != key.Curve.Params().Name {
		return nil, errors.New("epk is of another kind")
	}
	public, err := point(private.Curve(), (key.Curve.Params().BitSize+7)/8, k.X, k.Y)
	if err != nil {
		return nil, err
	}
	shared, err := private.ECDH(public)
	if err != nil {
		return nil, err
	}
	return unwrapAES(agreed(shared), wrapped)
}

// point reads a public key; one that is not on the curve is refused.
func point(curve ecdh.Curve, size int, x, y string) (*ecdh.PublicKey, error) {
	a, err := decodeURL(x)
	b, wrong := decodeURL(y)
	if err != nil || wrong != nil || len(a) != size || len(b) != size {
		return nil, errors.New("epk is no point")
	}
	return curve.NewPublicKey(append(append([]byte{4}, a...), b...))
}

// agreed is the Concat KDF of RFC 7518, 4.6.2, for a key of 256 bits: one round of SHA-256.
func agreed(shared []byte) []byte {
	h := sha256.New()
	h.Write([]byte{0, 0, 0, 1})
	h.Write(shared)
	h.Write(append([]byte{0, 0, 0, byte(len(byECDH))}, byECDH...))
	h.Write(make([]byte, 8)) // apu and apv are empty
	h.Write([]byte{0, 0, 1, 0})
	return h.Sum(nil)
}

// unwrapAES is RFC 3394, 2.2.2.
func unwrapAES(key, wrapped []byte) ([]byte, error) {
	n := len(wrapped)/8 - 1
	if len(wrapped)%8 != 0 || n < 2 || n > 8 {
		return nil, errors.New("it is no wrapped key")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	var a [8]byte
	copy(a[:], wrapped)
	out := append([]byte{}, wrapped[8:]...)
	buffer := make([]byte, 16)
	for j := 5; j >= 0; j-- {
		for i := n; i >= 1; i-- {
			binary.BigEndian.PutUint64(buffer, binary.BigEndian.Uint64(a[:])^uint64(n*j+i))
			copy(buffer[8:], out[(i-1)*8:])
			block.Decrypt(buffer, buffer)
			copy(a[:], buffer)
			copy(out[(i-1)*8:i*8], buffer[8:])
		}
	}
	if subtle.ConstantTimeCompare(a[:], []byte{0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6}) == 0 {
		return nil, errors.New("the key does not open it")
	}
	return out, nil
}

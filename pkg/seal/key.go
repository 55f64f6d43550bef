package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Version is that of the forms in which keys and what is sealed are written. It names
// the algorithms too: others are another version, and none is negotiated.
const Version = 1

// MaxFile bounds the file of a key, in bytes.
const MaxFile = 4 << 10

// How a key is written: callout-key:1:private:<id>:<base64url>, in a file with lines
// that begin with # around it.
const (
	keyPrefix   = "callout-key"
	kindPrivate = "private"
	kindPublic  = "public"
)

// PublicKey seals. Dispatchers have one.
type PublicKey struct {
	id  string
	key hpke.PublicKey
}

// PrivateKey opens what was sealed for its public half. Workers have one, or several
// while one takes the place of another: see Ring.
type PrivateKey struct {
	public PublicKey
	key    hpke.PrivateKey
}

// X25519 keeps what is sealed short: the store has one for each key of each target,
// and each is followed by every worker. What is sealed is worth as much as the time
// until it is rotated, which is why a hybrid with ML-KEM, ten times as long, is left to
// a later version of the form.
func kem() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// NewKey makes a key.
func NewKey() (PrivateKey, error) {
	key, err := kem().GenerateKey()
	if err != nil {
		return PrivateKey{}, err
	}
	return PrivateKey{publicKey(key.PublicKey()), key}, nil
}

func publicKey(key hpke.PublicKey) PublicKey { return PublicKey{idOf(key), key} }

// idOf is the id of a key: 16 hex digits of the SHA-256 of its public half, so that a
// file that was broken or mixed up is told by it.
func idOf(key hpke.PublicKey) string {
	sum := sha256.Sum256(key.Bytes())
	return hex.EncodeToString(sum[:8])
}

// ID tells a key from others. It is no secret.
func (k PublicKey) ID() string { return k.id }

// ID tells a key from others: both halves have the same.
func (k PrivateKey) ID() string { return k.public.id }

// Public is the half that seals.
func (k PrivateKey) Public() PublicKey { return k.public }

// Text is what ReadPrivate reads. Who has it can open everything that is sealed for
// the key.
func (k PrivateKey) Text() (string, error) {
	raw, err := k.key.Bytes()
	if err != nil {
		return "", err
	}
	return write(kindPrivate, k.ID(), raw), nil
}

// Text is what ReadPublic reads.
func (k PublicKey) Text() string { return write(kindPublic, k.id, k.key.Bytes()) }

func write(kind, id string, raw []byte) string {
	return strings.Join([]string{keyPrefix, strconv.Itoa(Version), kind, id, base64.RawURLEncoding.EncodeToString(raw)}, ":")
}

// ReadPrivate reads the file of a private key.
func ReadPrivate(text string) (PrivateKey, error) {
	id, raw, err := read(text, kindPrivate)
	if err != nil {
		return PrivateKey{}, err
	}
	key, err := kem().NewPrivateKey(raw)
	if err != nil {
		return PrivateKey{}, errBroken
	}
	k := PrivateKey{publicKey(key.PublicKey()), key}
	if k.ID() != id {
		return PrivateKey{}, errBroken
	}
	return k, nil
}

// ReadPublic reads the file of a public key.
func ReadPublic(text string) (PublicKey, error) {
	id, raw, err := read(text, kindPublic)
	if err != nil {
		return PublicKey{}, err
	}
	key, err := kem().NewPublicKey(raw)
	if err != nil {
		return PublicKey{}, errBroken
	}
	k := publicKey(key)
	if k.id != id {
		return PublicKey{}, errBroken
	}
	return k, nil
}

var errBroken = errors.New(`the key is broken: its id is not that of the rest; take the file as "callout auth init" wrote it`)

// read finds the one key in a text and takes it apart.
func read(text, kind string) (id string, raw []byte, err error) {
	var key string
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case key != "":
			return "", nil, errors.New("there is more than one key: give each in a file of its own")
		default:
			key = line
		}
	}
	parts := strings.Split(key, ":")
	if len(parts) != 5 || parts[0] != keyPrefix {
		return "", nil, fmt.Errorf(`this is no %s key that seals secrets: "callout auth init" makes one`, kind)
	}
	if parts[1] != strconv.Itoa(Version) {
		return "", nil, fmt.Errorf("the key is of a form that this version does not know: it knows %d", Version)
	}
	if parts[2] != kind {
		return "", nil, fmt.Errorf("the key is the other half: a %s one is needed, secrets.key is private and secrets.pub is public", kind)
	}
	raw, err = base64.RawURLEncoding.Strict().DecodeString(parts[4])
	if err != nil {
		return "", nil, errBroken
	}
	return parts[3], raw, nil
}

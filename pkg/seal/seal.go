package seal

import (
	"crypto/hpke"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Prefix begins every text that is sealed: sealed:1:<key id>:<base64url>.
const Prefix = "sealed:"

// Record is what a secret belongs to. What is sealed for one opens for no other: it
// is bound to what it is for, to the instance, and to the organization whose it is, ""
// for the instance's own. The name of a target is not in it, nor its id: a signing key
// goes along with its target to another name, moved by who cannot open it.
type Record struct {
	Purpose  string
	Instance string
	Owner    string
	// Name is of a secret that never has another; "" = it has none of its own.
	Name string
}

// info is what HPKE binds a text to. Each part has its length before it, so that no
// two records have the same.
func (r Record) info(key string) []byte {
	info := []byte("callout seal " + strconv.Itoa(Version))
	parts := []string{key, r.Purpose, r.Instance, r.Owner, r.Name}
	if r.Name == "" {
		parts = parts[:4] // as before there were names
	}
	for _, part := range parts {
		info = fmt.Appendf(info, " %d:%s", len(part), part)
	}
	return info
}

// Seal closes a secret for a record. Each time makes another text of it.
func (k PublicKey) Seal(secret string, of Record) (string, error) {
	raw, err := hpke.Seal(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), of.info(k.id), []byte(secret))
	if err != nil {
		return "", err
	}
	return Prefix + strconv.Itoa(Version) + ":" + k.id + ":" + base64.RawURLEncoding.EncodeToString(raw), nil
}

// IsSealed tells whether a text says of itself that it is sealed.
func IsSealed(text string) bool { return strings.HasPrefix(text, Prefix) }

// KeyID reads for which key a text is sealed, without opening it. The error tells that
// it has not the form of one that this version could open.
func KeyID(text string) (string, error) {
	id, _, err := split(text)
	return id, err
}

func split(text string) (id string, raw []byte, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 4 || parts[0]+":" != Prefix {
		return "", nil, errors.New("a text that is sealed has four parts, the first of them sealed")
	}
	if parts[1] != strconv.Itoa(Version) {
		return "", nil, fmt.Errorf("the secret is sealed in a form that this version does not know: it knows %d", Version)
	}
	if len(parts[2]) != idLength || strings.Trim(parts[2], "0123456789abcdef") != "" {
		return "", nil, errors.New("a text that is sealed names the key for which it is")
	}
	raw, err = base64.RawURLEncoding.Strict().DecodeString(parts[3])
	if err != nil || len(raw) == 0 {
		return "", nil, errors.New("a text that is sealed ends in base64url")
	}
	return parts[2], raw, nil
}

// idLength is that of a key's id, in characters.
const idLength = 16

// Ring are the private keys of a process, the newest first: what it seals itself is
// for that one, and any of them opens. The empty ring opens nothing.
type Ring []PrivateKey

// Has tells whether the ring has the key of an id.
func (r Ring) Has(id string) bool {
	for _, k := range r {
		if k.ID() == id {
			return true
		}
	}
	return false
}

// UnknownKey is the error of a text that is sealed for a key which is not in the ring.
type UnknownKey struct{ ID string }

func (e *UnknownKey) Error() string {
	return "it is sealed for the key " + e.ID + ", which is not here"
}

// ErrNotOpened is the error of a text that the key it names does not open: it was
// changed, or sealed for another record.
var ErrNotOpened = errors.New("what is sealed was changed, or belongs to something else")

// Open gives the secret of a text that is sealed for a record. The error is an
// *UnknownKey or ErrNotOpened, or tells that the text is none.
func (r Ring) Open(text string, of Record) (string, error) {
	id, raw, err := split(text)
	if err != nil {
		return "", err
	}
	for _, k := range r {
		if k.ID() != id {
			continue
		}
		secret, err := hpke.Open(k.key, hpke.HKDFSHA256(), hpke.AES256GCM(), of.info(id), raw)
		if err != nil {
			return "", ErrNotOpened
		}
		return string(secret), nil
	}
	return "", &UnknownKey{id}
}

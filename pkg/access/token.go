package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
)

// A token is written callout_<id>_<secret>: an id by which it is listed and found,
// and a secret of 32 random bytes of which only the SHA-256 is kept. A secret of that
// length needs no slow hash: there is nothing to guess.
const (
	tokenPrefix  = "callout_"
	idLength     = 13 // characters: 8 random bytes
	secretLength = 52 // characters: 32 random bytes
	tokenLength  = len(tokenPrefix) + idLength + 1 + secretLength
)

// Bounds of what is kept of a token.
const (
	MaxTokens    = 10000                     // of an installation
	MaxTokenLife = 10 * 365 * 24 * time.Hour // until it expires
)

var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Token is what is kept of a token: everything but what it is written like.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Scope   Scope     `json:"scope"`
	Verbs   []Verb    `json:"verbs"`
	Hash    string    `json:"hash"` // SHA-256 of its secret, in hex
	Made    time.Time `json:"made"`
	By      string    `json:"by,omitempty"`     // the id of whose token it was made with
	Expires time.Time `json:"expires,omitzero"` // zero = never
	Format  int       `json:"format,omitempty"` // of what is stored
}

// NewToken makes a token. The text is shown once, to whoever asked for it, and kept
// by nobody.
func NewToken(name string, scope Scope, verbs []Verb) (t Token, text string) {
	random := make([]byte, 8+32)
	_, _ = rand.Read(random) // it never fails, see crypto/rand
	id, secret := letters.EncodeToString(random[:8]), letters.EncodeToString(random[8:])
	sum := sha256.Sum256([]byte(secret))
	return Token{ID: id, Name: name, Scope: scope, Verbs: ordered(verbs), Hash: hex.EncodeToString(sum[:])}, tokenPrefix + id + "_" + secret
}

// OfText gives what is to be kept of a token whose text is known, as of one that lies
// in a file.
func OfText(text, name string, scope Scope, verbs []Verb) (Token, error) {
	id, secret, ok := split(text)
	if !ok {
		return Token{}, fmt.Errorf("this is no token: one is written %s, an id and a secret; \"callout auth init\" makes one", tokenPrefix)
	}
	sum := sha256.Sum256([]byte(secret))
	return Token{ID: id, Name: name, Scope: scope, Verbs: ordered(verbs), Hash: hex.EncodeToString(sum[:])}, nil
}

// split takes the text of a token apart.
func split(text string) (id, secret string, ok bool) {
	if len(text) != tokenLength || !strings.HasPrefix(text, tokenPrefix) || text[len(tokenPrefix)+idLength] != '_' {
		return "", "", false
	}
	id, secret = text[len(tokenPrefix):len(tokenPrefix)+idLength], text[tokenLength-secretLength:]
	return id, secret, isLetters(id) && isLetters(secret)
}

func isLetters(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// IsTokenID tells whether a text could be the id of a token.
func IsTokenID(text string) bool { return len(text) == idLength && isLetters(text) }

// Check is why a token that was stored cannot be used; nil = it can.
func (t Token) Check() error {
	sum, err := hex.DecodeString(t.Hash)
	switch {
	case !IsTokenID(t.ID):
		return errors.New("its id is none")
	case err != nil || len(sum) != sha256.Size:
		return errors.New("its hash is none")
	case len(t.Verbs) == 0:
		return errors.New("it may do nothing")
	}
	for _, id := range []string{t.Scope.Instance, t.Scope.Org} {
		if err := action.CheckID(id); err != nil {
			return err
		}
	}
	if t.Scope.Org != "" && t.Scope.Instance == "" {
		return errors.New("it names an organization and no instance")
	}
	for _, v := range t.Verbs {
		if len(ordered([]Verb{v})) == 0 {
			return fmt.Errorf("%q is no verb", v)
		}
	}
	return action.CheckFormat(t.Format)
}

// Principal is who asks with the token.
func (t Token) Principal() Principal {
	return Principal{ID: t.ID, Name: t.Name, Scope: t.Scope, Verbs: t.Verbs}
}

// HasExpired tells whether its time is over.
func (t Token) HasExpired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// has tells whether a secret is the token's, in the same time whatever it is.
func (t Token) has(secret string) bool {
	var sum [2 * sha256.Size]byte
	raw := sha256.Sum256([]byte(secret))
	hex.Encode(sum[:], raw[:])
	return subtle.ConstantTimeCompare(sum[:], []byte(t.Hash)) == 1
}

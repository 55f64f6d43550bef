package conformance

import (
	"encoding/json"
	"fmt"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"

	vectors "github.com/callout-hq/callout/schemas/conformance"
)

// Keys are those of the vectors. They are published, so they keep nothing secret.
type Keys struct {
	Now             int64             `json:"now"` // of the vectors of a verifier, Unix seconds
	First           string            `json:"first"`
	Second          string            `json:"second"`
	Stranger        string            `json:"stranger"`
	Bare            string            `json:"bare"`
	Text            string            `json:"text"`
	Private         string            `json:"private"`
	PrivateLong     string            `json:"private_long"`
	Public          string            `json:"public"`
	StrangerPrivate string            `json:"stranger_private"`
	Ed25519         Pair              `json:"instance_ed25519"`
	RS256           Pair              `json:"instance_rs256"`
	Next            Pair              `json:"instance_next"` // ed25519, published later
	SmallRSA        string            `json:"small_rsa"`     // PEM, 1024 bits
	Target          map[string]string `json:"target"`        // PEM of private keys that a JWE is for, by kid
	StrangerTarget  string            `json:"stranger_target"`
}

// Pair is a key of an instance, as sign.Pair.
type Pair struct {
	ID        string           `json:"kid"`
	Algorithm action.Algorithm `json:"algorithm"`
	Public    string           `json:"public"`
	Private   string           `json:"private"`
}

func (p Pair) published() sign.PublicKey {
	return sign.PublicKey{ID: p.ID, Algorithm: p.Algorithm, Text: p.Public}
}

// JWKS is the set of keys that these pairs are published in.
func JWKS(pairs ...Pair) (json.RawMessage, error) {
	var keys []sign.PublicKey
	for _, p := range pairs {
		keys = append(keys, p.published())
	}
	return sign.WriteJWKS(keys)
}

// ReadKeys gives the keys of the vectors.
func ReadKeys() (Keys, error) {
	var k Keys
	raw, err := vectors.Files.ReadFile("keys.json")
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	if err != nil {
		return k, fmt.Errorf("the keys of the vectors: %w", err)
	}
	return k, nil
}

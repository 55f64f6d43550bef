package bus

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// SigningKey is a key that the requests to a target are signed with.
type SigningKey struct {
	Key   string    `json:"key"`            // itself, or sealed
	Form  sign.Form `json:"form,omitempty"` // of one that is sealed
	Until time.Time `json:"until,omitzero"` // it signs until then; zero = as long as the target has it
	// ID tells it from others, and says nothing of it: a hash would be one that weak keys
	// can be tried against. Of one that is stored as its text alone it is made from where
	// that lies, as is Since.
	ID    string    `json:"id,omitempty"`
	Since time.Time `json:"since,omitzero"` // it was made then; zero = nobody knows
}

// SigningKeys are those of a target, the newest first: that one alone has no end.
type SigningKeys []SigningKey

// ReadSigningKeys reads the keys in the text that is stored of a target, see
// ReadTargetSecrets.
func ReadSigningKeys(text string) (SigningKeys, error) {
	s, err := ReadTargetSecrets(text)
	return s.Keys, err
}

func (s SigningKeys) check() error {
	if len(s) == 0 || len(s) > action.MaxSigningKeys {
		return errors.New("there are no signing keys, or more than there may be")
	}
	for n, k := range s {
		if k.check() != nil || k.Until.IsZero() != (n == 0) {
			return errors.New("the signing key cannot sign")
		}
	}
	return nil
}

// Text is what is stored of a target that has these keys, and no other secret.
func (s SigningKeys) Text() (string, error) { return TargetSecrets{Keys: s}.Text() }

// At are the keys that sign at a moment, and until when they are these: zero = for
// good.
func (s SigningKeys) At(now time.Time) (sign SigningKeys, until time.Time) {
	for _, k := range s {
		if !k.Until.IsZero() && !now.Before(k.Until) {
			continue
		}
		sign = append(sign, k)
		if !k.Until.IsZero() && (until.IsZero() || k.Until.Before(until)) {
			until = k.Until
		}
	}
	return sign, until
}

// Rotated puts a new key before the others. Those that still sign go on for as
// long as they would, the newest of them for grace; with a grace of 0 the new one
// is alone. The error is conflict when there would be too many.
func (s SigningKeys) Rotated(key string, grace time.Duration, now time.Time) (SigningKeys, error) {
	next := SigningKeys{{Key: key, ID: newKeyID(), Since: now.UTC().Truncate(time.Millisecond)}}
	if grace > 0 {
		signing, _ := s.At(now)
		for _, k := range signing {
			if k.Until.IsZero() {
				k.Until = now.Add(grace).UTC().Truncate(time.Millisecond)
			}
			next = append(next, k)
		}
	}
	if len(next) > action.MaxSigningKeys {
		return nil, action.NewError(action.CodeConflict, action.StageStore, "as many keys sign for the target as may at once: wait until the grace time of one is over, or rotate without a grace time")
	}
	return next, nil
}

// Revoked are the keys without one of those that another has taken the place of. The
// error is not_found, or bad_field for the newest.
func (s SigningKeys) Revoked(id string) (SigningKeys, error) {
	switch n := slices.IndexFunc(s, func(k SigningKey) bool { return k.ID == id }); n {
	case -1:
		return nil, action.NewError(action.CodeNotFound, action.StageStore, "no signing key of the target has this fingerprint: list them again, one that was stored anew has another").WithField("fingerprint")
	case 0:
		return nil, action.NewError(action.CodeBadField, action.StageStore, "this is the newest key of the target, without which nothing could be signed: rotate it with a grace of 0s, and it signs no more").WithField("fingerprint")
	default:
		return slices.Delete(slices.Clone(s), n, n+1), nil
	}
}

// newKeyID makes the id of a key: 16 hex digits.
func newKeyID() string {
	id := make([]byte, 8)
	rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// identified gives the keys ids that have none, by where they are stored.
func (s SigningKeys) identified(v Value) SigningKeys {
	for n := range s {
		if s[n].ID != "" {
			continue
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", v.Key, v.Revision, n))
		s[n].ID = hex.EncodeToString(sum[:8])
		if n == 0 {
			s[n].Since = v.At.UTC().Truncate(time.Millisecond)
		}
	}
	return s
}

package bus

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
)

// SigningKey is a key that the requests to a target are signed with.
type SigningKey struct {
	Key   string    `json:"key"`            // itself, or sealed
	Form  sign.Form `json:"form,omitempty"` // of one that is sealed
	Until time.Time `json:"until,omitzero"` // it signs until then; zero = as long as the target has it
}

// SigningKeys are those of a target, the newest first: that one alone has no end.
// What is stored of a target without others is the text of its key, where that is not
// sealed.
type SigningKeys []SigningKey

// storedKeys is the form of several.
type storedKeys struct {
	Keys   SigningKeys `json:"keys"`
	Format int         `json:"format,omitempty"`
}

// sealedFormat is the format of keys of which one is sealed: what knows no other than
// the one before would sign with the sealed text.
const sealedFormat = action.Format + 1

// ReadSigningKeys reads the text that is stored of a target. What is sealed in it
// stays so. The error names no part of a key.
func ReadSigningKeys(text string) (SigningKeys, error) {
	keys := SigningKeys{{Key: text}}
	if strings.HasPrefix(text, "{") { // as no key begins
		var s storedKeys
		if err := Decode([]byte(text), &s); err != nil {
			return nil, errors.New("the signing keys cannot be read")
		}
		if s.Format != sealedFormat {
			if err := action.CheckFormat(s.Format); err != nil {
				return nil, err
			}
		}
		keys = s.Keys
	}
	if len(keys) == 0 || len(keys) > action.MaxSigningKeys {
		return nil, errors.New("there are no signing keys, or more than there may be")
	}
	for n, k := range keys {
		if k.check() != nil || k.Until.IsZero() != (n == 0) {
			return nil, errors.New("the signing key cannot sign")
		}
	}
	return keys, nil
}

// Text is what is stored of the keys.
func (s SigningKeys) Text() (string, error) {
	format := action.Format
	if s.sealed() > 0 {
		format = sealedFormat
	} else if len(s) == 1 {
		return s[0].Key, nil
	}
	raw, err := json.Marshal(storedKeys{Keys: s, Format: format})
	if err != nil {
		return "", action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	return string(raw), nil
}

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
	next := SigningKeys{{Key: key}}
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

package bus

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// PublicKey is a public key of a target, which what it is sent is encrypted with.
type PublicKey struct {
	ID          string    `json:"id"` // the kid of what is encrypted with it
	Active      bool      `json:"active,omitempty"`
	PEM         string    `json:"pem"`
	Kind        string    `json:"kind"` // for people
	Fingerprint string    `json:"fingerprint"`
	Expires     time.Time `json:"expires,omitzero"` // zero = never
	Made        time.Time `json:"made"`
	Changed     time.Time `json:"changed"`
}

// NewPublicKey is a public key that a target is to have.
type NewPublicKey struct {
	PEM      string
	Expires  time.Time // zero = never
	Activate bool      // it takes the place of the active one
}

// PublicKeys are those of a target, the oldest first. At most one is active.
type PublicKeys []PublicKey

// IsOver tells whether the key has expired at a moment.
func (k PublicKey) IsOver(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// InUse is the key that what the target is sent is encrypted with at a moment. The error is
// no_public_key, and says what to do.
func (s PublicKeys) InUse(now time.Time) (PublicKey, error) {
	for _, k := range s {
		switch {
		case !k.Active:
		case k.IsOver(now):
			return PublicKey{}, noPublicKey("the public key " + k.ID + " of the target has expired: add another one and activate it")
		default:
			return k, nil
		}
	}
	if len(s) > 0 {
		return PublicKey{}, noPublicKey("none of the target's public keys is active: activate one")
	}
	return PublicKey{}, noPublicKey("the target has no public key: add one and activate it")
}

func noPublicKey(message string) error {
	return action.NewError(action.CodeNoPublicKey, action.StageInvoke, message)
}

// Find is where a key of an id stands; the error is not_found.
func (s PublicKeys) Find(id string) (int, error) {
	if n := slices.IndexFunc(s, func(k PublicKey) bool { return k.ID == id }); n >= 0 {
		return n, nil
	}
	return 0, action.NewError(action.CodeNotFound, action.StageStore, "the target has no public key of that id").WithField("key_id")
}

type storedPublicKeys struct {
	Keys   PublicKeys `json:"keys"`
	Format int        `json:"format,omitempty"`
}

func (i Instance) publicKeysOf(target string) string {
	return i.Token + "." + tokenOfTargets + "." + wire.Token(target)
}

// PublicKeys reads the public keys of a target, by its id, for who puts others in their
// place by ReplacePublicKeys.
func (i Instance) PublicKeys(ctx context.Context, target string) (keys PublicKeys, revision uint64, err error) {
	k := i.Bucket(BucketKeys)
	v, ok, err := k.Get(ctx, i.publicKeysOf(target))
	if err != nil || !ok {
		return nil, 0, err
	}
	if keys, err = readPublicKeys(v.Bytes); !k.Judge(v, err) {
		return nil, v.Revision, nil // as if there were none: others may take their place
	}
	return keys, v.Revision, nil
}

// ReplacePublicKeys stores the public keys of a target in the place of those that had a
// revision, 0 = of none. The error is conflict when somebody else was first.
func (i Instance) ReplacePublicKeys(ctx context.Context, target string, keys PublicKeys, revision uint64) error {
	raw, err := json.Marshal(storedPublicKeys{keys, action.Format})
	if err != nil {
		return action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	_, err = i.Bucket(BucketKeys).Update(ctx, i.publicKeysOf(target), raw, revision)
	return err
}

// ForgetPublicKeys removes those of targets of which keep is false and that nobody has
// changed since a moment.
func (i Instance) ForgetPublicKeys(ctx context.Context, before time.Time, keep func(target string) bool) error {
	k := i.Bucket(BucketKeys)
	all, err := k.Keys(ctx, i.Token+"."+tokenOfTargets+".*")
	if err != nil {
		return err
	}
	for _, v := range all {
		e, err := readKeyEntry(Value{Key: v.Key})
		if err != nil || keep(e.Target) || v.At.After(before) {
			continue
		}
		if err := k.Purge(ctx, v.Key); err != nil {
			return err
		}
	}
	return nil
}

func readPublicKeys(raw []byte) (PublicKeys, error) {
	var s storedPublicKeys
	if err := Decode(raw, &s); err != nil {
		return nil, err
	}
	if err := action.CheckFormat(s.Format); err != nil {
		return nil, err
	}
	active := 0
	for _, k := range s.Keys {
		r, err := sign.ParsePublicKey(k.PEM)
		if err != nil || k.ID == "" || r.Fingerprint != k.Fingerprint {
			return nil, errors.New("a public key of the target cannot be used")
		}
		if k.Active {
			active++
		}
	}
	if len(s.Keys) > action.MaxPublicKeys || active > 1 {
		return nil, errors.New("there are more public keys than there may be, or several are active")
	}
	return s.Keys, nil
}

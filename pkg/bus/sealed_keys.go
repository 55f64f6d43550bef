package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

// keyRecord is what the signing keys of the targets of an organization are sealed for.
// The name of the target is no part of it: see seal.Record.
func keyRecord(instance, owner string) seal.Record {
	return seal.Record{Purpose: "signing key", Instance: instance, Owner: owner}
}

// IsSealed tells whether a key is sealed.
func (k SigningKey) IsSealed() bool { return seal.IsSealed(k.Key) }

// SealedFor is the id of the key that a key is sealed for; "" when it is not sealed.
func (k SigningKey) SealedFor() string {
	id, _ := seal.KeyID(k.Key)
	return id
}

func (k SigningKey) check() error {
	if !k.IsSealed() {
		return sign.CheckForm(k.Key)
	}
	if _, err := seal.KeyID(k.Key); err != nil {
		return err
	}
	if !k.Form.Known() {
		return errors.New("a key that is sealed tells its form")
	}
	return nil
}

// sealed counts the keys that are sealed.
func (s SigningKeys) sealed() (count int) {
	for _, k := range s {
		if k.IsSealed() {
			count++
		}
	}
	return count
}

// AreSealed tells whether all of the keys are sealed.
func (s SigningKeys) AreSealed() bool { return s.sealed() == len(s) }

// Seal seals those keys of an organization's target that are not sealed yet, and
// leaves the others as they are: nothing of them is opened.
func (s SigningKeys) Seal(to seal.PublicKey, instance, owner string) (SigningKeys, error) {
	next := make(SigningKeys, len(s))
	for n, k := range s {
		next[n] = k
		if k.IsSealed() {
			continue
		}
		text, err := to.Seal(k.Key, keyRecord(instance, owner))
		if err != nil {
			return nil, action.NewError(action.CodeInternal, action.StageStore, "the signing key could not be sealed").WithCause(err)
		}
		next[n].Key, next[n].Form = text, sign.FormOf(k.Key)
	}
	return next, nil
}

// Open gives a key of an organization's target itself. The error is internal: what is
// to be signed with the key waits, for no fault of its target.
func (k SigningKey) Open(ring seal.Ring, instance, owner string) (string, error) {
	if !k.IsSealed() {
		return k.Key, nil
	}
	text, err := ring.Open(k.Key, keyRecord(instance, owner))
	if err == nil {
		err = sign.CheckForm(text)
	}
	var unknown *seal.UnknownKey
	switch {
	case err == nil:
		return text, nil
	case errors.As(err, &unknown):
		return "", action.NewError(action.CodeInternal, action.StageInvoke,
			"the signing key of the target is sealed for key "+unknown.ID+", which this worker does not have: give --open-with")
	}
	return "", action.NewError(action.CodeInternal, action.StageInvoke,
		"the signing key of the target is sealed, and cannot be opened with key "+k.SealedFor()+": it was changed, or is of somewhere else; rotate it").WithCause(err)
}

// SealSecrets seals what is not sealed of the signing keys of the instance, those of
// targets that have left too, and tells how many keys that were. It is done again as
// often as wanted; what somebody writes meanwhile stays as he writes it.
func (i Instance) SealSecrets(ctx context.Context, to seal.PublicKey) (sealed int, err error) {
	return i.rewriteKeys(ctx, i.Token+".>", func(owner string, keys SigningKeys) (SigningKeys, int, error) {
		count := len(keys) - keys.sealed()
		if count == 0 {
			return keys, 0, nil
		}
		next, err := keys.Seal(to, i.ID, owner)
		return next, count, err
	})
}

// ResealSecrets seals the signing keys of the instance's targets for the newest key
// of a ring that are sealed for another one of it, and tells how many keys that were.
// Those that no key of the ring opens stay as they are, as do those of targets that
// have left: a worker may not write them.
func (i Instance) ResealSecrets(ctx context.Context, ring seal.Ring) (sealed int, err error) {
	if len(ring) < 2 {
		return 0, nil
	}
	return i.rewriteKeys(ctx, i.Token+".*.*", func(owner string, keys SigningKeys) (SigningKeys, int, error) {
		next, count := make(SigningKeys, len(keys)), 0
		for n, k := range keys {
			next[n] = k
			if id := k.SealedFor(); id == "" || id == ring[0].ID() || !ring.Has(id) {
				continue
			}
			text, err := k.Open(ring, i.ID, owner)
			if err != nil {
				continue // who is to sign with it says so
			}
			again, err := SigningKeys{{Key: text}}.Seal(ring[0].Public(), i.ID, owner)
			if err != nil {
				return nil, 0, err
			}
			next[n].Key, next[n].Form = again[0].Key, again[0].Form
			count++
		}
		return next, count, nil
	})
}

// rewriteKeys puts what next makes of them in the place of the keys of all entries that
// match, where that is of any, and tells how many keys that were.
func (i Instance) rewriteKeys(ctx context.Context, match string, next func(owner string, keys SigningKeys) (SigningKeys, int, error)) (all int, err error) {
	k := i.Bucket(BucketSecrets)
	type rewritten struct {
		at    Value
		bytes []byte
		count int
	}
	var todo []rewritten
	err = k.Each(ctx, match, func(v Value) error {
		owner, left, keys, err := keysIn(v)
		if err != nil {
			return nil // what cannot be read is named elsewhere
		}
		keys, count, err := next(owner, keys)
		if err != nil || count == 0 {
			return err
		}
		raw, err := entryOf(left, keys)
		todo = append(todo, rewritten{v, raw, count})
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, one := range todo {
		switch _, err := k.Update(ctx, one.at.Key, one.bytes, one.at.Revision); action.CodeOf(err) {
		case "":
			all += one.count
		case action.CodeConflict:
		default:
			return all, err
		}
	}
	return all, nil
}

// keysIn are the keys in an entry of the bucket, and whose target's they are. left is
// the entry of one that has left, and nil otherwise.
func keysIn(v Value) (owner string, left *Departed, keys SigningKeys, err error) {
	tokens := strings.Split(v.Key, ".")
	if len(tokens) > 3 {
		_, t, err := readDeparted(v)
		if err == nil {
			keys, err = ReadSigningKeys(t.Key)
		}
		return t.Owner, &t, keys, err
	}
	of, err := readTargetKey(tokens)
	if err == nil {
		keys, err = ReadSigningKeys(string(v.Bytes))
	}
	return of.Owner, nil, keys, err
}

// entryOf is the entry of keys that keysIn read.
func entryOf(left *Departed, keys SigningKeys) ([]byte, error) {
	text, err := keys.Text()
	if err != nil || left == nil {
		return []byte(text), err
	}
	left.Key = text
	return json.Marshal(left)
}

// HasOpenKeys tells of an entry of the bucket whether a key in it is not sealed.
func HasOpenKeys(v Value) bool {
	_, _, keys, err := keysIn(v)
	return err == nil && !keys.AreSealed()
}

// SealedKeys gives for which keys those in an entry of the bucket are sealed.
func SealedKeys(v Value) (ids []string) {
	if !bytes.Contains(v.Bytes, []byte(seal.Prefix)) { // as nearly all are where nothing is sealed
		return nil
	}
	_, _, keys, _ := keysIn(v)
	for _, k := range keys {
		if id := k.SealedFor(); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

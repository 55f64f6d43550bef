package bus

import (
	"errors"

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
	const what, help = "the signing key of the target", "rotate it"
	text, err := openSecret(ring, k.Key, keyRecord(instance, owner), what, help)
	if err == nil && sign.CheckForm(text) != nil {
		err = notOpened(k.Key, what, help, sign.CheckForm(text))
	}
	return text, err
}

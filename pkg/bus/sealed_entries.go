package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/sign"
)

// secretPiece is one secret in an entry of the bucket, itself or sealed.
type secretPiece struct {
	text string
	of   seal.Record
	put  func(sealed string)
}

// secretEntry is an entry of the bucket of secrets, taken apart.
type secretEntry struct {
	pieces []secretPiece
	bytes  func() ([]byte, error) // as it is stored, with what was put
}

// sealedFor is the id of the key that a piece is sealed for; "" when it is not sealed.
func (p secretPiece) sealedFor() string {
	id, _ := seal.KeyID(p.text)
	return id
}

// entryIn takes an entry of the bucket apart. The error tells that it cannot be read.
func entryIn(v Value) (secretEntry, error) {
	tokens := strings.Split(v.Key, ".")
	switch len(tokens) {
	case 4:
		instance, s, err := readNamed(v)
		return secretEntry{[]secretPiece{{s.Value, namedRecord(instance, s.Owner, s.Name), func(sealed string) { s.Value = sealed }}},
			func() ([]byte, error) { return json.Marshal(s) }}, err
	case 5:
		instance, left, err := readDeparted(v)
		if err != nil {
			return secretEntry{}, err
		}
		return entryOfTarget(instance, left.Owner, left.Key, func(text string) ([]byte, error) {
			left.Key = text
			return json.Marshal(left)
		})
	}
	of, err := readTargetKey(tokens)
	if err != nil {
		return secretEntry{}, err
	}
	return entryOfTarget(of.Instance, of.Owner, string(v.Bytes), func(text string) ([]byte, error) { return []byte(text), nil })
}

func entryOfTarget(instance, owner, text string, around func(text string) ([]byte, error)) (e secretEntry, err error) {
	s, err := ReadTargetSecrets(text)
	if err != nil {
		return e, err
	}
	for n := range s.Keys {
		k := &s.Keys[n]
		plain := k.Key
		e.pieces = append(e.pieces, secretPiece{k.Key, keyRecord(instance, owner), func(sealed string) {
			if k.Key = sealed; !seal.IsSealed(plain) {
				k.Form = sign.FormOf(plain)
			}
		}})
	}
	for name, value := range s.Headers {
		e.pieces = append(e.pieces, secretPiece{value, headerRecord(instance, owner, name), func(sealed string) { s.Headers[name] = sealed }})
	}
	e.bytes = func() ([]byte, error) {
		text, err := s.Text()
		if err != nil {
			return nil, err
		}
		return around(text)
	}
	return e, nil
}

// Seal seals those secrets of an organization's target that are not sealed yet, and
// leaves the others as they are: nothing of them is opened.
func (s TargetSecrets) Seal(to seal.PublicKey, instance, owner string) (next TargetSecrets, err error) {
	if next.Keys, err = s.Keys.Seal(to, instance, owner); err != nil || s.Headers == nil {
		return next, err
	}
	next.Headers = make(map[string]string, len(s.Headers))
	for name, value := range s.Headers {
		if next.Headers[name] = value; seal.IsSealed(value) {
			continue
		}
		if next.Headers[name], err = to.Seal(value, headerRecord(instance, owner, name)); err != nil {
			return next, action.NewError(action.CodeInternal, action.StageStore, "the value of a header could not be sealed").WithCause(err)
		}
	}
	return next, nil
}

// AreSealed tells whether all of the secrets are sealed.
func (s TargetSecrets) AreSealed() bool {
	for _, value := range s.Headers {
		if !seal.IsSealed(value) {
			return false
		}
	}
	return s.Keys.AreSealed()
}

// SealSecrets seals what is not sealed of the secrets of the instance, those of targets
// that have left too, and tells how many that were. It is done again as often as wanted;
// what somebody writes meanwhile stays as he writes it.
func (i Instance) SealSecrets(ctx context.Context, to seal.PublicKey) (sealed int, err error) {
	return i.rewriteSecrets(ctx, []string{i.Token + ".>"}, func(p secretPiece) (string, error) {
		if seal.IsSealed(p.text) {
			return "", nil
		}
		return to.Seal(p.text, p.of)
	})
}

// ResealSecrets seals the secrets of the instance for the newest key of a ring that are
// sealed for another one of it, and tells how many that were. Those that no key of the
// ring opens stay as they are, as do those of targets that have left: a worker may not
// write them.
func (i Instance) ResealSecrets(ctx context.Context, ring seal.Ring) (sealed int, err error) {
	if len(ring) < 2 {
		return 0, nil
	}
	return i.rewriteSecrets(ctx, []string{i.Token + ".*.*", i.Token + ".*." + namedToken + ".*"}, func(p secretPiece) (string, error) {
		if id := p.sealedFor(); id == "" || id == ring[0].ID() || !ring.Has(id) {
			return "", nil
		}
		text, err := ring.Open(p.text, p.of)
		if err != nil {
			return "", nil //nolint:nilerr // who is to use it says so
		}
		return ring[0].Public().Seal(text, p.of)
	})
}

// rewriteSecrets puts what next makes of them in the place of the secrets in all entries
// that match, and tells how many that were; those of which it makes nothing stay.
func (i Instance) rewriteSecrets(ctx context.Context, matches []string, next func(secretPiece) (string, error)) (all int, err error) {
	k := i.Bucket(BucketSecrets)
	type rewritten struct {
		at    Value
		bytes []byte
		count int
	}
	var todo []rewritten
	for _, match := range matches {
		err := k.Each(ctx, match, func(v Value) error {
			e, err := entryIn(v)
			if err != nil {
				return nil //nolint:nilerr // what cannot be read is named elsewhere
			}
			one := rewritten{at: v}
			for _, p := range e.pieces {
				sealed, err := next(p)
				if err != nil {
					return action.NewError(action.CodeInternal, action.StageStore, "a secret could not be sealed").WithCause(err)
				}
				if sealed != "" {
					p.put(sealed)
					one.count++
				}
			}
			if one.count == 0 {
				return nil
			}
			one.bytes, err = e.bytes()
			todo = append(todo, one)
			return err
		})
		if err != nil {
			return 0, err
		}
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

// HasOpenSecrets tells of an entry of the bucket whether a secret in it is not sealed.
func HasOpenSecrets(v Value) bool {
	e, err := entryIn(v)
	if err != nil {
		return false
	}
	for _, p := range e.pieces {
		if !seal.IsSealed(p.text) {
			return true
		}
	}
	return false
}

// SealedSecrets gives for which keys those in an entry of the bucket are sealed.
func SealedSecrets(v Value) (ids []string) {
	if !bytes.Contains(v.Bytes, []byte(seal.Prefix)) { // as nearly all are where nothing is sealed
		return nil
	}
	e, _ := entryIn(v)
	for _, p := range e.pieces {
		if id := p.sealedFor(); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

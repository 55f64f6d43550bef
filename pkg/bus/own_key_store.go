package bus

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/seal"
	"github.com/callout-hq/callout/pkg/wire"
)

// The bucket of keys has three kinds of entries: under an instance what everybody may
// know of its own keys, which says which there are; under <instance>.own.<kid> the
// private half of one; and under <instance>.target.<id> the public keys of a target,
// by its id, which stays when the name changes.
const (
	tokenOwn       = "own"
	tokenOfTargets = "target"
)

type storedOwnKeys struct {
	Keys   OwnKeys `json:"keys"`
	Format int     `json:"format,omitempty"`
}

// privateHalf is the private half of a key of an instance, itself or sealed.
type privateHalf struct {
	Key    string `json:"key"`
	Format int    `json:"format,omitempty"`
}

func halfRecord(instance, kid string) seal.Record {
	return seal.Record{Purpose: "instance key", Instance: instance, Name: kid}
}

func (i Instance) halfKey(kid string) string { return i.Token + "." + tokenOwn + "." + wire.Token(kid) }

// OwnKeys reads the keys of the instance itself, for who puts others in their place by
// ReplaceOwnKeys. There are none where none is stored; what cannot be read is an error.
func (i Instance) OwnKeys(ctx context.Context) (keys OwnKeys, revision uint64, err error) {
	k := i.Bucket(BucketKeys)
	v, ok, err := k.Get(ctx, i.Token)
	if err != nil || !ok {
		return nil, 0, err
	}
	if keys, err = readOwnKeys(v.Bytes); !k.Judge(v, err) {
		return nil, v.Revision, action.NewError(action.CodeUnreadable, action.StageStore, "the keys of the instance cannot be read: rotate them with a lead of 0s").WithCause(err)
	}
	return keys, v.Revision, nil
}

// ReplaceOwnKeys stores the keys of the instance in the place of those that had a
// revision, 0 = of none. The error is conflict when somebody else was first.
func (i Instance) ReplaceOwnKeys(ctx context.Context, keys OwnKeys, revision uint64) error {
	raw, err := json.Marshal(storedOwnKeys{keys, action.Format})
	if err != nil {
		return action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	_, err = i.Bucket(BucketKeys).Update(ctx, i.Token, raw, revision)
	return err
}

// PutPrivateHalf keeps the private half of a key: sealed, where to says for whom. It is
// kept before the key is published, and nobody else has one under its id.
func (i Instance) PutPrivateHalf(ctx context.Context, kid, private string, to *seal.PublicKey) error {
	text := private
	if to != nil {
		var err error
		if text, err = to.Seal(private, halfRecord(i.ID, kid)); err != nil {
			return action.NewError(action.CodeInternal, action.StageStore, "the key of the instance could not be sealed").WithCause(err)
		}
	}
	raw, err := json.Marshal(privateHalf{text, action.Format})
	if err != nil {
		return action.NewError(action.CodeInternal, action.StageStore, "").WithCause(err)
	}
	return i.Bucket(BucketKeys).Put(ctx, i.halfKey(kid), raw)
}

// ForgetPrivateHalves removes those of all keys that are not among keys.
func (i Instance) ForgetPrivateHalves(ctx context.Context, keys OwnKeys) error {
	k := i.Bucket(BucketKeys)
	all, err := k.Keys(ctx, i.Token+"."+tokenOwn+".*")
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, own := range keys {
		kept[i.halfKey(own.ID)] = true
	}
	for _, v := range all {
		if kept[v.Key] {
			continue
		}
		if err := k.Purge(ctx, v.Key); err != nil {
			return err
		}
	}
	return nil
}

// PrivateHalf reads what is stored of the private half of a key; it is "" where there is
// none.
func (i Instance) PrivateHalf(ctx context.Context, kid string) (string, error) {
	v, ok, err := i.Bucket(BucketKeys).Get(ctx, i.halfKey(kid))
	if err != nil || !ok {
		return "", err
	}
	h, err := readHalf(v.Bytes)
	return h.Key, err
}

// OpenHalf gives the private half of a key itself. The error is internal: what is to be
// signed with it waits.
func (i Instance) OpenHalf(ring seal.Ring, kid, text string) (string, error) {
	if !seal.IsSealed(text) {
		return text, nil
	}
	private, err := ring.Open(text, halfRecord(i.ID, kid))
	var unknown *seal.UnknownKey
	switch {
	case err == nil:
		return private, nil
	case errors.As(err, &unknown):
		return "", action.NewError(action.CodeInternal, action.StageInvoke, "a key of the instance is sealed for key "+unknown.ID+", which this worker does not have: give --open-with")
	}
	return "", action.NewError(action.CodeInternal, action.StageInvoke, "a key of the instance is sealed, and cannot be opened: it was changed, or is of somewhere else; rotate it with a lead of 0s").WithCause(err)
}

func readOwnKeys(raw []byte) (OwnKeys, error) {
	var s storedOwnKeys
	if err := Decode(raw, &s); err != nil {
		return nil, err
	}
	if err := action.CheckFormat(s.Format); err != nil {
		return nil, err
	}
	if len(s.Keys) > action.MaxOwnKeys {
		return nil, errors.New("there are more keys than there may be")
	}
	for _, k := range s.Keys {
		if err := k.check(); err != nil {
			return nil, err
		}
	}
	return s.Keys, nil
}

func readHalf(raw []byte) (h privateHalf, err error) {
	if err = Decode(raw, &h); err == nil {
		err = action.CheckFormat(h.Format)
	}
	if err == nil && h.Key == "" {
		err = errors.New("there is no key in it")
	}
	if err == nil && seal.IsSealed(h.Key) {
		_, err = seal.KeyID(h.Key)
	}
	return h, err
}

// KeyEntry is what stands under a key of the bucket of keys: one of the three.
type KeyEntry struct {
	Instance string
	Own      OwnKeys // with Kid and Target empty
	Kid      string  // of a private half
	Half     string
	Target   string // the id of a target
	Public   PublicKeys
	Gone     bool // it was removed
}

// readKeyEntry reads an entry of the bucket of keys.
func readKeyEntry(v Value) (e KeyEntry, err error) {
	tokens := strings.Split(v.Key, ".")
	if e.Instance, err = readToken(tokens[0]); err != nil {
		return e, err
	}
	e.Gone = v.Bytes == nil
	switch {
	case len(tokens) == 1:
		if !e.Gone {
			e.Own, err = readOwnKeys(v.Bytes)
		}
	case len(tokens) == 3 && tokens[1] == tokenOwn:
		if e.Kid, err = readToken(tokens[2]); err == nil && !e.Gone {
			var h privateHalf
			h, err = readHalf(v.Bytes)
			e.Half = h.Key
		}
	case len(tokens) == 3 && tokens[1] == tokenOfTargets:
		if e.Target, err = readToken(tokens[2]); err == nil && !e.Gone {
			e.Public, err = readPublicKeys(v.Bytes)
		}
	default:
		err = errors.New("is the key of no entry that there is")
	}
	return e, err
}

// FollowKeys reports what stands in the bucket of keys, now and on every change. What was
// lost with the bucket, or cannot be read, is not told of: what is known still counts.
// do runs in one goroutine.
func (b *Bus) FollowKeys(ctx context.Context, do func(KeyEntry)) <-chan struct{} {
	k := b.Bucket(BucketKeys)
	return k.Follow(ctx, ">", func(v Value) {
		if v.Lost {
			return
		}
		if e, err := readKeyEntry(v); k.Judge(v, err) {
			do(e)
		}
	})
}

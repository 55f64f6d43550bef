package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// secretKey is where the signing key of a target is kept.
func (i Instance) secretKey(owner, target string) string {
	return i.Token + "." + targetTokens(owner, target)
}

// Secret reads the text that is stored of the secrets of a target, see
// ReadTargetSecrets; ok is false when there is none. Of the error of one that cannot
// sign tells IsBadSecret.
func (i Instance) Secret(ctx context.Context, owner, target string) (key string, ok bool, err error) {
	k := i.Bucket(BucketSecrets)
	v, ok, err := k.Get(ctx, i.secretKey(owner, target))
	if err == nil && ok && !k.Judge(v, CheckSecret(v)) {
		err = badSecret(target)
	}
	return string(v.Bytes), ok, err
}

// badSecret is the error of a signing key that cannot sign. What is to be signed
// with it waits, for no fault of its target.
func badSecret(target string) error {
	return action.NewError(action.CodeInternal, action.StageInvoke, "the signing key of the target cannot sign: apply its configuration, which makes a new one").WithTarget(target).WithCause(errBadSecret)
}

var errBadSecret = errors.New("a signing key that cannot sign")

// IsBadSecret tells of an error that there is a signing key, and it cannot sign.
func IsBadSecret(err error) bool { return errors.Is(err, errBadSecret) }

// CheckSecret is why an entry of the bucket of signing keys cannot be used; nil =
// it can. A key that cannot sign is no key.
func CheckSecret(v Value) error {
	tokens := strings.Split(v.Key, ".")
	switch {
	case len(tokens) == 4:
		_, _, err := readNamed(v)
		return err
	case len(tokens) > 4:
		_, _, err := readDeparted(v)
		return err
	}
	_, err := readTargetKey(tokens)
	if err == nil {
		_, err = ReadTargetSecrets(string(v.Bytes))
	}
	return err
}

// Secrets reads the signing keys of all targets, and gives a way to look one
// up; it is "" where there is none that can sign.
func (i Instance) Secrets(ctx context.Context) (func(owner, target string) string, error) {
	all := map[string]string{}
	k := i.Bucket(BucketSecrets)
	err := k.Each(ctx, i.Token+".>", func(v Value) error {
		if k.Judge(v, CheckSecret(v)) {
			all[v.Key] = string(v.Bytes)
		}
		return nil
	})
	return func(owner, target string) string { return all[i.secretKey(owner, target)] }, err
}

// NewSecret is the text of a target's secrets that is to be kept; where it tells of a
// key that was made, that key.
type NewSecret struct{ Owner, Target, Key string }

// PutSecrets keeps the signing keys of targets.
func (i Instance) PutSecrets(ctx context.Context, keys []NewSecret) error {
	return Together(len(keys), func(n int) error {
		return i.Bucket(BucketSecrets).Put(ctx, i.secretKey(keys[n].Owner, keys[n].Target), []byte(keys[n].Key))
	})
}

// SigningKeys reads the signing keys of a target for who puts others in their
// place by ReplaceSecret. There are none where none is stored, or can sign.
func (i Instance) SigningKeys(ctx context.Context, owner, target string) (keys SigningKeys, revision uint64, err error) {
	s, revision, err := i.TargetSecrets(ctx, owner, target)
	return s.Keys, revision, err
}

// TargetSecrets reads the secrets of a target, as SigningKeys does its keys.
func (i Instance) TargetSecrets(ctx context.Context, owner, target string) (s TargetSecrets, revision uint64, err error) {
	k := i.Bucket(BucketSecrets)
	v, ok, err := k.Get(ctx, i.secretKey(owner, target))
	if err != nil || !ok {
		return s, 0, err
	}
	if s, err = ReadTargetSecrets(string(v.Bytes)); !k.Judge(v, err) {
		return TargetSecrets{}, v.Revision, nil
	}
	s.Keys = s.Keys.identified(v)
	return s, v.Revision, nil
}

// ReplaceSecret stores the secrets of a target in the place of those that had a
// revision. The error is conflict when somebody else was first.
func (i Instance) ReplaceSecret(ctx context.Context, owner, target string, secrets TargetSecrets, revision uint64) error {
	text, err := secrets.Text()
	if err != nil {
		return err
	}
	_, err = i.Bucket(BucketSecrets).Update(ctx, i.secretKey(owner, target), []byte(text), revision)
	return err
}

// DropEndedKeys takes the keys out whose time is over, and tells of how many
// targets that was. What somebody has written since stays.
func (i Instance) DropEndedKeys(ctx context.Context, now time.Time) (dropped int, err error) {
	k := i.Bucket(BucketSecrets)
	type ended struct {
		at   Value
		left TargetSecrets
	}
	var over []ended
	err = k.Each(ctx, i.Token+".*.*", func(v Value) error {
		if s, err := ReadTargetSecrets(string(v.Bytes)); err == nil {
			if left, _ := s.Keys.At(now); len(left) < len(s.Keys) {
				over = append(over, ended{v, TargetSecrets{left, s.Headers}})
			}
		}
		return nil
	})
	for _, e := range over {
		text, err := e.left.Text()
		if err == nil {
			_, err = k.Update(ctx, e.at.Key, []byte(text), e.at.Revision)
		}
		if err != nil && action.CodeOf(err) != action.CodeConflict {
			return dropped, err
		}
		dropped++
	}
	return dropped, err
}

// RecallSecret stores the signing key of a target again that a memory of the bucket
// of secrets knows, where none is stored, and tells whether it did.
func (i Instance) RecallSecret(ctx context.Context, from *Memory, owner, target string) (bool, error) {
	return from.putBack(ctx, i.secretKey(owner, target))
}

// MakeSecret keeps a signing key for a target that has none, and gives the one
// that is kept: somebody else may have been first.
func (i Instance) MakeSecret(ctx context.Context, owner, target, key string) (string, error) {
	at := i.secretKey(owner, target)
	_, err := i.Bucket(BucketSecrets).Update(ctx, at, []byte(key), 0)
	if action.CodeOf(err) != action.CodeConflict {
		return key, err
	}
	kept, ok, err := i.Secret(ctx, owner, target)
	if err == nil && !ok {
		err = action.NewError(action.CodeConflict, action.StageStore, "the key was removed as it was made")
	}
	return kept, err
}

// FollowSecrets reports the secrets of every target, now and on every change, those
// of targets that have left, and named ones; a removed one is empty. One that was lost
// with its bucket, or that cannot be used, is not told of: what is known of it still
// counts. The callbacks run in one goroutine.
func (b *Bus) FollowSecrets(ctx context.Context, do func(of TargetKey, secret string), left func(instance string, t Departed), named func(instance string, s NamedSecret)) <-chan struct{} {
	k := b.Bucket(BucketSecrets)
	return k.Follow(ctx, ">", func(v Value) {
		if v.Lost {
			return
		}
		var err error
		if v.Bytes != nil {
			err = CheckSecret(v)
		}
		if !k.Judge(v, err) {
			return
		}
		switch tokens := strings.Split(v.Key, "."); {
		case len(tokens) == 4:
			if instance, s, err := readNamed(v); err == nil {
				named(instance, s)
			}
		case len(tokens) > 4:
			if instance, t, err := readDeparted(v); err == nil {
				left(instance, t)
			}
		default:
			if of, err := readTargetKey(tokens); err == nil {
				do(of, string(v.Bytes))
			}
		}
	})
}

// readTargetKey reads the tokens that stand for a target in a key of a bucket.
func readTargetKey(tokens []string) (k TargetKey, err error) {
	if len(tokens) != 3 {
		return k, fmt.Errorf("is not the key of a target")
	}
	for n, into := range []*string{&k.Instance, &k.Owner, &k.Name} {
		if *into, err = readToken(tokens[n]); err != nil {
			return k, err
		}
	}
	return k, nil
}

// readToken reads an id from a token of a key. One that cannot be an id of ours is
// an error, also where it is a token.
func readToken(token string) (string, error) {
	id, err := wire.ID(token)
	if err == nil {
		err = action.CheckID(id)
	}
	return id, err
}

package bus

import (
	"context"
	"strings"

	"github.com/callout-hq/callout/pkg/wire"
)

// Secret reads the signing key of a target; ok is false when there is none.
func (b *Bus) Secret(ctx context.Context, instance, owner, target string) (key string, ok bool, err error) {
	value, ok, err := b.value(ctx, bucketSecrets, secretKey(instance, owner, target))
	return string(value), ok, err
}

// Secrets reads the signing keys of all targets of an instance, and gives a way
// to look one up; it is "" where there is none.
func (b *Bus) Secrets(ctx context.Context, instance string) (func(owner, target string) string, error) {
	all := map[string]string{}
	err := b.each(ctx, bucketSecrets, wire.Token(instance)+".>", func(key string, value []byte) error {
		all[key] = string(value)
		return nil
	})
	return func(owner, target string) string { return all[secretKey(instance, owner, target)] }, err
}

// PutSecret keeps the signing key of a target.
func (b *Bus) PutSecret(ctx context.Context, instance, owner, target, key string) error {
	kv, err := b.bucket(ctx, bucketSecrets)
	if err != nil {
		return err
	}
	if _, err := kv.PutString(ctx, secretKey(instance, owner, target), key); err != nil {
		return failure(err)
	}
	return nil
}

// NewSecret is a signing key that is to be kept.
type NewSecret struct{ Owner, Target, Key string }

// PutSecrets keeps the signing keys of many targets.
func (b *Bus) PutSecrets(ctx context.Context, instance string, keys []NewSecret) error {
	return together(len(keys), func(i int) error {
		return b.PutSecret(ctx, instance, keys[i].Owner, keys[i].Target, keys[i].Key)
	})
}

// FollowSecrets reports every signing key, now and on every change; a removed
// one is empty.
func (b *Bus) FollowSecrets(ctx context.Context, do func(of TargetKey, secret string)) <-chan struct{} {
	return b.follow(ctx, bucketSecrets, ">", func(key string, value []byte) {
		tokens := strings.Split(key, ".")
		if len(tokens) > 3 { // of one that has left: it is asked for
			return
		}
		of, err := readTargetKey(tokens)
		if err != nil {
			b.log.Error().Err(err).Str("key", key).Msg("unreadable entry")
			return
		}
		do(of, string(value))
	})
}

func secretKey(instance, owner, target string) string {
	return wire.Token(instance) + "." + wire.Token(owner) + "." + wire.Token(target)
}

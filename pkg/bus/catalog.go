package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

// Root tells which revision of an instance's catalog is in force, and the
// sequence of the marker that carries it.
type Root struct {
	Revision uint64 `json:"revision"`
	Cut      uint64 `json:"cut"`
}

// manifest lists the values a revision is made of: one a scope, named by its
// content, so that only what changed is stored again.
type manifest struct {
	Scopes map[string]string `json:"scopes"` // organization → hash
}

func rootKey(instance string) string { return wire.Token(instance) + ".root" }
func revKey(instance string, n uint64) string {
	return wire.Token(instance) + ".rev." + strconv.FormatUint(n, 10)
}
func scopeKey(instance, hash string) string { return wire.Token(instance) + ".scope." + hash }
func secretKey(instance, owner, target string) string {
	return wire.Token(instance) + "." + wire.Token(owner) + "." + wire.Token(target)
}

// StoreCatalog stores a snapshot as the next revision and marks the event
// stream with it. It does not make it the root: the lines come first, see
// SetRoot. base is the revision the snapshot was made from: if another has
// come since, the error is conflict.
func (b *Bus) StoreCatalog(ctx context.Context, s *catalog.Snapshot, base uint64) (Root, error) {
	last, err := b.lastMarker(ctx, s.Instance)
	if err != nil {
		return Root{}, err
	}
	if last.Revision != base {
		return Root{}, action.NewError(action.CodeConflict, action.StageCatalog,
			fmt.Sprintf("the catalog is at revision %d by now, this edit was made from %d", last.Revision, base))
	}
	kv, err := b.js.KeyValue(ctx, bucketCatalog)
	if err != nil {
		return Root{}, failure(err)
	}
	m := manifest{Scopes: map[string]string{}}
	for org, scope := range s.Scopes {
		if m.Scopes[org], err = b.storeScope(ctx, kv, s.Instance, scope); err != nil {
			return Root{}, err
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return Root{}, err
	}
	// A number may be taken by a dispatcher that died before its marker: the
	// marker decides what counts, so the next free number does as well.
	next := base + 1
	for ; ; next++ {
		if _, err = kv.Create(ctx, revKey(s.Instance, next), raw); !errors.Is(err, jetstream.ErrKeyExists) {
			break
		}
	}
	if err != nil {
		return Root{}, failure(err)
	}
	cut, err := b.putMarker(ctx, s.Instance, next, last.cut)
	return Root{Revision: next, Cut: cut}, err
}

func (b *Bus) storeScope(ctx context.Context, kv jetstream.KeyValue, instance string, scope *catalog.Scope) (string, error) {
	raw, err := json.Marshal(scope)
	if err != nil {
		return "", err
	}
	if len(raw) > b.MaxBody() {
		return "", action.NewError(action.CodeTooLarge, action.StageCatalog, "the configuration of one scope is too large for the bus")
	}
	sum := sha256.Sum256(raw)
	hash := hex.EncodeToString(sum[:16])
	_, err = kv.Create(ctx, scopeKey(instance, hash), raw)
	if err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
		return "", failure(err)
	}
	return hash, nil
}

// SetRoot puts a revision in force for calls and tells everybody who follows,
// and hands the conditions to the cores.
func (b *Bus) SetRoot(ctx context.Context, instance string, r Root, c catalog.Conditions) error {
	for _, put := range []struct {
		bucket, key string
		value       any
	}{{bucketCatalog, rootKey(instance), r}, {bucketConditions, wire.Token(instance), c}} {
		kv, err := b.js.KeyValue(ctx, put.bucket)
		if err != nil {
			return failure(err)
		}
		raw, err := json.Marshal(put.value)
		if err != nil {
			return err
		}
		if _, err := kv.Put(ctx, put.key, raw); err != nil {
			return failure(err)
		}
	}
	return nil
}

// LatestRoot is the revision the event stream is marked with: it counts even
// when a dispatcher died before it could set the root. ok is false when the
// instance has no stream yet.
func (b *Bus) LatestRoot(ctx context.Context, instance string) (r Root, ok bool, err error) {
	_, err = b.js.Stream(ctx, EventStream(instance))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return r, false, nil
	}
	if err != nil {
		return r, false, failure(err)
	}
	m, err := b.lastMarker(ctx, instance)
	return Root{Revision: m.Revision, Cut: m.cut}, err == nil, err
}

// CurrentRoot is the root as it was last set; ok is false when none was.
func (b *Bus) CurrentRoot(ctx context.Context, instance string) (r Root, ok bool, err error) {
	kv, err := b.js.KeyValue(ctx, bucketCatalog)
	if err != nil {
		return r, false, failure(err)
	}
	entry, err := kv.Get(ctx, rootKey(instance))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return r, false, nil
	}
	if err != nil {
		return r, false, failure(err)
	}
	return r, true, json.Unmarshal(entry.Value(), &r)
}

// Snapshot reads one revision. Revision 0 is the empty catalog.
func (b *Bus) Snapshot(ctx context.Context, instance string, revision uint64) (*catalog.Snapshot, error) {
	s := catalog.Empty(instance)
	if revision == 0 {
		return s, nil
	}
	s.Revision = revision
	kv, err := b.js.KeyValue(ctx, bucketCatalog)
	if err != nil {
		return nil, failure(err)
	}
	var m manifest
	if err := getJSON(ctx, kv, revKey(instance, revision), &m); err != nil {
		return nil, err
	}
	for org, hash := range m.Scopes {
		scope := &catalog.Scope{}
		if err := getJSON(ctx, kv, scopeKey(instance, hash), scope); err != nil {
			return nil, err
		}
		s.Scopes[org] = scope
	}
	return s, nil
}

func getJSON(ctx context.Context, kv jetstream.KeyValue, key string, into any) error {
	entry, err := kv.Get(ctx, key)
	if err != nil {
		return failure(fmt.Errorf("catalog entry %s: %w", key, err))
	}
	if err := json.Unmarshal(entry.Value(), into); err != nil {
		return action.NewError(action.CodeBadCatalog, action.StageCatalog, "a stored catalog entry is unreadable").WithCause(fmt.Errorf("%s: %w", key, err))
	}
	return nil
}

// followRoots reports the root of every instance, now and on every change. The
// callback runs in one goroutine; the channel is closed when all that stood
// was read.
func (b *Bus) followRoots(ctx context.Context, do func(instance string, r Root)) <-chan struct{} {
	return b.follow(ctx, bucketCatalog, "*.root", func(key string, value []byte) {
		instance, err := wire.ID(strings.TrimSuffix(key, ".root"))
		var r Root
		if err == nil && value != nil {
			err = json.Unmarshal(value, &r)
		}
		if err != nil {
			b.log.Error().Err(err).Str("key", key).Msg("unreadable catalog root")
			return
		}
		do(instance, r)
	})
}

// FollowConditions reports the conditions of one instance to a core.
func (b *Bus) FollowConditions(ctx context.Context, instance string, do func(catalog.Conditions)) <-chan struct{} {
	return b.follow(ctx, bucketConditions, wire.Token(instance), func(key string, value []byte) {
		var c catalog.Conditions
		if value != nil {
			if err := json.Unmarshal(value, &c); err != nil {
				b.log.Error().Err(err).Str("key", key).Msg("unreadable conditions")
				return
			}
		}
		do(c)
	})
}

// Secret reads the signing key of a target; ok is false when there is none.
func (b *Bus) Secret(ctx context.Context, instance, owner, target string) (key string, ok bool, err error) {
	kv, err := b.js.KeyValue(ctx, bucketSecrets)
	if err != nil {
		return "", false, failure(err)
	}
	entry, err := kv.Get(ctx, secretKey(instance, owner, target))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, failure(err)
	}
	return string(entry.Value()), true, nil
}

// PutSecret keeps the signing key of a target.
func (b *Bus) PutSecret(ctx context.Context, instance, owner, target, key string) error {
	kv, err := b.js.KeyValue(ctx, bucketSecrets)
	if err != nil {
		return failure(err)
	}
	if _, err := kv.PutString(ctx, secretKey(instance, owner, target), key); err != nil {
		return failure(err)
	}
	return nil
}

// FollowSecrets reports every signing key, now and on every change; a removed
// one is empty.
func (b *Bus) FollowSecrets(ctx context.Context, do func(key SecretKey, secret string)) <-chan struct{} {
	return b.follow(ctx, bucketSecrets, ">", func(key string, value []byte) { do(SecretKey(key), string(value)) })
}

// SecretKey names a target's signing key for FollowSecrets.
type SecretKey string

// SecretOf is the name of a target's signing key.
func SecretOf(instance, owner, target string) SecretKey {
	return SecretKey(secretKey(instance, owner, target))
}

package bus

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/wire"
)

// Bucket is one of the buckets of the installation. It is a value, and may be
// used from any goroutine. Errors are those of Failure; missing when the bucket
// itself is not there.
type Bucket struct {
	bus  *Bus
	name string
}

// Bucket gives a bucket by its name. It is opened when it is first used.
func (b *Bus) Bucket(name string) Bucket { return Bucket{b, name} }

// Value is what stands under a key.
type Value struct {
	Key      string
	Bytes    []byte // nil when only keys were asked for
	Revision uint64 // its place in the bucket's stream: written again, it has another
	At       time.Time
	Made     time.Time // when the bucket was made in which Follow found it
	Lost     bool      // nobody removed it: Follow found its bucket made again, or emptied
}

// stream is the name of the stream that a bucket lies in.
func (k Bucket) stream() string { return wire.BucketStream(k.name) }

// open opens the bucket, once for each connection: looking it up costs a round
// trip.
func (k Bucket) open(ctx context.Context) (jetstream.KeyValue, error) {
	if kv, ok := k.bus.buckets.Load(k.name); ok {
		return kv.(jetstream.KeyValue), nil
	}
	kv, err := k.bus.js.KeyValue(ctx, k.name)
	if err != nil {
		return nil, k.failure(ctx, "", err)
	}
	k.bus.buckets.Store(k.name, kv)
	return kv, nil
}

// of opens the bucket for a key. The error is bad_field for one that cannot be used.
func (k Bucket) of(ctx context.Context, key string) (jetstream.KeyValue, error) {
	if err := refusedKey(key); err != nil {
		return nil, err
	}
	return k.open(ctx)
}

func refusedKey(key string) error {
	if err := checkKey(key); err != nil {
		return action.NewError(action.CodeBadField, action.StageStore, err.Error()).WithField("key")
	}
	return nil
}

func (k Bucket) failure(ctx context.Context, key string, err error) error {
	err = k.bus.missing(ctx, k.stream(), orRenewed(ctx, err))
	if key != "" {
		err = fmt.Errorf("%s: %w", key, err)
	}
	return Failure(err)
}

// Get reads one value; ok is false when there is none.
func (k Bucket) Get(ctx context.Context, key string) (v Value, ok bool, err error) {
	if err := refusedKey(key); err != nil {
		return v, false, err
	}
	v, there, err := k.last(ctx, key)
	if err != nil {
		return Value{}, false, k.failure(ctx, key, err)
	}
	if !there || v.Bytes == nil {
		return Value{}, false, nil
	}
	return v, true, nil
}

// valueOf gives a value that stands.
func valueOf(entry jetstream.KeyValueEntry) Value {
	return Value{Key: entry.Key(), Bytes: standing(entry.Value()), Revision: entry.Revision(), At: entry.Created()}
}

// standing are the bytes of a value that stands: not nil, also when there are none.
func standing(raw []byte) []byte {
	if raw == nil {
		return []byte{}
	}
	return raw
}

// Put writes a value and waits until it is stored.
func (k Bucket) Put(ctx context.Context, key string, value []byte) error {
	return k.publish(ctx, key, value, nil)
}

// Update writes a value in the place of one of that revision, 0 = of none. The
// error is conflict when another stands there.
func (k Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (next uint64, err error) {
	kv, err := k.of(ctx, key)
	if err != nil {
		return 0, err
	}
	if revision == 0 {
		next, err = kv.Create(ctx, key, value)
	} else {
		next, err = kv.Update(ctx, key, value, revision)
	}
	if err != nil {
		return 0, NotStored(k.bus.missing(ctx, k.stream(), err))
	}
	return next, nil
}

// followed are the buckets whose removals are remembered for a while, for who is
// away meanwhile.
var followed = map[string]bool{BucketSecrets: true, BucketLines: true, BucketDeclared: true, BucketJobs: true, BucketQuotas: true, BucketKeys: true}

// Purge removes a value. In a bucket that is followed the removal is remembered
// for as long as Options.Remember says.
func (k Bucket) Purge(ctx context.Context, key string) error {
	remembered := time.Duration(0)
	switch {
	case followed[k.name]:
		remembered = k.bus.opts.Remember
	case k.name == BucketPresent:
		remembered = presentGone
	}
	return k.publish(ctx, key, nil, removal(remembered))
}

// Sweep removes a value without a trace, unless it has been stored again.
func (k Bucket) Sweep(ctx context.Context, v Value) error {
	stream, err := k.bus.Stream(ctx, k.stream())
	if err != nil {
		return err
	}
	err = stream.Purge(ctx, jetstream.WithPurgeSubject(k.subject(v.Key)), jetstream.WithPurgeSequence(v.Revision+1))
	if err != nil {
		return k.failure(ctx, v.Key, err)
	}
	return nil
}

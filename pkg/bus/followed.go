package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/callout-hq/callout/pkg/wire"
)

func followedKey(instance, who string) string { return wire.Token(instance) + ".file." + who }

// KeepFollowed lets all dispatchers know that one of them follows a file, by its
// name, until ctx ends. If the process dies, it lapses. The first word of it is
// out when KeepFollowed returns; keep says it again and again, and takes it back
// in the end.
func (b *Bus) KeepFollowed(ctx context.Context, instance, file string) (keep func(), err error) {
	kv, err := b.bucket(ctx, bucketLeads)
	if err != nil {
		return nil, err
	}
	key := followedKey(instance, nuid.Next())
	if _, err := kv.PutString(ctx, key, file); err != nil {
		return nil, failure(err)
	}
	return func() {
		ticker := time.NewTicker(leadFor / 4)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				// While the bus is away nobody can edit; it is said again when it is back.
				_, _ = kv.PutString(ctx, key, file)
			case <-ctx.Done():
				unfollowed(ctx, kv, key)
				return
			}
		}
	}, nil
}

func unfollowed(ctx context.Context, kv jetstream.KeyValue, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = kv.Delete(ctx, key) // if it cannot be taken back, it lapses
}

// Followed tells whether any dispatcher follows a file for an instance.
func (b *Bus) Followed(ctx context.Context, instance string) (bool, error) {
	keys, err := b.keys(ctx, bucketLeads, followedKey(instance, "*"))
	return len(keys) > 0, err
}

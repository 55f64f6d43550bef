package bus

import (
	"context"
	"time"

	"github.com/nats-io/nuid"
)

func (i Instance) followedKey(who string) string { return i.Token + ".file." + who }

// KeepFollowed lets all dispatchers know that one of them follows a file, by its
// name, until ctx ends. If the process dies, it lapses. The first word of it is
// out when KeepFollowed returns; keep says it again and again, and takes it back
// in the end.
func (i Instance) KeepFollowed(ctx context.Context, file string) (keep func(), err error) {
	key := i.followedKey(nuid.Next())
	if err := i.Bucket(BucketLeads).Put(ctx, key, []byte(file)); err != nil {
		return nil, err
	}
	return func() {
		ticker := time.NewTicker(LeadFor / 4)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				// While the bus is away nobody can edit; it is said again when it is back.
				_ = i.Bucket(BucketLeads).Put(ctx, key, []byte(file))
			case <-ctx.Done():
				i.unfollowed(ctx, key)
				return
			}
		}
	}, nil
}

func (i Instance) unfollowed(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = i.Bucket(BucketLeads).Purge(ctx, key) // if it cannot be taken back, it lapses
}

// Followed tells whether any dispatcher follows a file for the instance.
func (i Instance) Followed(ctx context.Context) (bool, error) {
	keys, err := i.Bucket(BucketLeads).Keys(ctx, i.followedKey("*"))
	return len(keys) > 0, err
}

package bus

import "context"

// Purge lists the values of an instance's catalog now, and gives a function that
// removes them as a sweep does that has found all of them dead.
func (b *Bus) Purge(ctx context.Context, instance string) (later func() error, err error) {
	found, err := b.keys(ctx, bucketCatalog, chunkKey(instance, "*"))
	return func() error {
		for _, v := range found {
			if err := b.purge(ctx, v); err != nil {
				return err
			}
		}
		return nil
	}, err
}

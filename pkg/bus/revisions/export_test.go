package revisions

import (
	"context"

	"github.com/callout-hq/callout/pkg/bus"
)

// RememberedMost is how many older revisions are remembered at most.
const RememberedMost = rememberedMost

// SweepFound lists the values of the catalog now, and gives a function that
// removes them as a sweep does that has found all of them dead.
func (i Revisions) SweepFound(ctx context.Context) (later func() error, err error) {
	found, err := i.manifests().Keys(ctx, i.chunkKey("*"))
	return func() error {
		for _, v := range found {
			if err := i.Bucket(bus.BucketCatalog).Sweep(ctx, v); err != nil {
				return err
			}
		}
		return nil
	}, err
}

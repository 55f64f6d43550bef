package bus_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestEachMissesNothing: an entry that is rewritten while all are read is read all
// the same, as it was or as it is.
func TestEachMissesNothing(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 60*time.Second)
		k := i.Bucket(bus.BucketSecrets)
		key := func(n int) string { return fmt.Sprintf("%s.key%d", i.Token, n) }
		const keys = 40
		for n := range keys {
			require.NoError(t, k.Put(ctx, key(n), []byte("0")))
		}
		var writing sync.WaitGroup
		end := make(chan struct{})
		for w := range 2 {
			writing.Go(func() {
				for n := w; ; n += 2 {
					select {
					case <-end:
						return
					case <-time.After(200 * time.Microsecond):
					}
					if !assert.NoError(t, k.Put(ctx, key(n%keys), []byte(fmt.Sprint(n)))) {
						return
					}
				}
			})
		}
		halt := sync.OnceFunc(func() { close(end); writing.Wait() })
		t.Cleanup(halt)
		for range 40 {
			told := map[string]uint64{}
			require.NoError(t, k.Each(ctx, i.Token+".>", func(v bus.Value) error {
				require.Zero(t, told[v.Key], "once")
				told[v.Key] = v.Revision
				return nil
			}))
			require.Len(t, told, keys)
			all, err := k.Keys(ctx, i.Token+".>")
			require.NoError(t, err)
			require.Len(t, all, keys)
		}
		halt()
	})
}

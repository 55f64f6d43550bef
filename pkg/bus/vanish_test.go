package bus_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestAListEndsThoughItsLastEntryGoes: the server counts what stands as the list
// begins, and sends nothing in the place of what lapses before its turn.
func TestAListEndsThoughItsLastEntryGoes(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 4*time.Minute)
		k := i.Bucket(bus.BucketSecrets)
		const keys, lists = 500, 4
		for n := range keys {
			require.NoError(t, k.Put(ctx, fmt.Sprintf("%s.key%d", i.Token, n), []byte("0")))
		}
		stream, err := s.JetStream(t).Stream(ctx, "KV_"+bus.BucketSecrets)
		require.NoError(t, err)
		last := i.Token + ".last"
		for gone, round := 0, 0; gone < 5; round++ {
			require.Less(t, round, 200, "it never went while a list was read")
			require.NoError(t, k.Put(ctx, last, []byte("0")))
			read := make(chan int, lists)
			for range lists {
				go func() {
					all, err := k.Keys(ctx, i.Token+".>")
					assert.NoError(t, err, "it ends by itself, long before its bound")
					read <- len(all)
				}()
			}
			time.Sleep(time.Duration(round%10) * time.Millisecond / 2) // lists are at another point each time
			require.NoError(t, stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+bus.BucketSecrets+"."+last)))
			for range lists {
				switch n := <-read; n {
				case keys:
					gone++
				default:
					require.Equal(t, keys+1, n)
				}
			}
		}
	})
}

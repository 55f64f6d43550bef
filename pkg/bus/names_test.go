package bus_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestBucketsOfAnInstallation: each holds one value a key and takes no more than it
// has room for. What is followed remembers removals, and who leads lapses.
func TestBucketsOfAnInstallation(t *testing.T) {
	t.Parallel()
	for memory, storage := range map[bool]jetstream.StorageType{true: jetstream.MemoryStorage, false: jetstream.FileStorage} {
		s := bustest.Start(t)
		b, js := s.Connect(t, bus.Options{MemoryStore: memory, Remember: 2 * time.Hour}), s.JetStream(t)
		pair := bustest.Pair(t, b)
		type traits struct{ age, remembered time.Duration }
		for name, want := range map[string]traits{
			bus.BucketCatalog: {}, bus.BucketConditions: {}, bus.BucketLeads: {age: bus.LeadFor},
			bus.BucketSecrets: {remembered: 2 * time.Hour}, bus.BucketDeclared: {remembered: 2 * time.Hour},
			bus.BucketLines: {remembered: 2 * time.Hour}, bus.BucketJobs: {remembered: 2 * time.Hour},
			bus.BucketTokens: {remembered: 2 * time.Hour}, bus.BucketQuotas: {remembered: 2 * time.Hour}, bus.BucketPresent: {age: bus.PresentFor, remembered: time.Second},
		} {
			require.Contains(t, b.Needed(), bus.BucketStream(name))
			cfg := configOf(t, js, bus.BucketStream(name))
			require.Equal(t, want, traits{cfg.MaxAge, cfg.SubjectDeleteMarkerTTL}, name)
			require.Equal(t, []any{int64(1), jetstream.DiscardNew, storage, true, true, []string{"$KV." + name + ".>"}},
				[]any{cfg.MaxMsgsPerSubject, cfg.Discard, cfg.Storage, cfg.DenyDelete, cfg.AllowDirect, cfg.Subjects}, name)
			require.NoError(t, b.Bucket(name).Put(bustest.Within(t, 10*time.Second), "a.b", nil))
		}
		for _, i := range pair {
			for _, stream := range []string{i.Events, i.Dead, i.Async} {
				cfg := configOf(t, js, stream)
				require.Equal(t, []any{storage, jetstream.DiscardNew, bus.DefaultMaxStream, true, i.ID},
					[]any{cfg.Storage, cfg.Discard, cfg.MaxBytes, cfg.AllowDirect, cfg.Metadata["callout_instance"]}, stream)
			}
		}
	}
}

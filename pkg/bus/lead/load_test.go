package lead_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/embed"
	"github.com/callout-hq/callout/pkg/bus/lead"
)

// messages is how many messages the server has taken and sent.
func messages(t *testing.T, s *bustest.Server) int64 {
	t.Helper()
	v, err := s.Varz(&server.VarzOptions{})
	require.NoError(t, err)
	return v.InMsgs + v.OutMsgs
}

// TestWaitingCostsTheServerNextToNothing has many dispatchers wait for leads that
// stay held; when those are given back, the turns follow one upon the other.
func TestWaitingCostsTheServerNextToNothing(t *testing.T) {
	t.Parallel()
	s, holder := prepared(t, bus.Options{})
	const waiters, lasts = 20, 3 * time.Second
	var all sync.WaitGroup
	var releases []func()
	for _, instance := range leadInstances {
		releases = append(releases, hold(t, holder, instance))
	}
	for range waiters {
		b := connect(t, s, bus.Options{})
		for _, instance := range leadInstances {
			all.Go(func() {
				assert.NoError(t, lead.Run(within(t, time.Minute), b.Instance(instance), func(context.Context) error { return nil }))
			})
		}
	}
	for _, instance := range leadInstances {
		awaitWaiting(t, holder, instance, waiters)
	}
	before, began := messages(t, s), time.Now()
	<-time.After(lasts) // what is counted is what comes in so long
	rate := float64(messages(t, s)-before) / time.Since(began).Seconds() / float64(waiters*len(leadInstances))
	t.Logf("%.1f messages a second at the server for each that waits", rate)
	require.Less(t, rate, 5.0)
	released := time.Now()
	for _, release := range releases {
		release()
	}
	all.Wait()
	t.Logf("%d turns each within %s", waiters, time.Since(released).Round(time.Millisecond))
	require.Less(t, time.Since(released), 4*time.Second, "they do not follow the key")
}

// TestTwentyDispatchersShareThreeInstances has all of them ask again and again,
// with turns of a millisecond, and tells how long they waited.
func TestTwentyDispatchersShareThreeInstances(t *testing.T) {
	t.Parallel()
	s, _ := prepared(t, bus.Options{})
	const dispatchers, turns = 20, 10
	var mu sync.Mutex
	var waits []time.Duration
	var all sync.WaitGroup
	began := time.Now()
	for range dispatchers {
		b := connect(t, s, bus.Options{})
		for _, instance := range []string{instance, "other", "third"} {
			all.Go(func() {
				for range turns {
					asked := time.Now()
					assert.NoError(t, lead.Run(within(t, time.Minute), b.Instance(instance), func(context.Context) error {
						waited := time.Since(asked)
						<-time.After(time.Millisecond) // the turn's work
						mu.Lock()
						defer mu.Unlock()
						waits = append(waits, waited)
						return nil
					}))
				}
			})
		}
	}
	all.Wait()
	slices.Sort(waits)
	require.Len(t, waits, 3*dispatchers*turns)
	t.Logf("%d turns in %s: half waited at most %s, the longest %s", len(waits), time.Since(began).Round(time.Millisecond),
		waits[len(waits)/2].Round(time.Millisecond), waits[len(waits)-1].Round(time.Millisecond))
}

// BenchmarkLead has one dispatcher lead when nobody else wants to.
func BenchmarkLead(b *testing.B) {
	s, err := embed.Start(embed.Options{Data: b.TempDir(), Listen: "127.0.0.1:0", Log: zerolog.Nop()})
	require.NoError(b, err)
	defer s.Close()
	nats, err := bus.Connect(b.Context(), bus.Options{URL: s.URL(), Log: zerolog.Nop()})
	require.NoError(b, err)
	defer nats.Close()
	require.NoError(b, nats.EnsureInstallation(b.Context()))
	for i := 0; b.Loop(); i++ {
		require.NoError(b, lead.Run(b.Context(), nats.Instance(leadInstances[i%2]), func(context.Context) error { return nil }))
	}
}

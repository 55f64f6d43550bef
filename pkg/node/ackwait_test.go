package node_test

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// TestAnotherAckWaitDoublesNothing changes --ack-wait while two workers deliver
// to a target that takes longer than the shortest of them meanwhile: no line ever has two
// in flight, and each event arrives once, unless a worker says that it comes again.
func TestAnotherAckWaitDoublesNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	var mu sync.Mutex
	var changing atomic.Bool
	flying, most := map[string]int{}, 0
	var arrivals []arrival
	f.hooks.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct {
			ID string `json:"userID"`
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &event)
		line := event.ID[:2]
		mu.Lock()
		flying[line]++
		most = max(most, flying[line])
		arrivals = append(arrivals, arrival{header: r.Header.Clone()})
		mu.Unlock()
		if changing.Load() {
			<-time.After(2500 * time.Millisecond)
		}
		mu.Lock()
		flying[line]--
		mu.Unlock()
		f.mu.Lock()
		f.delivered[event.ID]++
		f.mu.Unlock()
	})
	require.NoError(t, f.worker.Stop(within(t, 10*time.Second)))
	for range 2 { // their own is the longest: they learn of a shorter one
		w := f.work(f.connect(30 * time.Second))
		t.Cleanup(func() { _ = w.Stop(within(t, 10*time.Second)) })
	}
	require.NoError(t, f.dispatchers[1].Stop(within(t, 10*time.Second)))
	end := make(chan struct{})
	var publishers sync.WaitGroup
	for _, id := range twoInstances {
		publishers.Go(func() { f.publishing(id, end) })
	}
	changing.Store(true)
	for _, ackWait := range []time.Duration{30 * time.Second, time.Second, 5 * time.Second} {
		require.NoError(t, f.dispatchers[0].Stop(within(t, 10*time.Second)))
		b, err := bus.Connect(within(t, 5*time.Second), bus.Options{URL: f.server.URL(), Log: zerolog.Nop(), AckWait: ackWait})
		require.NoError(t, err)
		t.Cleanup(b.Close)
		d, err := dispatch.Start(within(t, 20*time.Second), dispatch.Options{Bus: b, Log: zerolog.Nop(), Listen: "127.0.0.1:0"})
		require.NoError(t, err)
		f.mu.Lock()
		f.dispatchers = [2]*dispatch.Dispatcher{d, d}
		f.mu.Unlock()
		for _, id := range twoInstances {
			require.Eventually(t, func() bool { return f.fits(b.Instance(id), ackWait) }, 60*time.Second, 100*time.Millisecond, "lines of %s have %s", id, ackWait)
		}
	}
	changing.Store(false)
	for _, id := range twoInstances {
		f.awaitFlow(id)
	}
	close(end)
	publishers.Wait()
	mu.Lock()
	defer mu.Unlock()
	if f.again.none() { // a target is at work for a while after its worker has gone
		require.Equal(t, 1, most, "in flight in one line")
	}
	require.Greater(t, f.again.once(t, arrivals), 20)
}

// fits tells whether all lines have an ack wait, in their entries and at the
// server.
func (f *fleet) fits(i bus.Instance, ackWait time.Duration) bool {
	book := lines.Of(i)
	all, err := book.List(f.t.Context())
	if err != nil || len(all) == 0 {
		return false
	}
	for _, l := range all {
		s, err := book.Standing(f.t.Context(), l)
		if err != nil || l.AckWait != ackWait || s.AckWait != ackWait {
			return false
		}
	}
	return true
}

package cli_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	laneEvents     = 2000
	laneAggregates = 100
)

// TestLanesKeepEachAggregateInOrder has three workers on a line of 16 lanes,
// whose target fails at random. One worker is killed while it holds an event.
// Nothing is lost, and each aggregate's events first arrive in their order.
func TestLanesKeepEachAggregateInOrder(t *testing.T) {
	t.Parallel()
	const seed = 20261126
	var mu sync.Mutex
	flaky := rand.New(rand.NewPCG(seed, 1))
	var next atomic.Pointer[hold]
	var failed atomic.Int64
	tg := newTarget(t, nil)
	tg.answer = func(w http.ResponseWriter, a arrival) {
		if h := next.Load(); h != nil && next.CompareAndSwap(h, nil) {
			h.held <- a
			select {
			case <-a.done:
				close(h.dead)
			case <-tg.closing:
			}
			return
		}
		mu.Lock()
		draw := flaky.IntN(10)
		mu.Unlock()
		if draw == 0 {
			failed.Add(1)
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	f := newFleet(t, tg, `
targets: {ledger: {type: webhook, url: "URL", timeout: 30s, lanes: 16, retry: {initial: 5ms, max: 20ms}, KEY}}
events: {"order.*": {targets: [{target: ledger}]}}
`, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 2*bound)
	defer cancel()
	published := make(chan error, 1)
	aggregates := map[uint64]int{} // sequence → aggregate; read once published
	go func() { published <- publishOver(ctx, f, aggregates) }()
	tg.awaitCount(t, laneEvents/4)
	h := &hold{held: make(chan arrival, 1), dead: make(chan struct{})}
	next.Store(h)
	killHolder(t, f, h)
	require.NoError(t, <-published)
	all := tg.await(t, bound, "all events", func(all []arrival) bool { return distinct(all) >= laneEvents })

	last, ids, arrived := map[int]uint64{}, map[uint64]string{}, map[string]int{}
	for _, a := range all {
		aggregate, known := aggregates[a.sequence]
		require.True(t, known)
		if ids[a.sequence] == "" {
			require.Greater(t, a.sequence, last[aggregate], "aggregate %d", aggregate)
			last[aggregate], ids[a.sequence] = a.sequence, a.delivery
		}
		require.Equal(t, ids[a.sequence], a.delivery, "one id over attempts")
		arrived[a.peer]++
	}
	require.Len(t, ids, laneEvents, "none lost")
	f.twin.check(t, tg, "", everywhere("/"))
	require.Positive(t, failed.Load())
	t.Logf("%d events of %d aggregates, %d requests over %d connections, %d failed, 1 worker killed: 0 lost, 0 out of order",
		len(ids), laneAggregates, len(all), len(arrived), failed.Load())
}

// killHolder kills the worker that holds what h gets.
func killHolder(t *testing.T, f *fleet, h *hold) {
	t.Helper()
	var victim arrival
	select {
	case victim = <-h.held:
	case <-time.After(bound):
		t.Fatal("the fault never struck: no delivery was held")
	}
	i := holder(t, victim.peer, f.tg.Listener.Addr().String(), f.workers)
	code, _ := f.workers[i].stop(t, kill)
	require.Equal(t, -1, code, "killed, not ended")
	f.workers = slices.Delete(f.workers, i, i+1)
	select {
	case <-h.dead:
	case <-time.After(bound):
		t.Fatal("the fault never struck: the killed worker did not hold the delivery")
	}
}

// publishOver stores events over many aggregates in turn.
func publishOver(ctx context.Context, f *fleet, aggregates map[uint64]int) error {
	for i := range laneEvents {
		aggregate := i % laneAggregates
		sequence, err := f.store(ctx, fmt.Sprint("a", aggregate), "order.placed", i)
		if err != nil {
			return err
		}
		aggregates[sequence] = aggregate
	}
	return nil
}

package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const eventsPerRound = 100

// rounds is how often a worker is killed: CALLOUT_ROUNDS, or 3.
func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("CALLOUT_ROUNDS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "CALLOUT_ROUNDS")
	return n
}

// hold is the event that a round stops at: it is held until the worker that
// sent it is dead.
type hold struct {
	ending string // of its body
	held   chan arrival
	dead   chan struct{} // closed when the connection of that worker has ended
}

// TestKillWorker kills, again and again, the one of three workers that is in
// the middle of a request, while events flow into one ordered line. Every event
// is delivered, for the first time in its order, and under one delivery id.
func TestKillWorker(t *testing.T) {
	t.Parallel()
	tg := newTarget(t, nil)
	var next atomic.Pointer[hold]
	tg.answer = func(_ http.ResponseWriter, a arrival) {
		h := next.Load()
		if h == nil || !strings.HasSuffix(a.body, h.ending) || !next.CompareAndSwap(h, nil) {
			return
		}
		h.held <- a
		select {
		case <-a.done:
			close(h.dead)
		case <-tg.closing:
		}
	}
	f := newFleet(t, tg, `
targets:
  ledger: {type: webhook, url: "URL", timeout: 30s, KEY}
events:
  "order.*": {targets: [{target: ledger}]}
`, 3)
	var want []uint64
	for round := range rounds(t) {
		want = append(want, killRound(t, f, &next, round)...)
	}
	all := tg.seen()
	t.Logf("%d events, %d requests", len(want), len(all))
	checkOrder(t, want, all)
	awaitLag(t, f.line(t, "ledger"), 0)
	f.twin.check(t, tg, "", everywhere("/"))
}

// killRound publishes events, kills the worker that holds one of them while
// more are published, and waits for all of them.
func killRound(t *testing.T, f *fleet, next *atomic.Pointer[hold], round int) []uint64 {
	t.Helper()
	const middle = eventsPerRound / 2
	from := round * eventsPerRound
	h := &hold{ending: fmt.Sprintf(`"i":%d}}`, from+middle), held: make(chan arrival, 1), dead: make(chan struct{})}
	next.Store(h)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	before := distinct(f.tg.seen())
	sequences, err := f.publish(ctx, "order.placed", from, middle+10)
	require.NoError(t, err)
	var victim arrival
	select {
	case victim = <-h.held:
	case <-time.After(bound):
		t.Fatal("the fault never struck: no delivery was held")
	}
	type published struct {
		sequences []uint64
		err       error
	}
	rest := make(chan published, 1)
	go func() {
		sequences, err := f.publish(ctx, "order.placed", from+middle+10, eventsPerRound-middle-10)
		rest <- published{sequences, err}
	}()
	i := holder(t, victim.peer, f.tg.Listener.Addr().String(), f.workers)
	code, _ := f.workers[i].stop(t, kill)
	require.Equal(t, -1, code, "killed, not ended")
	f.workers = slices.Delete(f.workers, i, i+1)
	select {
	case <-h.dead:
	case <-time.After(bound):
		t.Fatal("the fault never struck: the killed worker did not hold the delivery")
	}
	f.hire(t)
	p := <-rest
	require.NoError(t, p.err)
	all := f.tg.await(t, bound, "all events of the round", func(all []arrival) bool { return distinct(all) >= before+eventsPerRound })
	again := slices.IndexFunc(all, func(a arrival) bool { return a.delivery == victim.delivery && a.peer != victim.peer })
	require.NotEqual(t, -1, again, "another worker took the delivery over")
	require.Equal(t, victim.attempt, all[again].attempt, "a crash is not an attempt")
	require.Equal(t, victim.body, all[again].body)
	return append(sequences, p.sequences...)
}

// checkOrder tells that every event arrived, that first arrivals are in the
// order of the stream, and that an event has one delivery id.
func checkOrder(t *testing.T, want []uint64, all []arrival) {
	t.Helper()
	ids := map[uint64]string{}
	owners := map[string]uint64{}
	var first []uint64
	for _, a := range all {
		if ids[a.sequence] == "" {
			first = append(first, a.sequence)
			ids[a.sequence] = a.delivery
			require.NotContains(t, owners, a.delivery, "two events have one delivery id")
			owners[a.delivery] = a.sequence
		}
		require.Equal(t, ids[a.sequence], a.delivery, "event %d has two delivery ids", a.sequence)
	}
	require.Equal(t, want, first)
}

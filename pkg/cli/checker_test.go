package cli_test

import (
	"cmp"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// check proves of a history: nothing was lost, each line's events first arrived
// in their order, an order went to one of its two targets only, each delivery
// has one id, and its attempts were counted right.
func (h *history) check(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	acked := slices.Clone(h.acked)
	h.mu.Unlock()
	slices.SortFunc(acked, func(a, b accepted) int { return cmp.Compare(a.sequence, b.sequence) })
	acked = slices.Compact(acked)                                                                                       // a repeated publish was told the same sequence
	for until := time.Now().Add(time.Minute); len(missing(acked, h.tg.seen())) > 0; time.Sleep(50 * time.Millisecond) { // the pace of looking
		if time.Now().After(until) {
			h.report(t, missing(acked, h.tg.seen()))
			require.FailNow(t, "events were confirmed and did not arrive")
		}
	}
	h.awaitQuiet(t)
	all := h.tg.seen()
	require.Empty(t, missing(acked, all))

	repeated := 0
	by := map[string][]arrival{}
	for _, a := range all {
		by[a.path] = append(by[a.path], a)
	}
	aggregate := map[uint64]string{}
	for _, e := range acked {
		aggregate[e.sequence] = e.aggregate
	}
	for path, arrivals := range by {
		last := map[string]uint64{}
		ids := map[uint64]string{}
		attempt := map[string]int{}
		for _, a := range arrivals {
			line := path
			if path == "/b" { // 16 lanes: in order within an aggregate
				line += aggregate[a.sequence]
			}
			if ids[a.sequence] == "" {
				require.Greater(t, a.sequence, last[line], "%s: first arrivals in order", line)
				last[line], ids[a.sequence] = a.sequence, a.delivery
			} else {
				repeated++
			}
			require.Equal(t, ids[a.sequence], a.delivery, "one id over attempts")
			// One may have timed out before the target read it.
			require.LessOrEqual(t, a.attempt, attempt[a.delivery]+2, "no attempt is left out")
			require.GreaterOrEqual(t, a.attempt, 1)
			attempt[a.delivery] = max(attempt[a.delivery], a.attempt)
		}
	}
	h.checkOneOfTwo(t, by)
	t.Logf("%d events confirmed, %d edits, broker killed %d times, %d requests, 0 lost, %d repeated, 0 out of order",
		len(acked), h.edits, h.away.Load(), len(all), repeated)
}

// missing lists what was confirmed and has not arrived where it should.
func missing(acked []accepted, all []arrival) []accepted {
	at := map[string]map[uint64]bool{"/a": {}, "/b": {}, "/c": {}, "/d": {}}
	for _, a := range all {
		at[a.path][a.sequence] = true
	}
	var out []accepted
	for _, e := range acked {
		whole := at["/a"][e.sequence] && at["/b"][e.sequence]
		if e.eventType == "order.placed" {
			whole = at["/c"][e.sequence] || at["/d"][e.sequence]
		}
		if !whole {
			out = append(out, e)
		}
	}
	return out
}

func (h *history) checkOneOfTwo(t *testing.T, by map[string][]arrival) {
	t.Helper()
	atC := map[uint64]bool{}
	for _, a := range by["/c"] {
		atC[a.sequence] = true
	}
	for _, a := range by["/d"] {
		require.False(t, atC[a.sequence], "event %d went to both", a.sequence)
	}
	require.NotEmpty(t, by["/c"])
	require.NotEmpty(t, by["/d"])
}

// awaitQuiet waits until no line has anything before it.
func (h *history) awaitQuiet(t *testing.T) {
	t.Helper()
	defer func() {
		if t.Failed() {
			h.report(t, nil)
		}
	}()
	require.Eventually(t, func() bool {
		events, err := h.js.Stream(t.Context(), "CALLOUT_EVENTS_default")
		if err != nil {
			return false
		}
		list := events.ListConsumers(t.Context())
		quiet := true
		for info := range list.Info() {
			quiet = quiet && info.NumPending == 0 && info.NumAckPending == 0
		}
		return quiet && list.Err() == nil
	}, time.Minute, 50*time.Millisecond)
}

// report tells what is missing, and how the lines stand.
func (h *history) report(t *testing.T, lost []accepted) {
	t.Helper()
	t.Logf("%d missing, the first: %+v", len(lost), lost[:min(len(lost), 5)])
	events, err := h.js.Stream(t.Context(), "CALLOUT_EVENTS_default")
	if err != nil {
		_ = h.broker.cmd.Process.Signal(syscall.SIGQUIT) // what is it doing?
		<-h.broker.done
		t.Logf("the broker does not answer: %v, connection %s\n%s", err, h.nc.Status(), h.broker.log)
		return
	}
	list := events.ListConsumers(t.Context())
	for info := range list.Info() {
		t.Logf("%s: from %d, paused %t, %d pending, %d in work, floor %d", info.Config.Description, info.Config.OptStartSeq, info.Paused,
			info.NumPending, info.NumAckPending, info.AckFloor.Stream)
	}
	kv, err := h.js.KeyValue(t.Context(), "callout_lines")
	require.NoError(t, err)
	keys, err := kv.ListKeys(t.Context())
	require.NoError(t, err)
	for key := range keys.Keys() {
		if entry, err := kv.Get(t.Context(), key); err == nil {
			t.Logf("%s = %s", key, entry.Value())
		}
	}
}

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
// has one id, and its attempts and the waits between them are the policy's.
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
	lost := missing(acked, all)
	require.Empty(t, lost)
	dead, err := h.js.Stream(t.Context(), "CALLOUT_DEAD_default")
	require.NoError(t, err)
	require.Zero(t, dead.CachedInfo().State.Msgs, "dead letters: no delivery was to be given up")

	aggregate := map[uint64]string{}
	for _, e := range acked {
		aggregate[e.sequence] = e.aggregate
	}
	repeated, reordered := h.checkOrder(t, all, aggregate)
	require.Zero(t, reordered, "events that arrived before one that stood ahead of them")
	retries := h.checkAttempts(t, all)
	failed := int(h.refused.Load() + h.unanswered.Load())
	require.Greater(t, retries, failed*4/5, "a failed attempt is counted, but those that a kill cut short")
	h.checkOneOfTwo(t, all)
	t.Logf("%d events confirmed, %d tries to publish failed, %d requests, %d refused, %d unanswered, %d attempts more than the first",
		len(acked), h.publishings.Load(), len(all), h.refused.Load(), h.unanswered.Load(), retries)
	t.Logf("killed: %v; %d edits; %d lost, %d repeated, %d reordered", h.kills, h.edits.Load(), len(lost), repeated, reordered)
}

// checkOrder counts the requests that repeat a delivery under the same number,
// and the first arrivals that are out of order. A delivery has one id.
func (h *history) checkOrder(t *testing.T, all []arrival, aggregate map[uint64]string) (repeated, reordered int) {
	t.Helper()
	type place struct {
		path     string
		sequence uint64
	}
	last := map[string]uint64{}
	ids := map[place]string{}
	attempts := map[string]map[int]bool{}
	for _, a := range all {
		line, at := a.path, place{a.path, a.sequence}
		if a.path == "/b" { // 16 lanes: in order within an aggregate
			line += aggregate[a.sequence]
		}
		if ids[at] == "" {
			if a.sequence <= last[line] {
				reordered++
				t.Errorf("%s: event %d first arrived behind %d", line, a.sequence, last[line])
			}
			last[line], ids[at], attempts[a.delivery] = a.sequence, a.delivery, map[int]bool{}
		}
		require.Equal(t, ids[at], a.delivery, "one id over attempts")
		if attempts[a.delivery][a.attempt] {
			repeated++
		}
		attempts[a.delivery][a.attempt] = true
	}
	return repeated, reordered
}

// checkAttempts proves that attempts are numbered from 1 without a gap, at most
// as many as the policy has, and that none came before its wait was over. It
// counts those behind the first.
func (h *history) checkAttempts(t *testing.T, all []arrival) (retries int) {
	t.Helper()
	first := map[string]map[int]time.Time{} // delivery → attempt → when it first arrived
	for _, a := range all {
		seen := first[a.delivery]
		if seen == nil {
			seen = map[int]time.Time{}
			first[a.delivery] = seen
		}
		require.GreaterOrEqual(t, a.attempt, 1)
		require.LessOrEqual(t, a.attempt, mostAttempts)
		// One may have timed out before the target read it.
		_, before := seen[a.attempt-1]
		_, further := seen[a.attempt-2]
		require.True(t, a.attempt <= 2 || before || further, "attempt %d of %s, without the two ahead of it", a.attempt, a.delivery)
		if _, again := seen[a.attempt]; again {
			continue
		}
		seen[a.attempt] = a.at
		if a.attempt > 1 {
			retries++
		}
		if earlier, ok := seen[a.attempt-1]; ok && !h.brokerKilledBetween(earlier, a.at) { // the waits of a killed broker are not promised to the second
			require.GreaterOrEqual(t, a.at.Sub(earlier), leastWait(a.attempt-1), "attempt %d of %s came early", a.attempt, a.delivery)
		}
	}
	return retries
}

// leastWait is the shortest wait behind so many attempts: doubled from the
// first to the longest, less the jitter of 20 % and a millisecond for the
// clocks on the way.
func leastWait(attempts int) time.Duration {
	wait := firstRetry
	for range attempts - 1 {
		wait = min(2*wait, longestRetry)
	}
	return wait*8/10 - time.Millisecond
}

func (h *history) brokerKilledBetween(from, to time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.brokerAway, func(at time.Time) bool { return at.After(from) && at.Before(to) })
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

func (h *history) checkOneOfTwo(t *testing.T, all []arrival) {
	t.Helper()
	atC, atD := map[uint64]bool{}, 0
	for _, a := range only(all, "/c") {
		atC[a.sequence] = true
	}
	for _, a := range only(all, "/d") {
		require.False(t, atC[a.sequence], "event %d went to both", a.sequence)
		atD++
	}
	require.NotEmpty(t, atC)
	require.NotZero(t, atD)
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

package node_test

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/sign"
	"github.com/callout-hq/callout/pkg/wire"
)

// turn is what one event owes to one target.
type turn struct {
	sequence uint64 // of the stream
	target   string
}

// order is what events keep their order in.
type order struct{ org, match, target, aggregate string }

// check holds what the twin got against the one rule for every test: nothing of
// one instance reached the targets of the other; each event arrived, byte for
// byte, at each target of the executions that were its best matches when it was
// stored, or is a dead letter; the events of an aggregate first arrived in their
// order; and a dead letter that is sent again arrives too.
func (w *twin) check(t *testing.T) {
	t.Helper()
	w.checked.Do(func() {
		if t.Failed() || w.hooks == nil {
			return
		}
		w.drained(t)
		owed, orders := w.owed(t)
		kept := w.ended(t, owed)
		w.isApart(t)
		w.arrived(t, owed, kept)
		w.inOrder(t, orders)
		w.redriven(t, owed, kept)
		require.Empty(t, w.faults)
	})
}

// owed says how many subscriptions of a target each event belongs to, and in which
// order of which it is: what the catalog says that was in force when it was stored.
func (w *twin) owed(t *testing.T) (owed map[turn]int, orders map[turn]order) {
	t.Helper()
	owed, orders = map[turn]int{}, map[turn]order{}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for sequence, e := range w.published {
		then, _, err := w.catalog.InForce(ctx, 0, sequence)
		require.NoError(t, err)
		for _, m := range then.Event(e.Type, e.ResourceOwner) {
			for _, called := range m.Turns {
				to := turn{sequence, called.Target.Name}
				owed[to]++
				if orders[to] = (order{m.Scope, m.Condition.Match, to.target, e.AggregateID}); called.Target.Kind == action.Async || owed[to] > 1 {
					delete(orders, to) // it has none, or several
				}
			}
		}
	}
	return owed, orders
}

// isApart sees to it that neither instance got anything of the other, nor signs
// with a key of the other.
func (w *twin) isApart(t *testing.T) {
	t.Helper()
	for instance, hooks := range map[string]*targets{"default": w.hooks, twinID: w.hooks.twin} {
		for _, a := range hooks.all() {
			var body struct {
				InstanceID string `json:"instanceID"`
			}
			if json.Unmarshal([]byte(a.body), &body) == nil && body.InstanceID != "" {
				require.Equal(t, instance, body.InstanceID, "%s got what is not its instance's: %s", a.target, a.body)
			}
		}
	}
	keys := map[string]string{}
	for _, a := range w.hooks.twin.all() {
		name := a.header.Get(wire.HeaderTarget)
		if _, known := keys[name]; !known {
			keys[name] = w.foreignKey(t, name)
		}
		if keys[name] != "" {
			require.Error(t, sign.VerifyZitadel(a.header.Get(sign.HeaderZitadel), []byte(a.body), a.at, keys[name]), "%s is signed with the other instance's key", name)
		}
	}
}

// foreignKey is the key of the target of that name in the test's instance, unless
// both were given theirs. It is empty for one that is not there.
func (w *twin) foreignKey(t *testing.T, name string) string {
	t.Helper()
	ctx := within(t, 5*time.Second)
	m, err := w.other.Catalog(ctx, 0)
	if err != nil {
		return ""
	}
	if target, err := m.Snapshot().FindTarget("", name); err != nil || target.SigningKey != (action.KeySource{}) {
		return ""
	}
	key, err := w.other.SigningKey(ctx, "", name)
	require.NoError(t, err)
	return key
}

// ended waits until each event has arrived or is a dead letter, and gives the dead
// letters: a line may say that nothing is left a moment behind a publish.
func (w *twin) ended(t *testing.T, owed map[turn]int) (kept []letters.Letter) {
	t.Helper()
	assert.Eventually(t, func() bool {
		var err error
		if kept, err = letters.Of(w.lines.Instance).All(within(t, 10*time.Second)); err != nil {
			return false
		}
		ids, async := w.deliveries(kept)
		for to, n := range owed {
			if len(ids[to]) < n {
				return false
			}
		}
		for name, n := range w.async {
			if len(async[name]) < n && !w.deaf(t, name) {
				return false
			}
		}
		return true
	}, time.Minute, 20*time.Millisecond)
	return kept
}

// deliveries are the ids of those that arrived or are dead letters: of events, and of
// async deliveries by their target.
func (w *twin) deliveries(kept []letters.Letter) (ids map[turn]map[string]bool, async map[string]map[string]bool) {
	ids, async = map[turn]map[string]bool{}, map[string]map[string]bool{}
	note := func(of map[string]bool, id string) map[string]bool {
		if of == nil {
			of = map[string]bool{}
		}
		of[id] = true
		return of
	}
	for _, a := range w.hooks.twin.all() {
		id, name := a.header.Get(wire.HeaderDelivery), a.header.Get(wire.HeaderTarget)
		if id == "" { // a call
			continue
		}
		if to, isEvent := eventOf(a); isEvent {
			ids[to] = note(ids[to], id)
		} else {
			async[name] = note(async[name], id)
		}
	}
	for _, l := range kept {
		if to := (turn{l.Sequence, l.Target}); l.Phase == action.OnEvent {
			ids[to] = note(ids[to], l.DeliveryID)
		} else {
			async[l.Target] = note(async[l.Target], l.DeliveryID)
		}
	}
	return ids, async
}

// arrived tells of each event whether it did.
func (w *twin) arrived(t *testing.T, owed map[turn]int, kept []letters.Letter) {
	t.Helper()
	for _, a := range w.hooks.twin.all() {
		to, isEvent := eventOf(a)
		if a.header.Get(wire.HeaderDelivery) == "" || !isEvent {
			continue
		}
		name := a.header.Get(wire.HeaderTarget)
		e, known := w.published[to.sequence]
		require.True(t, known, "%s got what was never published: %s", name, a.body)
		e.InstanceID = twinID
		want, err := wire.EncodeEvent(e)
		require.NoError(t, err)
		if !w.hooks.shownLess {
			require.Equal(t, string(want), eventBody(a))
		}
		require.NotZero(t, owed[to], "%s got an event that is not its own: %s", name, a.body)
	}
	for _, l := range kept {
		require.Equal(t, twinID, l.Instance)
	}
	ids, async := w.deliveries(kept)
	for to, n := range owed {
		require.Len(t, ids[to], n, "event %d of the twin at %s: it neither arrived nor is a dead letter", to.sequence, to.target)
	}
	for name, n := range w.async {
		if !w.deaf(t, name) {
			require.Len(t, async[name], n, "async deliveries of the twin to %s", name)
		}
	}
}

// eventOf tells which event arrived; ok is false for what is none.
func eventOf(a arrival) (to turn, ok bool) {
	var body struct {
		Type string `json:"event_type"`
	}
	if json.Unmarshal([]byte(eventBody(a)), &body) != nil || body.Type == "" {
		return to, false
	}
	sequence, err := strconv.ParseUint(a.header.Get(wire.HeaderSequence), 10, 64)
	return turn{sequence, a.header.Get(wire.HeaderTarget)}, err == nil
}

// eventBody is the body of an event, which a target may get as the data of a CloudEvent.
func eventBody(a arrival) string {
	var e struct{ Data json.RawMessage }
	if a.header.Get("Content-Type") != wire.TypeCloudEvent || json.Unmarshal([]byte(a.body), &e) != nil {
		return a.body
	}
	return string(e.Data)
}

// deaf tells whether nobody listens at a target.
func (w *twin) deaf(t *testing.T, name string) bool {
	t.Helper()
	all, err := w.instance.Subscriptions(within(t, 5*time.Second))
	require.NoError(t, err)
	for _, s := range all {
		if s.Target == name && s.LastError == action.CodeConnect {
			return true
		}
	}
	return false
}

// inOrder holds the first arrivals of each aggregate's events against the order
// in which they were stored.
func (w *twin) inOrder(t *testing.T, orders map[turn]order) {
	t.Helper()
	last, seen := map[order]uint64{}, map[turn]bool{}
	for _, a := range w.hooks.twin.all() {
		to, isEvent := eventOf(a)
		in, ordered := orders[to]
		if !isEvent || !ordered || seen[to] {
			continue
		}
		seen[to] = true
		require.Greater(t, to.sequence, last[in], "an event overtook another: %+v", in)
		last[in] = to.sequence
	}
}

// redriven sends the newest dead letters again: each arrives, or is a dead letter
// once more when its target has left.
func (w *twin) redriven(t *testing.T, owed map[turn]int, kept []letters.Letter) {
	t.Helper()
	const most = 20
	w.hooks.twin.agree(true)
	arrivals := func() map[string]int {
		n := map[string]int{}
		for _, a := range w.hooks.twin.all() {
			n[a.header.Get(wire.HeaderDelivery)]++
		}
		return n
	}
	before, again := arrivals(), []string{}
	for _, l := range kept[max(0, len(kept)-most):] {
		if owed[turn{l.Sequence, l.Target}] > 0 || l.Phase != action.OnEvent {
			require.NoError(t, letterJob(within(t, 10*time.Second), w.instance, action.JobRedrive, l.DeliveryID))
			again = append(again, l.DeliveryID)
		}
	}
	require.Eventually(t, func() bool {
		now := arrivals()
		for _, id := range again {
			if now[id] > before[id] {
				continue
			}
			if _, err := w.instance.DeadLetter(within(t, time.Second), id); err != nil {
				return false
			}
		}
		return true
	}, time.Minute, 5*time.Millisecond, "dead letters of the twin that are sent again do not arrive")
}

package lines_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/wire"
)

func onEvent(match string) action.Condition {
	return action.Condition{Phase: action.OnEvent, Match: match}
}

// line makes a line for an event type. It has the same name in every instance.
func line(t *testing.T, i bus.Instance, match string, change func(*lines.Line)) lines.Line {
	t.Helper()
	l := lines.Line{Name: "line", Instance: i.ID, Target: "hook", Lanes: 1, Condition: onEvent(match), Cut: 1}
	if change != nil {
		change(&l)
	}
	if shards.Unasked > 0 && !l.Unordered && !l.Async {
		l.Shard = lines.ShardOf(l, shards.Unasked)
	}
	require.NoError(t, lines.Of(i).Ensure(bustest.Within(t, 20*time.Second), l))
	return l
}

// consume takes from lines until the test ends.
func consume(t *testing.T, b *bus.Bus, handle func(context.Context, *lines.Delivery), all ...lines.Line) *lines.Consumer {
	t.Helper()
	c := lines.NewConsumer(b, 8, handle)
	for _, l := range all {
		c.Start(context.Background(), l)
	}
	t.Cleanup(c.Stop)
	return c
}

// unlapsed tells a test of an end that failed. A lease may lapse where much goes on at
// once, on a machine under load: the delivery then comes again, which is no fault.
func unlapsed(t *testing.T, err error) {
	if err != nil && !errors.Is(err, lines.ErrLapsed) {
		t.Error(err)
	}
}

// acked notes the bodies of deliveries, and ends each.
func acked(t *testing.T, seen *bustest.Noted) func(context.Context, *lines.Delivery) {
	return func(_ context.Context, d *lines.Delivery) {
		if err := d.Ack(); err != nil {
			t.Error(err)
		}
		seen.Add(string(d.Body))
	}
}

// lag waits until a line has so much before it.
func lag(t *testing.T, i bus.Instance, l lines.Line, want uint64) {
	t.Helper()
	require.Eventually(t, func() bool {
		backlog, err := lines.Of(i).Backlog(bustest.Within(t, 10*time.Second), l)
		return err == nil && backlog.Lag() == want
	}, time.Minute, 5*time.Millisecond)
}

// TestKeysAreUnlike: no two lines have the same identity, and one line has the
// same whatever changes of it.
func TestKeysAreUnlike(t *testing.T) {
	t.Parallel()
	l := lines.Line{Name: "line", Instance: "default", Target: "hook"}
	for _, change := range []func(*lines.Line){
		func(l *lines.Line) { l.Instance = "another" },
		func(l *lines.Line) { l.Async = true },
		func(l *lines.Line) { l.Name = "line2" },
	} {
		other := l
		change(&other)
		require.NotEqual(t, l.Key(), other.Key())
	}
	same := l
	same.Unordered, same.DrainTo, same.Revision, same.AckWait, same.Target = true, 7, 8, 9, "renamed"
	require.Equal(t, l.Key(), same.Key())
}

// TestDeliveryIDs are the same for the same event in the same subscription, and
// for no other.
func TestDeliveryIDs(t *testing.T) {
	t.Parallel()
	at := time.Unix(1, 2)
	l := lines.Line{Name: "line", Instance: "default", Condition: onEvent("user.*"), Target: "hook", Lane: 1, Lanes: 4}
	id := l.DeliveryID(7, at)
	require.Regexp(t, `^dlv_[0-9a-f]{32}$`, id)
	again := l
	again.Name, again.Lane, again.Lanes, again.Replay, again.Revision, again.Cut = "replay", 3, 16, true, 9, 5
	require.Equal(t, id, again.DeliveryID(7, at), "in another line of the subscription")
	seen := map[string]bool{id: true, l.DeliveryID(8, at): true, l.DeliveryID(7, at.Add(1)): true}
	require.Len(t, seen, 3)
	for _, change := range []func(*lines.Line){
		func(l *lines.Line) { l.Instance = "another" },
		func(l *lines.Line) { l.Org = "acme" },
		func(l *lines.Line) { l.Owner = "acme" },
		func(l *lines.Line) { l.Condition = onEvent("*") },
		func(l *lines.Line) { l.Target = "hook2" },
	} {
		other := l
		change(&other)
		require.NotContains(t, seen, other.DeliveryID(7, at))
		seen[other.DeliveryID(7, at)] = true
	}
	require.Equal(t, "user.*/hook", l.Subscription())
	l.Org = "acme"
	require.Equal(t, "acme:user.*/hook", l.Subscription())
}

// TestSubscriptionsAreUnlike: no two have one name, wherever slashes and colons stand.
func TestSubscriptionsAreUnlike(t *testing.T) {
	t.Parallel()
	seen := map[string]lines.Line{}
	for _, l := range []lines.Line{
		{Org: "com.acme", Condition: onEvent("thing"), Target: "hook"}, {Condition: onEvent("com.acme:thing"), Target: "hook"},
		{Condition: onEvent("orders"), Target: "create/hook"}, {Condition: onEvent("orders/create"), Target: "hook"},
		{Condition: onEvent("orders%2Fcreate"), Target: "hook"}, {Condition: onEvent("orders/create.*"), Target: "hook"},
	} {
		require.NotContains(t, seen, l.Subscription())
		seen[l.Subscription()] = l
	}
	require.Contains(t, seen, "orders%2Fcreate/hook")
}

// TestTakes: a line has an event whose subscription it is, on its number of
// lanes.
func TestTakes(t *testing.T) {
	t.Parallel()
	s, sc := catalog.Empty("default").Draft("")
	sc.Targets["hook"] = catalog.WithDefaults(action.Target{Name: "hook", Kind: action.Webhook, URL: "https://a.example"})
	sc.Sections[action.OnEvent] = []action.Execution{{Name: "user.*", Match: "user.*", Entries: []action.Entry{{Target: "hook"}}}}
	m, err := catalog.Compile(s)
	require.NoError(t, err)
	l := lines.Line{Name: "line", Instance: "default", Target: "hook", Lanes: 1, Condition: onEvent("user.*")}
	event := wire.StoredEvent{Instance: "default", Org: "acme", Type: "user.added"}
	require.NotNil(t, l.Takes(m, event))
	other := event
	other.Type = "org.added"
	require.Nil(t, l.Takes(m, other))
	lanes := l
	lanes.Lanes = 4
	require.Nil(t, lanes.Takes(m, event), "one that is to drain")
	lanes.Replay = true
	require.NotNil(t, lanes.Takes(m, event), "a replay has the lanes that it was made with")
	gone := l
	gone.Target = "gone"
	require.Nil(t, gone.Takes(m, event))
}

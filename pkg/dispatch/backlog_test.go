package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/letters"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/wire"
)

// TestWaiting counts what waits, of a target and of an execution, also while the
// lines drain; each instance counts its own.
func TestWaiting(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		i, p := d.Instance(of.id), f.publisher()
		count := slices.Index(instances, of.id) + 3 // other numbers than the other instance
		of.made(t, d, baseOf(r, of.id))
		for range count {
			p.publish(t, of.id, "", "user.added", "u")
			p.publish(t, of.id, "acme", "user.added", "u")
		}
		p.publish(t, of.id, "", "order.placed", "o")
		users := action.Condition{Phase: action.OnEvent, Match: "user.*"}
		added := action.Condition{Phase: action.OnEvent, Match: "user.added"}
		waiting := func(of catalog.Line) int {
			n, err := i.Waiting(within(t, 20*time.Second), of)
			require.NoError(t, err)
			return int(n)
		}
		check := func(when string) {
			require.Equal(t, 2*count, waiting(catalog.Line{Target: "y"}), when)
			require.Equal(t, count, waiting(catalog.Line{Owner: "acme", Target: "x"}), when)
			require.Equal(t, 4*count, waiting(catalog.Line{Condition: users}), "%s: of both its targets", when)
			require.Equal(t, count, waiting(catalog.Line{Org: "acme", Condition: added}), when)
			require.Equal(t, 1, waiting(catalog.Line{Target: "z"}), when)
			require.Zero(t, waiting(catalog.Line{Target: "no such"}), when)
		}
		// The server tells a consumer of an event just after it has confirmed it.
		settled := func() bool {
			return waiting(catalog.Line{Target: "y"})+waiting(catalog.Line{Owner: "acme", Target: "x"})+waiting(catalog.Line{Target: "z"}) == 3*count+1
		}
		require.Eventually(t, settled, 10*time.Second, 5*time.Millisecond)
		check("at first")
		of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot { return lacking(current, "x") })
		p.publish(t, of.id, "", "order.placed", "o")
		require.Equal(t, 2, waiting(catalog.Line{Target: "z"}))
		require.Equal(t, 2*count, waiting(catalog.Line{Target: "x"}), "while it drains")
	})
	f.worker(f.bus())
	f.settled(t, instances...)
	for _, id := range instances {
		n, err := d.Instance(id).Waiting(within(t, 20*time.Second), catalog.Line{Target: "y"})
		require.NoError(t, err)
		require.Zero(t, n)
	}
}

// TestStraysAreBuried: an event lies where no line can see it, and becomes a dead
// letter of no subscription. The other instance's stay.
func TestStraysAreBuried(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	both(t, f, func(t *testing.T, of tenant) {
		of.made(t, d, baseOf(r, of.id))
		b := of.bus().Instance(of.id)
		body := fmt.Appendf(nil, `{"aggregateID":"u","event_type":"user.added","resourceOwner":%q}`, of.id)
		_, err := f.js.PublishMsg(within(t, 20*time.Second), &nats.Msg{Subject: "callout.event." + wire.Token(of.id) + ".=.*.user.added", Data: body})
		require.NoError(t, err)
		var kept []letters.Letter
		require.Eventually(t, func() bool {
			kept, err = letters.Of(b).All(within(t, 20*time.Second))
			return err == nil && len(kept) > 0
		}, time.Minute, 20*time.Millisecond)
		require.Len(t, kept, 1)
		require.Equal(t, []any{action.CodeMalformed, "", string(body)}, []any{kept[0].Reason, kept[0].Target, string(kept[0].Body)})
		require.Eventually(t, func() bool {
			_, found, err := lines.Of(b).NextStray(within(t, 20*time.Second))
			return err == nil && !found
		}, time.Minute, 20*time.Millisecond, "it is taken out of the stream")
	})
}

// TestAnUnknownInstance: whatever it is asked, a dispatcher says that it does not
// know an instance, and makes none.
func TestAnUnknownInstance(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	d := f.dispatcher()
	_, _, err := d.tryEdit(t, instance, "api", add("a", "https://a.example"))
	require.NoError(t, err)
	i := d.Instance(instances[1])
	for name, ask := range map[string]func(ctx context.Context) error{
		"catalog":    func(ctx context.Context) error { _, err := i.Catalog(ctx, 0); return err },
		"catalog at": func(ctx context.Context) error { _, err := i.CatalogAt(ctx, 1); return err },
		"history":    func(ctx context.Context) error { _, err := i.History(ctx, 0, 1); return err },
		"watch":      func(ctx context.Context) error { return i.Watch(ctx, 0, func(action.Revision) error { return nil }) },
		"subscriptions": func(ctx context.Context) error {
			_, err := i.Subscriptions(ctx)
			return err
		},
		"pause":         func(ctx context.Context) error { return i.PauseTarget(ctx, "", "a", "") },
		"resume":        func(ctx context.Context) error { _, err := i.ResumeTarget(ctx, "", "a"); return err },
		"pause lines":   func(ctx context.Context) error { return i.PauseSubscription(ctx, "a/b", dispatch.AllLanes) },
		"resume lines":  func(ctx context.Context) error { return i.ResumeSubscription(ctx, "a/b", dispatch.AllLanes) },
		"retry":         func(ctx context.Context) error { return i.RetryNow(ctx, "a/b", dispatch.AllLanes) },
		"skip":          func(ctx context.Context) error { return i.Skip(ctx, "a/b", dispatch.AllLanes) },
		"letters":       func(ctx context.Context) error { _, err := i.LastDeadLetter(ctx); return err },
		"letter":        func(ctx context.Context) error { _, err := i.DeadLetter(ctx, "dlv_1"); return err },
		"letters from":  func(ctx context.Context) error { return i.DeadLettersFrom(ctx, 0, nil) },
		"jobs":          func(ctx context.Context) error { _, err := i.Jobs(ctx); return err },
		"tail":          func(ctx context.Context) error { return i.Tail(ctx, lines.TailOptions{}, nil, nil) },
		"replay":        func(ctx context.Context) error { _, err := i.Replay(ctx, "a/b", 1, time.Time{}); return err },
		"not to follow": func(ctx context.Context) error { _, err := i.Catalog(ctx, 7); return err },
	} {
		err := ask(within(t, 20*time.Second))
		require.Equal(t, action.CodeUnknownInstance, action.CodeOf(err), "%s: %v", name, err)
	}
	require.Empty(t, f.keptOf(instances[1]))
	_, err = f.js.Stream(within(t, 10*time.Second), "CALLOUT_EVENTS_"+wire.Token(instances[1]))
	require.Error(t, err, "none was made")
}

// TestTailOfOneInstance: the events of an instance are shown as they are stored,
// by type, and those of another one are not. It ends with the dispatcher.
func TestTailOfOneInstance(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	ended := errors.New("enough")
	both(t, f, func(t *testing.T, of tenant) {
		of.made(t, d, baseOf(r, of.id))
		p := f.publisher()
		p.publish(t, of.id, "", "user.added", "u")
		p.publish(t, of.id, "", "order.placed", "o")
		p.publish(t, of.id, "", "user.added", "v")
		var seen []string
		err := d.Instance(of.id).Tail(within(t, 20*time.Second), lines.TailOptions{Type: action.Condition{Phase: action.OnEvent, Match: "user.*"}, From: 1},
			func(uint64) error { return nil }, func(e lines.StoredEvent) error {
				if seen = append(seen, e.Instance+" "+e.Type+" "+e.Aggregate); len(seen) == 2 {
					return ended
				}
				return nil
			})
		require.ErrorIs(t, err, ended)
		require.Equal(t, []string{of.id + " user.added " + of.id + "//u", of.id + " user.added " + of.id + "//v"}, seen)
	})
	tailing := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		tailing <- d.Instance(instance).Tail(context.Background(), lines.TailOptions{Type: action.Condition{Phase: action.OnEvent, Match: "*"}},
			func(uint64) error { close(begun); return nil }, func(lines.StoredEvent) error { return nil })
	}()
	<-begun
	require.NoError(t, d.Stop(within(t, 20*time.Second)))
	code(t, action.CodeUnavailable, <-tailing)
}

// lineTo is what waits for a target of the instance.
func lineTo(target string) catalog.Line { return catalog.Line{Target: target} }

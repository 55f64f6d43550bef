package lead_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lead"
)

// leadInstances are led side by side: what happens to one is nothing to the other.
var leadInstances = []string{instance, "other"}

// bothInstances runs a test for each of them at once.
func bothInstances(t *testing.T, test func(t *testing.T, instance string)) {
	t.Helper()
	for _, instance := range leadInstances {
		t.Run(instance, func(t *testing.T) {
			t.Parallel()
			test(t, instance)
		})
	}
}

// hold leads an instance until the function is called that it gives.
func hold(t *testing.T, b *bus.Bus, instance string) (release func()) {
	t.Helper()
	entered, leave, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	ctx := within(t, time.Minute)
	go func() {
		ended <- lead.Run(ctx, b.Instance(instance), func(context.Context) error { close(entered); <-leave; return nil })
	}()
	select {
	case <-entered:
	case err := <-ended:
		t.Fatal("no lead: ", err)
	}
	release = sync.OnceFunc(func() { close(leave); <-ended })
	t.Cleanup(release)
	return release
}

// order is who had a turn, in this order.
type order struct {
	mu   sync.Mutex
	seen []string
}

func (o *order) turn(who string) func(context.Context) error {
	return func(context.Context) error {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.seen = append(o.seen, who)
		return nil
	}
}

// awaitWaiting waits until so many dispatchers stand in line for an instance.
func awaitWaiting(t *testing.T, b *bus.Bus, instance string, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		have, err := lead.LeadWaiting(within(t, 5*time.Second), b, instance)
		return err == nil && have == want
	}, time.Minute, time.Millisecond, "%d that wait", want)
}

// awaitQueued waits until so many callers of a process lead or wait.
func awaitQueued(t *testing.T, b *bus.Bus, instance string, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		have, _ := lead.LeadQueued(b, instance)
		return have == want
	}, time.Minute, time.Millisecond, "%d callers", want)
}

// TestTurnsGoAroundBetweenDispatchers has one dispatcher ask again as soon as its
// turn is over. Whoever waits by then comes before.
func TestTurnsGoAroundBetweenDispatchers(t *testing.T) {
	t.Parallel()
	s, greedy := prepared(t, bus.Options{})
	bothInstances(t, func(t *testing.T, instance string) {
		release := hold(t, greedy, instance)
		var seen order
		var all sync.WaitGroup
		for i := range 4 {
			other := connect(t, s, bus.Options{})
			all.Go(func() {
				assert.NoError(t, lead.Run(within(t, 30*time.Second), other.Instance(instance), seen.turn(fmt.Sprint("other ", i))))
			})
			awaitWaiting(t, other, instance, i+1)
		}
		release()
		for range 3 {
			require.NoError(t, lead.Run(within(t, 30*time.Second), greedy.Instance(instance), seen.turn("greedy")))
		}
		all.Wait()
		require.Equal(t, []string{"other 0", "other 1", "other 2", "other 3", "greedy", "greedy", "greedy"}, seen.seen)
	})
}

// TestTurnsInOneDispatcherComeInOrder has many wait in one process: each comes in
// the order in which it asked, and who gives up is gone at once.
func TestTurnsInOneDispatcherComeInOrder(t *testing.T) {
	t.Parallel()
	_, b := prepared(t, bus.Options{})
	bothInstances(t, func(t *testing.T, instance string) {
		release := hold(t, b, instance)
		var seen order
		var all sync.WaitGroup
		var want []string
		for i := range 32 {
			ctx, cancel := context.WithCancel(within(t, 30*time.Second))
			defer cancel()
			gaveUp := make(chan error, 1)
			all.Go(func() { gaveUp <- lead.Run(ctx, b.Instance(instance), seen.turn(fmt.Sprint(i))) })
			awaitQueued(t, b, instance, len(want)+2)
			if i%8 != 3 {
				want = append(want, fmt.Sprint(i))
				continue
			}
			cancel()
			err := <-gaveUp
			code(t, action.CodeConflict, err)
			require.ErrorIs(t, err, context.Canceled)
			awaitQueued(t, b, instance, len(want)+1)
		}
		release()
		all.Wait()
		require.Equal(t, want, seen.seen)
		require.Eventually(t, func() bool { _, kept := lead.LeadQueued(b, instance); return !kept }, time.Minute, time.Millisecond)
	})
}

// TestWhoGivesUpLeavesTheRota has the only caller of a dispatcher give up, and the
// first of two: the second then has the place of the first.
func TestWhoGivesUpLeavesTheRota(t *testing.T) {
	t.Parallel()
	s, b := prepared(t, bus.Options{})
	bothInstances(t, func(t *testing.T, instance string) {
		release := hold(t, b, instance)
		one, two, three := connect(t, s, bus.Options{}), connect(t, s, bus.Options{}), connect(t, s, bus.Options{})
		var seen order
		var all sync.WaitGroup
		ask := func(b *bus.Bus, who string) (giveUp func(), ended chan error) {
			ctx, cancel := context.WithCancel(within(t, 30*time.Second))
			ended = make(chan error, 1)
			all.Go(func() { ended <- lead.Run(ctx, b.Instance(instance), seen.turn(who)) })
			return cancel, ended
		}
		giveUp, ended := ask(one, "alone")
		awaitWaiting(t, b, instance, 1)
		giveUpFirst, endedFirst := ask(two, "the first of two")
		awaitWaiting(t, b, instance, 2)
		_, endedSecond := ask(two, "the second of two")
		awaitQueued(t, two, instance, 2)
		_, endedThree := ask(three, "another dispatcher")
		awaitWaiting(t, b, instance, 3)
		giveUp()
		code(t, action.CodeConflict, <-ended)
		awaitWaiting(t, b, instance, 2)
		giveUpFirst()
		code(t, action.CodeConflict, <-endedFirst)
		release()
		require.NoError(t, <-endedSecond)
		require.NoError(t, <-endedThree)
		all.Wait()
		require.Equal(t, []string{"the second of two", "another dispatcher"}, seen.seen)
	})
}

// TestLeadWithinLead asks for a lead that the caller has already, which would wait
// for itself; another instance's may be had within it.
func TestLeadWithinLead(t *testing.T) {
	t.Parallel()
	s, b := prepared(t, bus.Options{})
	for i, outer := range leadInstances {
		inner := leadInstances[1-i]
		began := time.Now()
		require.NoError(t, lead.Run(within(t, 30*time.Second), b.Instance(outer), func(ctx context.Context) error {
			for _, again := range []*bus.Bus{b, connect(t, s, bus.Options{})} {
				err := lead.Run(ctx, again.Instance(outer), func(context.Context) error { t.Error("led twice"); return nil })
				code(t, action.CodeInternal, err)
				require.ErrorIs(t, err, lead.ErrLeadWithin)
			}
			return lead.Run(ctx, b.Instance(inner), func(ctx context.Context) error {
				require.ErrorIs(t, lead.Run(ctx, b.Instance(outer), func(context.Context) error { return nil }), lead.ErrLeadWithin)
				return lead.Held(ctx)
			})
		}))
		require.Less(t, time.Since(began), 20*time.Second)
	}
}

// TestLeadingTellsOfTheLead asks within a turn, after it, and without one.
func TestLeadingTellsOfTheLead(t *testing.T) {
	t.Parallel()
	_, b := prepared(t, bus.Options{})
	code(t, action.CodeInternal, lead.Held(context.Background()))
	for _, instance := range leadInstances {
		var kept context.Context
		require.NoError(t, lead.Run(within(t, 30*time.Second), b.Instance(instance), func(ctx context.Context) error {
			kept = ctx
			return lead.Held(ctx)
		}))
		require.ErrorIs(t, lead.Held(kept), lead.ErrLeadOver)
		require.ErrorIs(t, context.Cause(kept), lead.ErrLeadOver)
	}
}

// TestTurnThatPanics leaves nothing behind that others wait for.
func TestTurnThatPanics(t *testing.T) {
	t.Parallel()
	_, b := prepared(t, bus.Options{})
	for _, instance := range leadInstances {
		require.Panics(t, func() {
			_ = lead.Run(within(t, 30*time.Second), b.Instance(instance), func(context.Context) error { panic("ours") })
		})
		began := time.Now()
		require.NoError(t, lead.Run(within(t, 30*time.Second), b.Instance(instance), func(context.Context) error { return nil }))
		require.Less(t, time.Since(began), lead.LeadTrust, "it was left to lapse")
	}
}

// TestSuspendedMachineCounts has one clock stand still, or be set back.
func TestSuspendedMachineCounts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ wall, run, want time.Duration }{
		{time.Second, time.Second, time.Second},
		{time.Hour, time.Second, time.Hour},    // suspended
		{-time.Hour, time.Second, time.Second}, // set back
	} {
		require.Equal(t, tt.want, lead.Passed(tt.wall, tt.run))
	}
}

// TestMoreThanMayWait: one caller too many of a process, and one dispatcher too
// many, are told that the instance is busy. NATS answers, so nothing is unavailable.
func TestMoreThanMayWait(t *testing.T) {
	t.Parallel()
	s, b := prepared(t, bus.Options{})
	leads, err := plain(t, s).KeyValue(within(t, 5*time.Second), "callout_leads")
	require.NoError(t, err)
	nobody := func(context.Context) error { return errors.New("it leads") }
	bothInstances(t, func(t *testing.T, instance string) {
		release := hold(t, b, instance)
		ctx, leave := context.WithCancel(within(t, 30*time.Second))
		var all sync.WaitGroup
		for range lead.QueueMost {
			all.Go(func() {
				assert.Equal(t, action.CodeConflict, action.CodeOf(lead.Run(ctx, b.Instance(instance), nobody)))
			})
		}
		awaitQueued(t, b, instance, 1+lead.QueueMost)
		code(t, action.CodeBusy, lead.Run(ctx, b.Instance(instance), nobody))
		leave()
		all.Wait()
		release()
	})
	for _, instance := range []string{"full", "other-full"} {
		_, err := leads.Put(within(t, 5*time.Second), instance, lead.FullRota())
		require.NoError(t, err)
		code(t, action.CodeBusy, lead.Run(within(t, 30*time.Second), b.Instance(instance), nobody))
	}
}
